"""What the rows of a thread name: the snapshots and blobs that must stay as long as it does."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.blobs import Blobs, on_disk
from greenloop.checkpoints.databases.base import Database
from greenloop.checkpoints.events import NAME_BASE
from greenloop.checkpoints.shape import check_state
from greenloop.checkpoints.threads import Thread

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

_TREE = re.compile(r"[0-9a-f]{40}")
"""A snapshot's id: that of a git tree."""
_REF = re.compile(r"[0-9a-f]{32}")
"""A blob's name."""


@dataclass(frozen=True, slots=True)
class Named:
    """Ids by which things are needed."""

    trees: frozenset[str] = frozenset()
    blobs: frozenset[str] = frozenset()

    def __or__(self, other: "Named") -> "Named":
        return Named(self.trees | other.trees, self.blobs | other.blobs)


def named_by(
    thread: Thread, database: Database, saver: "BaseCheckpointSaver[Any]", blobs: Blobs
) -> Named:
    """Everything that a thread's row, events, journal and checkpoints name.

    Raises:
        StorageError: a row or a blob cannot be read, so that nobody knows what it needs.
    """
    words = {thread.base_tree}
    for kind, ref, tree in database.execute(
        "SELECT kind, ref, tree FROM events WHERE thread = ?", (thread.thread,)
    ):
        words |= {ref, tree}
        # A `saved` one of before events had a column for it has its snapshot there too.
        if ref and (kind in NAME_BASE or (kind == "saved" and not tree)):
            words.add(blobs.get(ref))
    rows = database.execute("SELECT ref FROM journal WHERE thread = ?", (thread.thread,))
    words.update(ref for (ref,) in rows)
    for checkpoint in _checkpoints(thread.thread, saver):
        found: object = checkpoint.checkpoint  # decoded, but of the disk, so of any shape
        values = found.get("channel_values") if isinstance(found, dict) else None
        check_state(values, thread.thread)
        words.update(_words(values))
        for _, _, value in checkpoint.pending_writes or ():
            words.update(_words(value))
    return Named(
        frozenset(word for word in words if _TREE.fullmatch(word)),
        frozenset(word for word in words if _REF.fullmatch(word)),
    )


def folder_bytes(folder: Path) -> int:
    """What a folder takes on the disk with all that is in it; 0 if it is not there."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in ("", *names):
            try:
                total += on_disk(Path(parent, name).lstat())
            except FileNotFoundError:  # another process tidies up
                continue
    return total


def _checkpoints(thread: str, saver: "BaseCheckpointSaver[Any]") -> Iterator["CheckpointTuple"]:
    return saver.list({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})


def _words(value: Any) -> Iterator[str]:
    """All strings within a value of the state, wherever they are.

    An id that stands where no one expects it keeps something for too long; one that was missed
    would cost somebody's files.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _words(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _words(getattr(value, field.name))
