"""Which files the coder may not touch: the tests that existed before the run are the judge."""

from collections.abc import Callable

from greenloop.checkpoints.snapshots import SnapshotStore
from greenloop.tools.judges import is_test_file, is_test_setup


def guarded_paths(snapshots: SnapshotStore, base_tree: str) -> tuple[str, ...]:
    """Test files of the tree before the run."""
    return tuple(path for path in snapshots.paths(base_tree) if is_test_file(path))


def guard(snapshots: SnapshotStore, base_tree: str) -> Callable[[str], bool]:
    """A rule for edits: no old test file, and no new test setup (it could switch tests off)."""
    old = frozenset(guarded_paths(snapshots, base_tree))
    return lambda path: path in old or is_test_setup(path)
