"""Fares by age."""

ADULT, CHILD, INFANT = "adult", "child", "infant"
CENTS = {ADULT: 1850, CHILD: 925, INFANT: 0}


def group_of(age):
    """Infants are under 4, children under 15, everyone else pays as an adult."""
    if age < 0:
        raise ValueError(f"an age cannot be negative: {age}")
    if age < 4:
        return INFANT
    if age <= 15:
        return CHILD
    return ADULT


def fare(age):
    """Fare in cents for a traveller of that age."""
    return CENTS[group_of(age)]
