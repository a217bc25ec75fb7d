"""A task in ten steps over a repository of more than a hundred files, and a model's replies to it.

The replies have what happens with small models: looks before edits, edits that do not fit and are
corrected, an edit that breaks a test and is repaired, and a review.
"""

import json
from collections.abc import Mapping, Sequence

STEPS = 10
_OTHERS = 100
_LONG = frozenset({3, 8})
"""Parts whose module is too long to be shown whole."""

_FUNCTION = '''def {name}(amount, limit={limit}):
    """The {name} of an order's amount, for no more than the limit."""
    if amount > limit:
        raise ValueError("amount is above the limit")
    return amount + {limit} % 7


'''
_PART = '''"""Part {n} of the shop: prices and discounts."""


def price_{n}(amount):
    """The amount with the rate of part {n} applied."""
    return amount + {n}


def discount_{n}(amount):
    """What a good customer of part {n} gets off."""
    return amount - {n}


'''
_TESTS = """from shop.part_{n} import discount_{n}, price_{n}


def test_price():
    assert price_{n}(10) == {price}


def test_discount():
    assert discount_{n}(10) == {discount}
"""

TASK = "\n".join(
    f"{n}. price_{n} in shop/part_{n}.py must multiply the amount by {n + 1}"
    for n in range(1, STEPS + 1)
)


def project() -> Mapping[str, str]:
    """The files of the repository, by path."""
    files = {"conftest.py": "", "shop/__init__.py": "", "shop/lib/__init__.py": ""}
    for n in range(1, STEPS + 1):
        files[f"shop/part_{n}.py"] = _PART.format(n=n) + _functions(n, 60 if n in _LONG else 6)
        files[f"tests/test_part_{n}.py"] = _TESTS.format(n=n, price=10 * (n + 1), discount=10 - n)
    for n in range(1, _OTHERS + 1):
        text = _functions(100 + n, 4 + n % 40)
        files[f"shop/lib/module_{n:03}.py"] = f'"""Module {n} of the shop."""\n\n\n{text}'
    return files


def replies() -> Sequence[str]:
    """What the model says, in order."""
    plan = {"steps": [f"price_{n} multiplies by {n + 1}" for n in range(1, STEPS + 1)]}
    verdict = {"reasons": [], "verdict": "keep"}
    steps = [reply for n in range(1, STEPS + 1) for reply in _step(n)]
    return [json.dumps(plan), *steps, json.dumps(verdict)]


def _step(n: int) -> Sequence[str]:
    good = "The rate is added and not applied.\n\n" + _block(
        n, f"    return amount + {n}", f"    return amount * {n + 1}"
    )
    if n in (1, 6):
        return _look(f"READ shop/lib/module_{n:03}.py", f"GREP def price_{n}"), good
    if n == 5:
        return _look("GREP discount_5"), _look("READ shop/part_5.py:1-20"), good
    if n in (3, 10):
        return "The sum is wrong.\n\n" + _block(n, "    return sum(amount)", "    return 1"), good
    if n == 4:
        right, wrong = f"    return amount - {n}", f"    return amount * {n}"
        back = "The discount was right before.\n\n" + _block(n, wrong, right)
        return good + _block(n, right, wrong), back
    return (good,)


def _look(*lines: str) -> str:
    return "\n".join(["```look", *lines, "```"])


def _block(n: int, old: str, new: str) -> str:
    return f"shop/part_{n}.py\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n\n"


def _functions(seed: int, number: int) -> str:
    return "".join(
        _FUNCTION.format(name=f"rule_{seed}_{at}", limit=seed * 10 + at) for at in range(number)
    )
