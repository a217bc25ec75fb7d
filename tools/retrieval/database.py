"""An SQLite file that is only a cache: damaged or of another format, it is made anew."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from greenloop.errors import StorageError

__all__ = ["CacheDatabase", "transaction"]

T = TypeVar("T")

_BUSY_S = 30.0

_NOT_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes (sqlite.org/rescode.html) that say something of the machine, not of what
the file holds."""


class CacheDatabase:
    """Opens at first use, also again after `close`; may be used from several threads in turn.

    Args:
        path: the file; made when missing, readable by its owner only.
        version: a file of another version is thrown away; not zero.
        schema: statements that make the tables of a new file.
    """

    def __init__(self, path: Path, version: int, schema: Sequence[str]) -> None:
        self._path = path
        self._version = version
        self._schema = schema
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    def attempt(
        self,
        action: Callable[[sqlite3.Connection], T],
        after_damage: Callable[[sqlite3.Connection], T],
    ) -> T:
        """The result of `action`, or of `after_damage` on a new file if the old one is damaged.

        Raises:
            StorageError: the file cannot be opened, read or written for another reason.
        """
        with self._lock:
            try:
                return action(self._opened())
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise self._failure(error) from error
            try:
                self._discard()
                return after_damage(self._opened())
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def close(self) -> None:
        """Release the file; may be called twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = self._connect()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # It holds the user's code: for no one else to read.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise self._failure(error) from error
        db = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        if self._is_current(db):
            return
        with transaction(db):
            if self._is_current(db):
                return  # another process was faster
            if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise sqlite3.DatabaseError("it has another format")
            for statement in self._schema:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {self._version}")

    def _is_current(self, db: sqlite3.Connection) -> bool:
        return bool(db.execute("PRAGMA user_version").fetchone()[0] == self._version)

    def _discard(self) -> None:
        self.close()
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StorageError:
        return StorageError(
            f"the search index {self._path} cannot be used ({error}): free space, correct its"
            " permissions or name another cache folder"
        )


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so that it cannot fail half-way for want of it.

    Raises:
        sqlite3.Error: the lock was not to be had, or the commit failed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # A full disk has rolled back by itself already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.DatabaseError)
    return (code & 0xFF) not in _NOT_DAMAGE
