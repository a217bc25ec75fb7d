"""Fares and bookings of a small ferry line."""
