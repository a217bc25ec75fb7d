"""The append-only log of what happened in a thread, and the bus that tells listeners.

Rows are keyed by super-step and order within it, so a node that runs again after a crash writes
its rows again in place of those of the attempt that was cut.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields, replace

from greenloop.checkpoints.blobs import Blobs
from greenloop.checkpoints.databases.base import Database
from greenloop.state import Event

Listener = Callable[[Event], None]

CHECKPOINTS = ("finished", "moved")
"""Events of which every checkpoint has one; it names the files."""
NAME_BASE = ("theirs", "moved")
"""Events whose content names the files from which the work is measured from there on."""
LASTING = ("saved", "theirs", "undo")
"""Kinds of event that say where somebody's files are kept."""

_FIELDS = [column.name for column in fields(Event)]
"""The table has a column for each; the first three are its key."""
_COLUMNS = ", ".join(_FIELDS)
_INSERT = (
    f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))}) "
    "ON CONFLICT (thread, step, seq) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _FIELDS[3:])
)


class EventLog:
    """Writes one thread's events."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        thread: str,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._listeners = tuple(listeners)
        self._at = Event(thread=thread, step=0, seq=0, node="", kind="")

    def begin(self, step: int, node: str) -> None:
        """Start a super-step; rows of an attempt at it that was cut are dropped.

        Those that say where somebody's files are kept stay.
        """
        marks = ",".join("?" * len(LASTING))
        self._database.execute(
            f"DELETE FROM events WHERE thread = ? AND step >= ? AND kind NOT IN ({marks})",
            (self._at.thread, step, *LASTING),
        )
        self._at = replace(self._at, step=step, seq=self._next_seq(step), node=node)

    def after(self, step: int) -> None:
        """Append behind the rows of a finished super-step, outside of any node."""
        self._at = replace(self._at, step=step, seq=self._next_seq(step), node="")

    def emit(  # noqa: PLR0913  # a row has that many columns
        self,
        kind: str,
        text: str = "",
        *,
        content: str = "",
        sender: str = "",
        receiver: str = "",
        tokens: int = 0,
        tree: str = "",
    ) -> Event:
        """Append an event and tell the listeners; `content` goes to the blob store.

        Raises:
            StorageError: it cannot be written.
        """
        event = replace(
            self._at,
            kind=kind,
            # A file's name may hold bytes that are no UTF-8; SQLite takes text only.
            text=text.encode("utf-8", "backslashreplace").decode(),
            sender=sender,
            receiver=receiver,
            ref=self._blobs.put(content) if content else "",
            tokens=tokens,
            at=time.time(),
            tree=tree,
        )
        self._database.execute(_INSERT, astuple(event))
        self._at = replace(self._at, seq=self._at.seq + 1)
        self._tell(event)
        return event

    def touch(self, event: Event) -> None:
        """Say that what an event tells of still goes on; from any thread.

        Raises:
            StorageError: it cannot be written.
        """
        self._database.execute(
            "UPDATE events SET at = ? WHERE thread = ? AND step = ? AND seq = ?",
            (time.time(), event.thread, event.step, event.seq),
        )

    def spared(self, tree: str) -> None:
        """Note where a restore keeps what stood in its way and was in no snapshot, if anything."""
        if tree:
            self.emit("saved", "ignored or new files in the way, as they were", tree=tree)

    def say(self, text: str) -> None:
        """Tell listeners words as they stream; nothing is stored."""
        self._tell(replace(self._at, kind="text", text=text))

    def _next_seq(self, step: int) -> int:
        ((last,),) = self._database.execute(
            "SELECT max(seq) FROM events WHERE thread = ? AND step = ?", (self._at.thread, step)
        )
        return 0 if last is None else int(last) + 1

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def read_events(database: Database, thread: str, after: int = -1) -> list[Event]:
    """The events of a thread in order: all, or those of super-steps behind `after`."""
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM events WHERE thread = ? AND step > ? ORDER BY step, seq",
        (thread, after),
    )
    return [Event(*row) for row in rows]


def checkpoint_event(database: Database, thread: str, number: int) -> Event | None:
    """The event that says how a checkpoint came about: `finished`, or `moved`."""
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM events WHERE thread = ? AND step = ? "
        "AND kind IN ('finished', 'moved') ORDER BY seq DESC LIMIT 1",
        (thread, number),
    )
    return Event(*rows[0]) if rows else None


def last_number(database: Database, thread: str) -> int:
    """The highest super-step that any event of the thread belongs to; 0 for none."""
    ((last,),) = database.execute("SELECT max(step) FROM events WHERE thread = ?", (thread,))
    return int(last or 0)
