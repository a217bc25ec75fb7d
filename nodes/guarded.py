"""Which files the coder may not touch: the tests that existed before the run are the judge."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.tools.judges import is_test_file, is_test_setup


def guarded_paths(snapshots: SnapshotStore, base_tree: str) -> tuple[str, ...]:
    """Test files of the tree before the run."""
    return tuple(path for path in snapshots.paths(base_tree) if is_test_file(path))


def guard(
    snapshots: SnapshotStore, base_tree: str, command: Sequence[str]
) -> Callable[[str], bool]:
    """A rule for edits: no old test file, nothing that the test command names, no new test setup.

    Setup, even if it is new, could switch tests off.
    """
    old = frozenset(guarded_paths(snapshots, base_tree))
    named = _named_in(command) & frozenset(snapshots.paths(base_tree))
    return lambda path: path in old or path in named or is_test_setup(path)


def _named_in(command: Sequence[str]) -> frozenset[str]:
    """Paths that the words of a command may be; those of a script handed to a shell too."""
    words = {word.removeprefix("./") for text in command for word in re.split(r"[\s;&|]+", text)}
    if any(PurePosixPath(word).name == "make" for word in words):
        words |= {"Makefile", "makefile", "GNUmakefile"}
    return frozenset(words)
