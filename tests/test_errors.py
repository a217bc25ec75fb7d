import inspect
import re

from greenloop import errors


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"\b(\w+Error)\b", errors.__doc__ or ""))
    classes = {
        n for n, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
    }
    assert drawn == classes == set(errors.__all__)


def test_exit_codes() -> None:
    assert errors.NoTestsError.exit_code == 2
    assert errors.ModelUnavailableError.exit_code == 3
