"""Threads in a PostgreSQL database, for those who go on with them on several machines."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.databases.base import Row, Value
from greenloop.checkpoints.databases.postgres_address import (
    connect,
    read_address,
    require_psycopg,
    storage_error,
)
from greenloop.checkpoints.databases.postgres_saver import make_saver, table_exists
from greenloop.checkpoints.databases.postgres_schema import TABLES, find_damage, prepare
from greenloop.checkpoints.databases.text_codec import given, taken
from greenloop.errors import GreenloopError, StorageError, ThreadError

if TYPE_CHECKING:
    import psycopg
    from langgraph.checkpoint.base import BaseCheckpointSaver

_COMPACT_WAIT = "10s"
"""How long to wait for a table that others read or write before it is rewritten."""

_CHECKPOINT_BYTES = b"""
    SELECT thread_id, sum(bytes) FROM (
        SELECT thread_id, octet_length(checkpoint::text) + octet_length(metadata::text) AS bytes
        FROM checkpoints
        UNION ALL
        SELECT thread_id, octet_length(coalesce(blob, '')) FROM checkpoint_blobs
        UNION ALL
        SELECT thread_id, octet_length(blob) FROM checkpoint_writes
    ) AS parts GROUP BY thread_id
"""
"""In LangGraph's own tables."""


class PostgresDatabase:
    """Implements `Database`. The version of the tables is kept in a table of its own.

    A connection that was lost is made anew before the next statement, unless a lock was lost with
    it: a process that lives long goes on once the server is back.
    """

    def __init__(self, url: str, cipher: Cipher = PLAIN) -> None:
        """Connect, and make the tables or bring them up to date.

        Args:
            url: `postgresql://USER@HOST:PORT/NAME`, see `read_address`.
            cipher: encrypts checkpoints.

        Raises:
            ConfigError: the address cannot be read.
            StorageError: the server does not answer, refuses or fails.
            UserError: its client is not installed, or the tables are of a newer greenloop or of
                another program.
        """
        self._address = read_address(url)
        self.cipher = cipher
        """May be chosen once it is open, as the record of the store's key is in it."""
        self._lock = threading.RLock()
        self._within = False
        self._locks: list[psycopg.Connection[Any]] = []
        """One for each name that is held here."""
        self._connection = connect(self._address)
        try:
            with self._named_errors(self._connection):
                self._name = prepare(self._connection, self._address.place)
        except GreenloopError:
            self._connection.close()
            raise

    @property
    def place(self) -> str:
        """The address without the password."""
        return self._address.place

    @property
    def name(self) -> str:
        """A random name that this database got when it was made, wherever it moves."""
        return self._name

    def execute(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """See `Database.execute`."""
        stored = given(values)
        with self._lock:
            connection = self._live()
            with self._named_errors(connection):
                cursor = connection.execute(_in_its_dialect(statement), stored, binary=True)
                rows = cursor.fetchall() if cursor.description else []
        return taken(rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        with self._lock:
            connection = self._live()
            self._within = True
            try:
                with self._named_errors(connection), connection.transaction():
                    yield
            finally:
                self._within = False

    @contextlib.contextmanager
    def saver(self) -> Iterator["BaseCheckpointSaver[Any]"]:
        """See `Database.saver`."""
        from psycopg.rows import dict_row  # noqa: PLC0415

        connection = connect(self._address, row_factory=dict_row, prepare_threshold=0)
        with contextlib.closing(connection), self._named_errors(connection):
            yield make_saver(connection, self.cipher)

    @contextlib.contextmanager
    def hold(self, name: str, busy: str, *, shared: bool = False) -> Iterator[None]:
        """See `Database.hold`: an advisory lock, kept by a connection of its own.

        The server lets go of it when that connection ends, in whatever way. Whoever held it then
        gets an error from the next statement: somebody else may hold it by now.
        """
        kind = "_shared" if shared else ""
        connection = connect(self._address)
        with contextlib.closing(connection):
            with self._named_errors(connection):
                (taken,) = _one(
                    connection, f"SELECT pg_try_advisory_lock{kind}(%s::bigint)", _key(name)
                )
            if not taken:
                raise ThreadError(f"{busy} ({self._holder(name) or 'let go by now: try again'})")
            with self._lock:
                self._locks.append(connection)
            try:
                yield
            finally:
                with self._lock, contextlib.suppress(require_psycopg().Error):
                    self._locks.remove(connection)
                    # Else it is held until the server has noticed that the connection ended.
                    statement = f"SELECT pg_advisory_unlock{kind}(%s::bigint)"
                    connection.execute(statement, (_key(name),))

    def is_held(self, name: str) -> bool:
        """See `Database.is_held`."""
        return bool(self._holder(name))

    def size(self) -> int:
        """See `Database.size`: the tables with their indexes, as the server reckons them."""
        with self._aside() as connection:
            (taken,) = _one(
                connection,
                "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint "
                "FROM unnest(%s::text[]) AS name",
                list(TABLES),
            )
        return int(taken)

    def checkpoint_bytes(self) -> Mapping[str, int]:
        """See `Database.checkpoint_bytes`."""
        with self._aside() as connection:
            if not table_exists(connection, "checkpoint_writes"):
                return {}
            rows = connection.execute(_CHECKPOINT_BYTES).fetchall()
        return {str(thread): int(count) for thread, count in rows}

    def compact(self) -> None:
        """See `Database.compact`: each table is written anew, while others wait for it.

        A plain VACUUM would keep the room for the table's later rows.
        """
        with self._aside() as connection:
            connection.execute(f"SET lock_timeout = '{_COMPACT_WAIT}'".encode())
            for table in TABLES:
                if table_exists(connection, table):
                    connection.execute(f"VACUUM (FULL, ANALYZE) {table}".encode())

    def damage(self) -> str:
        """See `Database.damage`; for what is checked see `find_damage`."""
        try:
            with self._aside() as connection:
                return find_damage(connection)
        except StorageError as error:
            return str(error)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextlib.contextmanager
    def _aside(self) -> Iterator["psycopg.Connection[Any]"]:
        """A connection for work that is long or needs settings of its own."""
        connection = connect(self._address)
        with contextlib.closing(connection), self._named_errors(connection):
            yield connection

    def _live(self) -> "psycopg.Connection[Any]":
        """The connection, made anew if it was lost; never in the middle of a transaction.

        Raises:
            StorageError: it cannot be made, or a lock was lost: others may be at work by now.
        """
        for lock in self._locks:
            with self._named_errors(lock):
                _notice_end(lock)
        if not self._within:
            try:
                _notice_end(self._connection)
            except require_psycopg().Error:
                self._connection.close()
                self._connection = connect(self._address)
        return self._connection

    def _holder(self, name: str) -> str:
        """Who holds a name, as it calls itself; empty for nobody."""
        key = _key(name) & 0xFFFF_FFFF_FFFF_FFFF
        rows = self.execute(
            # A 64-bit key is split over two columns (PostgreSQL manual, "pg_locks").
            "SELECT coalesce(a.application_name, '') FROM pg_locks l "
            "LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
            "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND l.classid::bigint = ? AND l.objid::bigint = ?",
            (key >> 32, key & 0xFFFF_FFFF),
        )
        return (str(rows[0][0]) or "another user's process") if rows else ""

    @contextlib.contextmanager
    def _named_errors(self, connection: "psycopg.Connection[Any]") -> Iterator[None]:
        psycopg = require_psycopg()
        try:
            yield
        except psycopg.Error as error:
            raise storage_error(error, self._address, lost=connection.broken) from error


def _notice_end(connection: "psycopg.Connection[Any]") -> None:
    """Read what came in the meantime, without waiting for anything.

    Raises:
        psycopg.Error: the connection has ended.
    """
    for _ in ("the server's last words", "the end"):
        connection.pgconn.consume_input()


@lru_cache(maxsize=256)
def _in_its_dialect(statement: str) -> bytes:
    return statement.replace("%", "%%").replace("?", "%s").encode()


def _key(name: str) -> int:
    """A name's 64-bit number."""
    data = name.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def _one(connection: "psycopg.Connection[Any]", statement: str, value: Any) -> Row:
    row: Row = connection.execute(statement.encode(), (value,)).fetchone() or (None,)
    return row
