"""The append-only log of what happened in a thread, and the bus that tells listeners.

Rows are keyed by super-step and order within it, so a node that runs again after a crash writes
its rows again in place of those of the attempt that was cut.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields, replace

from greenloop.checkpoints.blobs import BlobStore
from greenloop.state import Event

Listener = Callable[[Event], None]

_LASTING = ("saved", "theirs", "undo")

_COLUMNS = ", ".join(column.name for column in fields(Event))
"""The table has a column for each field, in the same order."""


class EventLog:
    """Writes one thread's events."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        blobs: BlobStore,
        thread: str,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._connection = connection
        self._blobs = blobs
        self._listeners = tuple(listeners)
        self._at = Event(thread=thread, step=0, seq=0, node="", kind="")

    def begin(self, step: int, node: str) -> None:
        """Start a super-step; rows of an attempt at it that was cut are dropped.

        Those that say where somebody's files are kept stay.
        """
        marks = ",".join("?" * len(_LASTING))
        with self._connection:
            self._connection.execute(
                f"DELETE FROM events WHERE thread = ? AND step >= ? AND kind NOT IN ({marks})",
                (self._at.thread, step, *_LASTING),
            )
        self._at = replace(self._at, step=step, seq=self._next_seq(step), node=node)

    def after(self, step: int) -> None:
        """Append behind the rows of a finished super-step, outside of any node."""
        self._at = replace(self._at, step=step, seq=self._next_seq(step), node="")

    def emit(
        self,
        kind: str,
        text: str = "",
        *,
        content: str = "",
        sender: str = "",
        receiver: str = "",
        tokens: int = 0,
    ) -> Event:
        """Append an event and tell the listeners; `content` goes to the blob store."""
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
        )
        with self._connection:
            self._connection.execute(
                f"INSERT OR REPLACE INTO events ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                astuple(event),
            )
        self._at = replace(self._at, seq=self._at.seq + 1)
        self._tell(event)
        return event

    def say(self, text: str) -> None:
        """Tell listeners words as they stream; nothing is stored."""
        self._tell(replace(self._at, kind="text", text=text))

    def _next_seq(self, step: int) -> int:
        row = self._connection.execute(
            "SELECT max(seq) FROM events WHERE thread = ? AND step = ?", (self._at.thread, step)
        ).fetchone()
        return 0 if row[0] is None else int(row[0]) + 1

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def read_events(connection: sqlite3.Connection, thread: str) -> list[Event]:
    """All events of a thread, in order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events WHERE thread = ? ORDER BY step, seq", (thread,)
    )
    return [Event(*row) for row in rows]
