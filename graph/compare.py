"""What differs between the files of two checkpoints, or of a checkpoint and the folder now."""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.snapshots.store import ChangeKind, SnapshotStore
from greenloop.checkpoints.threads import Thread
from greenloop.errors import ThreadError
from greenloop.graph.history import FORK_MARK, milestones
from greenloop.graph.storage import Storage, store_of

_SHORTEST_ID = 7
"""Digits of a snapshot's id that name it, at least."""
_ESCAPED = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """The files of one side of a comparison."""

    thread: str
    point: str
    """Number of a checkpoint, `now`, or the snapshot's own id."""
    tree: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs."""

    path: str
    kind: ChangeKind
    added: int
    """Lines; 0 for a binary file."""
    deleted: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What leads from the files of one side to those of the other."""

    old: Side
    new: Side
    files: tuple[FileChange, ...]
    diff: str
    """Unified diff in git's form, for `git apply`."""

    def as_json(self) -> dict[str, Any]:
        """The record for `--json`."""
        return asdict(self)


def compare(
    thread: Thread, old: str, new: str, storage: Storage, *, exact: bool = False
) -> Comparison:
    """Compare two points of threads whose snapshots lie in one store.

    Args:
        thread: whose points are meant where no other is named.
        old: a number, `start`, `last`, `now`, a snapshot's id, or any of them as `THREAD@POINT`;
            for a fork also `parent`, the last checkpoint of the thread that it came from.
        new: likewise.
        storage: the stores.
        exact: the diff as a patch that loses nothing, see `SnapshotStore.diff`.

    Raises:
        ThreadError: there is no such thread or point, or the two lie in different stores.
    """
    before, after = (_Point.named(words, thread, storage) for words in (old, new))
    if before.store != after.store:
        raise ThreadError(
            f"{before.thread.thread} and {after.thread.thread} have their snapshots in different "
            "stores: only a thread and its forks can be compared, or threads of one folder"
        )
    sides = before.side(storage), after.side(storage)
    trees = sides[0].tree, sides[1].tree
    snapshots = before.snapshots(storage)
    diff = snapshots.diff(*trees, exact=exact)
    lines = _lines(diff)
    files = tuple(
        FileChange(change.path, change.kind, *lines.get(_key(change.path), (0, 0)))
        for change in snapshots.changed(*trees)
    )
    return Comparison(*sides, files, diff)


def locate(thread: Thread, words: str, storage: Storage) -> Side:
    """The files at a point of a thread, named as for `compare`.

    Raises:
        ThreadError: there is no such point, or its snapshots lie in another store.
    """
    point = _Point.named(words, thread, storage)
    if point.store != store_of(thread):
        raise ThreadError(
            f"{point.thread.thread} and {thread.thread} have their snapshots in different stores"
        )
    return point.side(storage)


@dataclass(frozen=True, slots=True)
class _Point:
    """A point in a thread, as it was named."""

    thread: Thread
    words: str

    @classmethod
    def named(cls, words: str, thread: Thread, storage: Storage) -> "_Point":
        name, mark, point = words.rpartition(FORK_MARK)
        if words == "parent" and thread.parent:
            name, mark, point = thread.parent, FORK_MARK, "last"
        return cls(storage.threads.find(name) if mark else thread, point)

    @property
    def store(self) -> str:
        return store_of(self.thread)

    def snapshots(self, storage: Storage) -> SnapshotStore:
        return storage.snapshots(Path(self.thread.repo), self.store)

    def side(self, storage: Storage) -> Side:
        name = self.thread.thread
        if self.words == "now":
            with storage.in_use(self.store):
                return Side(name, "now", self.snapshots(storage).take())
        events = read_events(storage.database, name)
        trees = {each.number: each.tree for each in milestones(events)}
        if self.words in ("start", "last") or (
            self.words.isdecimal() and len(self.words) < _SHORTEST_ID
        ):
            return self._of_checkpoint(trees)
        named = {event.tree for event in events if event.tree.startswith(self.words)}
        if len(self.words) >= _SHORTEST_ID and len(named) == 1:
            tree = named.pop()
            return Side(name, tree[:12], tree)
        raise ThreadError(
            f"{self.words!r} names nothing in {name}: give a number of `greenloop history {name}`, "
            "or start, last, now"
        )

    def _of_checkpoint(self, trees: dict[int, str]) -> Side:
        name, last = self.thread.thread, max(trees, default=0)
        number = {"start": 0, "last": last}.get(self.words)
        number = int(self.words) if number is None else number
        tree = trees.get(number, "") or (self.thread.base_tree if number == 0 else "")
        if tree:
            return Side(name, str(number), tree)
        if number in trees:
            raise ThreadError(
                f"checkpoint {number} of {name} was made by a version that did not note its files"
            )
        raise ThreadError(
            f"{name} has no checkpoint {number}: they go from 0 to {last}, and "
            f"`greenloop history {name}` lists them"
        )


def _lines(diff: str) -> dict[str, tuple[int, int]]:
    """Lines added and deleted, by path."""
    found: dict[str, tuple[int, int]] = {}
    for section in re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        header, _, rest = section.partition("\n")
        body = rest.partition("\n@@ ")[2].split("\n")[1:]
        added = sum(line.startswith("+") for line in body)
        deleted = sum(line.startswith("-") for line in body)
        found[_path(header)] = (added, deleted)
    return found


def _path(header: str) -> str:
    """The path in `a/PATH b/PATH`, as by `_key`; git quotes odd ones as in C, with octal bytes."""
    if not header.startswith('"'):
        return header[len("a/") : len(header) // 2]
    quoted = header[len('"a/') : len(header) // 2 - 1].encode()
    return _ESCAPED.sub(_unescaped, quoted).decode("utf-8", "replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if code.isdigit() else _ESCAPES.get(code, code)


def _key(path: str) -> str:
    """A path as a diff has it, where bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
