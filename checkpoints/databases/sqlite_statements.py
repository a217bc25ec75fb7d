"""Statements and transactions on one SQLite connection, shared by all threads of a process."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence

from greenloop.checkpoints.databases.base import Row, Value
from greenloop.checkpoints.databases.text_codec import given, taken
from greenloop.errors import StorageError


class SqliteStatements:
    """The part of `Database` that a file and memory have in common."""

    def __init__(
        self, connection: sqlite3.Connection, named: Callable[[sqlite3.Error], StorageError]
    ) -> None:
        """Take over a connection on which every statement is a transaction of its own.

        Args:
            connection: to be closed by the owner.
            named: our error for one of SQLite's.
        """
        self._connection = connection
        self._named = named
        self._lock = threading.RLock()

    def execute(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """See `Database.execute`."""
        try:
            with self._lock:
                return taken(self._connection.execute(statement, given(values)))
        except sqlite3.Error as error:
            raise self._named(error) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        with self._lock:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.rollback()
                raise
