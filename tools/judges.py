"""Telling a project's tests, which judge the work, from the sources that are worked on."""

import re
from pathlib import PurePosixPath

_TEST_FILE = re.compile(r"(test_.*|.*_test)\.py|.*\.(test|spec)\.[jt]sx?|.*_test\.go")
_TEST_FOLDERS = frozenset({"tests", "test", "testing", "__tests__", "spec"})
_SETUP = frozenset(
    {
        "conftest.py",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "sitecustomize.py",
        "usercustomize.py",
        "pytest.py",  # would take pytest's place
        "greenloop_report.py",
    }
)


def is_test_file(path: str) -> bool:
    """Whether a path, relative to the workspace, belongs to the tests."""
    pure = PurePosixPath(path)
    return (
        is_test_setup(path)
        or bool(_TEST_FILE.fullmatch(pure.name))
        or any(part in _TEST_FOLDERS for part in pure.parts[:-1])
    )


def is_test_setup(path: str) -> bool:
    """Whether a path can switch tests on and off, even if it is new."""
    return PurePosixPath(path).name in _SETUP
