"""Says which files of the workspace a snapshot covers, by git's own word on ignore rules.

The user's repository is only ever read, through an index file that does not exist, so that the
answer depends on the rules and the disk alone; its real index is asked for one thing only: files
that are tracked although a rule ignores them.
"""

import os
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.snapshots.bare import FolderLister
from greenloop.checkpoints.snapshots.git import Running
from greenloop.checkpoints.snapshots.manifest import ancestors
from greenloop.checkpoints.snapshots.rules import (
    RuleFinder,
    Rules,
    excludes,
    ignored,
    names,
    plain_git,
)
from greenloop.errors import StorageError

_OTHERS = ("ls-files", "-z", "--others", "--exclude-standard")
_TRACKED = ("ls-files", "-z", "--cached", "--ignored", "--exclude-standard")


@dataclass(frozen=True, slots=True)
class Cover:
    """What is to be recorded, as relative paths."""

    files: frozenset[str]
    folders: Mapping[str, int]
    """Permission bits of the folders above the files."""
    empty: frozenset[str]
    """Folders with nothing in them that no rule ignores."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """What git said of the files that are not tracked, and what follows from it."""

    out: bytes
    files: frozenset[str]
    folders: frozenset[str]
    nested: frozenset[str]


class CoverFinder:
    """Lists what is covered in one workspace, again and again.

    Git is asked only when a name, a rule or the index has changed since the last answer, as far
    as the times of folders and files tell; the first answer is always git's.
    """

    def __init__(self, store: Path, workspace: Path) -> None:
        self._store, self._workspace = store, workspace
        self._rules = RuleFinder(store, workspace)
        self._lister = FolderLister(workspace)
        self._listed = _Listed(b"", frozenset(), frozenset(), frozenset())
        self._last: tuple[Cover, object] | None = None

    @property
    def nested(self) -> frozenset[str]:
        """Repositories inside the workspace, as of the last answer."""
        return self._listed.nested

    def current(self) -> Cover | None:
        """The last answer with the folders' present modes, if it is certain to hold still."""
        if self._last is None or not self._rules.same():
            return None
        cover, marks = self._last
        if marks != self._marks(self._rules.find()):
            return None
        modes = self._lister.unchanged()
        return None if modes is None else Cover(cover.files, modes, cover.empty)

    def start(self) -> "CoverQuestion":
        """Begin to ask git, which takes a while; the processes run until the answer is fetched.

        Raises:
            StorageError: git is missing or failed.
        """
        self._last = None
        since = time.time_ns()
        rules = self._rules.find()
        marks = rules.marks()
        others = rules.git.start(self._store, *_OTHERS)
        try:
            tracked = rules.tracking.start(self._store, *_TRACKED) if rules.tracking else None
        except StorageError:
            others.drop()
            raise
        return CoverQuestion(self, Asked(rules, marks, since), others, tracked)

    def conclude(self, asked: "Asked", others: bytes, tracked: bytes) -> Cover:
        """The covered files and empty folders, from what git said."""
        if others != self._listed.out:
            listed = names(others)
            # A name that ends in a slash is a nested repository, which is left alone.
            files = frozenset(name for name in listed if not name.endswith("/"))
            nested = frozenset(name.rstrip("/") for name in listed - files)
            self._listed = _Listed(others, files, frozenset(ancestors(files)), nested)
        files, folders = self._listed.files, self._listed.folders
        more = real(self._workspace, names(tracked) - files)
        if more:
            files |= more
            folders = frozenset(ancestors(files))
        modes, empty = self._lister.look(
            folders,
            self._listed.nested - files,
            asked.since,
            lambda paths: ignored(asked.rules.git, paths),
        )
        cover = Cover(files, modes, empty)
        marks = self._marks(asked.rules)
        if asked.marks is not None and marks is not None and marks[0] == asked.marks:
            self._last = cover, marks
        return cover

    def _marks(self, rules: Rules) -> tuple[object, ...] | None:
        """Of the files with rules and of nested repositories; None where there is no telling."""
        nested = tuple(_repository(self._workspace / path) for path in self._listed.nested)
        marks = rules.marks()
        return None if marks is None or None in nested else (marks, nested)

    def refused(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that a snapshot would not cover, were they files.

        Raises:
            StorageError: git is missing or failed.
        """
        rules = self._rules.find()
        asked = set(paths)
        reachable = real(self._workspace, asked)
        ruled_out = ignored(rules.git, reachable)
        if ruled_out and rules.tracking:
            ruled_out -= names(rules.tracking.run(*_TRACKED).out)
        return (asked - reachable) | ruled_out

    def tracked(self) -> set[str]:
        """All files in the user's index.

        Raises:
            StorageError: git is missing or failed.
        """
        rules = self._rules.find()
        return (
            names(rules.tracking.run("ls-files", "-z", "--cached").out) if rules.tracking else set()
        )

    def ignored(self, paths: set[str]) -> set[str]:
        """Those of `paths` that a rule ignores.

        Raises:
            StorageError: git is missing or failed.
        """
        return ignored(self._rules.find().git, paths)

    def forget(self) -> None:
        """Look for the repository again next time."""
        self._rules.forget()


@dataclass(frozen=True, slots=True)
class Asked:
    """By which rules git was asked, what told of them then, and when (`time.time_ns`)."""

    rules: Rules
    marks: object
    since: int


@dataclass(frozen=True, slots=True)
class CoverQuestion:
    """What was asked of git."""

    finder: CoverFinder
    asked: Asked
    others: Running
    tracked: Running | None

    def answer(self) -> Cover:
        """Wait for git, and list the covered files and empty folders.

        Raises:
            StorageError: git cannot read the rules or the user's index.
        """
        try:
            others = self.others.wait().out
            tracked = self._index() if self.tracked else b""
        except StorageError:
            self.finder.forget()
            raise
        return self.finder.conclude(self.asked, others, tracked)

    def _index(self) -> bytes:
        try:
            return self.tracked.wait().out if self.tracked else b""
        except StorageError as error:
            # Going on without would leave tracked files out, and a restore could then lose them.
            raise StorageError(
                f"the index of the git repository cannot be read ({error}): repair it, "
                "for example with `git reset` after deleting .git/index, and try again"
            ) from error

    def drop(self) -> None:
        """End the processes."""
        for process in (self.others, self.tracked):
            if process is not None:
                process.drop()


def ignored_by(store: Path, rules: Mapping[str, bytes], paths: Iterable[str]) -> set[str]:
    """Those of `paths` that other ignore files (path to content) would ignore.

    Raises:
        StorageError: git failed, or the store's disk cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=store, prefix="rules-") as name:
            scratch = Path(name)
            for path, content in rules.items():
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                (scratch / path).write_bytes(content)
            return ignored(plain_git(store, scratch, excludes(scratch)), set(paths))
    except OSError as error:
        raise StorageError(f"cannot write in the snapshot store {store}: {error}") from error


def real(workspace: Path, paths: set[str]) -> set[str]:
    """Those paths that can be reached through real folders only, or through none yet."""
    good: dict[str, bool] = {"": True}
    for folder in sorted(ancestors(paths)):
        above = folder.rpartition("/")[0]
        good[folder] = good[above] and _is_plain_folder(workspace / folder)
    return {path for path in paths if good[path.rpartition("/")[0]]}


def _is_plain_folder(path: Path) -> bool:
    """A folder, neither a link to one nor a repository of its own; or nothing."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and not (path / ".git").exists()
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _repository(folder: Path) -> tuple[int, ...] | None:
    """Changes when a nested repository comes or goes; None when it is none now."""
    try:
        marks = [os.lstat(f"{folder}/.git")]
        if stat.S_ISDIR(marks[0].st_mode):
            marks.append(os.lstat(f"{folder}/.git/HEAD"))
    except OSError:
        return None
    return tuple(number for mark in marks for number in (mark.st_ino, mark.st_mode))
