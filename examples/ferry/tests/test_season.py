from datetime import date

import pytest

from ferry.season import is_high_season, with_surcharge


@pytest.mark.parametrize(
    ("day", "high"),
    [
        (date(2026, 5, 14), False),
        (date(2026, 5, 15), True),
        (date(2026, 9, 15), True),
        (date(2026, 9, 16), False),
    ],
)
def test_bounds_of_the_season(day, high):
    assert is_high_season(day) is high


def test_surcharge():
    assert with_surcharge(1850, date(2026, 7, 1)) == 2220
    assert with_surcharge(1850, date(2026, 12, 1)) == 1850
