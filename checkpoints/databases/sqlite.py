"""The default database: one SQLite file in the data folder, for its owner's eyes only."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints import lock
from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.databases.saver import numbered, serde
from greenloop.checkpoints.databases.schema import SCHEMA_VERSION, SQLITE_TYPES, steps_from
from greenloop.checkpoints.databases.sqlite_statements import SqliteStatements
from greenloop.checkpoints.private import FILE_MODE, private_folder
from greenloop.errors import StorageError, UserError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

_BUSY_S = 10.0
"""How long to wait for another process that writes."""
_CHECKPOINT_BYTES = """
    SELECT thread_id, sum(bytes) FROM (
        SELECT thread_id, length(checkpoint) + length(metadata) AS bytes FROM checkpoints
        UNION ALL
        SELECT thread_id, coalesce(length(value), 0) FROM writes
    ) GROUP BY thread_id
"""
"""In LangGraph's own tables."""


class SqliteDatabase(SqliteStatements):
    """Implements `Database`. The version of the tables is kept in `PRAGMA user_version`."""

    def __init__(self, path: Path, cipher: Cipher = PLAIN) -> None:
        """Open the file, made on first use and brought up to date.

        Args:
            path: the file; readable and writable by the user only.
            cipher: encrypts checkpoints.

        Raises:
            StorageError: it is damaged, or the disk is full or not writable.
            UserError: it was written by a newer greenloop.
        """
        self.path = path
        self._cipher = cipher
        super().__init__(_connect(path), lambda error: storage_error(error, path))
        try:
            _prepare(self._connection, path)
        except sqlite3.Error as error:
            self._connection.close()
            raise storage_error(error, path) from error
        except UserError:
            self._connection.close()
            raise

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @contextlib.contextmanager
    def saver(self) -> Iterator["BaseCheckpointSaver[Any]"]:
        """See `Database.saver`."""
        from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415

        connection = _connect(self.path, autocommit=False)
        try:
            connection.execute("PRAGMA synchronous=NORMAL")
            saver: BaseCheckpointSaver[Any] = numbered(SqliteSaver)(
                connection, serde=serde(self._cipher)
            )
            yield saver
        except sqlite3.Error as error:
            raise storage_error(error, self.path) from error
        finally:
            connection.close()

    @contextlib.contextmanager
    def hold(self, name: str, busy: str, *, shared: bool = False) -> Iterator[None]:
        """See `Database.hold`: a lock file beside the database."""
        take = lock.shared if shared else lock.exclusive
        with take(self._lock_file(name), busy):
            yield

    def is_held(self, name: str) -> bool:
        """See `Database.is_held`."""
        return lock.is_held(self._lock_file(name))

    def size(self) -> int:
        """See `Database.size`; with the write-ahead log."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def checkpoint_bytes(self) -> Mapping[str, int]:
        """See `Database.checkpoint_bytes`."""
        # LangGraph makes its tables when the first run begins.
        there = self.execute("SELECT 1 FROM sqlite_schema WHERE name = 'writes'")
        rows = self.execute(_CHECKPOINT_BYTES) if there else []
        return {str(thread): int(count) for thread, count in rows}

    def compact(self) -> None:
        """See `Database.compact`."""
        self.execute("VACUUM")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def damage(self) -> str:
        """See `Database.damage`."""
        try:
            found = [str(row[0]) for row in self.execute("PRAGMA integrity_check(3)")]
        except StorageError as error:
            return str(error)
        return "" if found == ["ok"] else "; ".join(found)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _lock_file(self, name: str) -> Path:
        return self.path.parent / "locks" / f"held-{name}.lock"


def _connect(path: Path, *, autocommit: bool = True) -> sqlite3.Connection:
    try:
        private_folder(path.parent)
        path.touch(mode=FILE_MODE, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
        if autocommit:  # transactions are begun and ended by us, not by the module
            connection.isolation_level = None
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StorageError(
            f"cannot open the database {path}: {why}; "
            "see to the folder, or set another one as GREENLOOP_DATA_DIR"
        ) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise UserError(
            f"the database {path} was written by a newer greenloop (format {version}, "
            f"this one knows {SCHEMA_VERSION}): update greenloop, or set another data_dir"
        )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    if version < SCHEMA_VERSION:
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """All steps or none; of two processes that come at once the second finds nothing to do."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps_from(_version(connection), SQLITE_TYPES):
            for statement in step:
                connection.execute(statement)
        if _version(connection) < SCHEMA_VERSION:  # a newer greenloop may have been first
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def storage_error(error: sqlite3.Error, path: Path) -> StorageError:
    """Our error for one of SQLite's, with the cure."""
    text = str(error)
    if "full" in text:
        return StorageError(f"the disk is full: {path} could not be written; free some space")
    if "readonly" in text or "unable to open" in text:
        return StorageError(f"the database {path} cannot be written: {text}")
    if "locked" in text:
        return StorageError(f"the database {path} is held by another process; try again")
    return StorageError(
        f"the database {path} is damaged ({text}); `greenloop doctor --repair-store` saves what "
        "can be read; the files of your repositories are not in it"
    )
