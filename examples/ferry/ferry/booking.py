"""Bookings: several travellers, one price."""

from ferry.fares import INFANT, fare, group_of
from ferry.season import with_surcharge

GROUP_SIZE = 8
GROUP_DISCOUNT_PERCENT = 10
SEATS = 60


class SoldOut(Exception):
    """There are not enough seats left."""


class Crossing:
    """One crossing on one day, with its seats."""

    def __init__(self, day, seats=SEATS):
        self.day = day
        self.seats = seats
        self.bookings = []

    def seats_left(self):
        """Seats not yet taken; infants travel on a lap."""
        taken = sum(len(booking.seated()) for booking in self.bookings)
        return self.seats - taken

    def book(self, ages):
        """Book for travellers of these ages."""
        booking = Booking(self.day, ages)
        if len(booking.seated()) > self.seats_left():
            raise SoldOut(f"{self.seats_left()} seats are left")
        self.bookings.append(booking)
        return booking


class Booking:
    """Some travellers on a day."""

    def __init__(self, day, ages):
        self.day = day
        self.ages = list(ages)

    def seated(self):
        """Ages of those who need a seat."""
        return [age for age in self.ages if group_of(age) != INFANT]

    def total(self):
        """Price in cents: fares, then the group discount, then the season."""
        cents = sum(fare(age) for age in self.ages)
        if len(self.seated()) >= GROUP_SIZE:
            cents += cents * GROUP_DISCOUNT_PERCENT // 100
        return with_surcharge(cents, self.day)
