from datetime import date

import pytest

from ferry.booking import Crossing, SoldOut

WINTER, SUMMER = date(2026, 1, 10), date(2026, 7, 10)


def test_family():
    assert Crossing(WINTER).book([40, 38, 8, 1]).total() == 4625


def test_family_in_summer():
    assert Crossing(SUMMER).book([40, 38, 8, 1]).total() == 5550


def test_group_of_eight_gets_ten_percent_off():
    assert Crossing(WINTER).book([30] * 8).total() == 13320


def test_infants_do_not_make_a_group():
    assert Crossing(WINTER).book([30] * 7 + [1]).total() == 12950


def test_infants_need_no_seat():
    crossing = Crossing(WINTER, seats=2)
    crossing.book([30, 1])
    assert crossing.seats_left() == 1


def test_sold_out():
    crossing = Crossing(WINTER, seats=3)
    crossing.book([30, 30])
    with pytest.raises(SoldOut, match="1 seats"):
        crossing.book([30, 30])
