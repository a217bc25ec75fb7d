import pytest

from ferry.fares import ADULT, CHILD, INFANT, fare, group_of


@pytest.mark.parametrize(
    ("age", "group"), [(0, INFANT), (3, INFANT), (4, CHILD), (14, CHILD), (15, ADULT), (70, ADULT)]
)
def test_group_of(age, group):
    assert group_of(age) == group


def test_fares():
    assert [fare(age) for age in (2, 8, 40)] == [0, 925, 1850]


def test_a_negative_age_is_refused():
    with pytest.raises(ValueError, match="negative"):
        group_of(-1)
