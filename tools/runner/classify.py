"""Sorting failures into the classes that decide what happens next."""

from collections.abc import Iterable

from greenloop.state import FailureClass
from greenloop.tools.runner.report import TestCase

_BY_ERROR: dict[str, FailureClass] = {
    "SyntaxError": "syntax",
    "IndentationError": "syntax",
    "TabError": "syntax",
    "ImportError": "import",
    "ModuleNotFoundError": "import",
    "NameError": "name",
    "UnboundLocalError": "name",
    "AssertionError": "assertion",
    "Failed": "assertion",  # pytest.fail and pytest.raises
    "Timeout": "timeout",
    "TimeoutError": "timeout",
}

_MOST_BASIC_FIRST: tuple[FailureClass, ...] = (
    "syntax",
    "import",
    "name",
    "collection",
    "crash",
    "timeout",
    "exception",
    "assertion",
    "command",
)


def classify(error: str, *, collecting: bool = False) -> FailureClass:
    """Class of a failure by its exception's name."""
    return _BY_ERROR.get(error, "collection" if collecting else "exception")


def classify_run(failing: Iterable[TestCase]) -> FailureClass:
    """The most basic class among the failures: a name error explains more than an assertion."""
    kinds = {case.kind for case in failing}
    return next((kind for kind in _MOST_BASIC_FIRST if kind in kinds), "none")
