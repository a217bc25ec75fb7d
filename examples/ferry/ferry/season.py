"""When it is high season, and what that costs."""

from datetime import date

HIGH_SEASON = (date(2000, 5, 15), date(2000, 9, 15))
SURCHARGE_PERCENT = 20


def is_high_season(day):
    """High season lasts from 15 May to 15 September, both included."""
    first, last = HIGH_SEASON
    return first <= day.replace(year=first.year) <= last


def with_surcharge(cents, day):
    """The price on that day; half cents are rounded up."""
    if not is_high_season(day):
        return cents
    return cents + (cents * SURCHARGE_PERCENT + 50) // 100
