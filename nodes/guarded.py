"""Which files the coder may not touch: the tests that existed before the run are the judge."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from greenloop.checkpoints.snapshots import SnapshotStore

_TEST_FILE = re.compile(r"(test_.*|.*_test)\.py|.*\.(test|spec)\.[jt]sx?|.*_test\.go")
_TEST_FOLDERS = frozenset({"tests", "test", "testing", "__tests__", "spec"})
_TEST_SETUP = frozenset({"conftest.py", "pytest.ini", ".pytest.ini", "sitecustomize.py"})


def is_test_file(path: str) -> bool:
    """Whether a path, relative to the workspace, belongs to the tests."""
    pure = PurePosixPath(path)
    return (
        pure.name in _TEST_SETUP
        or bool(_TEST_FILE.fullmatch(pure.name))
        or any(part in _TEST_FOLDERS for part in pure.parts[:-1])
    )


def guarded_paths(snapshots: SnapshotStore, base_tree: str) -> tuple[str, ...]:
    """Test files of the tree before the run."""
    return tuple(path for path in snapshots.paths(base_tree) if is_test_file(path))


def guard(snapshots: SnapshotStore, base_tree: str) -> Callable[[str], bool]:
    """A rule for edits: no old test file, and no new test setup (it could switch tests off)."""
    old = frozenset(guarded_paths(snapshots, base_tree))

    def refuses(path: str) -> bool:
        return path in old or PurePosixPath(path).name in _TEST_SETUP

    return refuses
