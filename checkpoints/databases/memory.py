"""A database that ends with its process, for tests and for embedding greenloop."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.databases.saver import numbered, serde
from greenloop.checkpoints.databases.schema import SQLITE_TYPES, steps_from
from greenloop.checkpoints.databases.sqlite_statements import SqliteStatements
from greenloop.errors import StorageError, ThreadError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

_ALONE = 1_000_000
"""Weight of a holder that does not share."""


class MemoryDatabase(SqliteStatements):
    """Implements `Database`: SQLite's tables in memory, with LangGraph's checkpointer there."""

    def __init__(self, cipher: Cipher = PLAIN) -> None:
        self.cipher = cipher
        """May be chosen once it is open, as the record of the store's key is in it."""
        self._held: Counter[str] = Counter()
        """How many share a name; `_ALONE` for one that does not."""
        self._saver: BaseCheckpointSaver[Any] | None = None
        # Transactions are begun and ended by us, not by the module.
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        super().__init__(
            connection, lambda error: StorageError(f"the database in memory failed: {error}")
        )
        for step in steps_from(0, SQLITE_TYPES):
            for statement in step:
                self._connection.execute(statement)

    @property
    def place(self) -> str:
        """In memory."""
        return "memory"

    @contextlib.contextmanager
    def saver(self) -> Iterator["BaseCheckpointSaver[Any]"]:
        """See `Database.saver`; every block gets the same one, which holds the checkpoints."""
        from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415

        with self._lock:
            if self._saver is None:
                self._saver = numbered(InMemorySaver)(serde=serde(self.cipher))
        yield self._saver

    @contextlib.contextmanager
    def hold(self, name: str, busy: str, *, shared: bool = False) -> Iterator[None]:
        """See `Database.hold`; no other process can see this database."""
        weight = 1 if shared else _ALONE
        with self._lock:
            if self._held[name] + weight > _ALONE:
                raise ThreadError(f"{busy} (this process)")
            self._held[name] += weight
        try:
            yield
        finally:
            with self._lock:
                self._held[name] -= weight

    def is_held(self, name: str) -> bool:
        """See `Database.is_held`."""
        return self._held[name] > 0

    def size(self) -> int:
        """See `Database.size`: nothing lies on the disk."""
        return 0

    def checkpoint_bytes(self) -> Mapping[str, int]:
        """See `Database.checkpoint_bytes`: none are on a disk."""
        return {}

    def compact(self) -> None:
        """See `Database.compact`."""
        self.execute("VACUUM")

    def damage(self) -> str:
        """See `Database.damage`."""
        found = [str(row[0]) for row in self.execute("PRAGMA integrity_check(3)")]
        return "" if found == ["ok"] else "; ".join(found)

    def close(self) -> None:
        """Let it go, with all that was kept."""
        self._connection.close()
