"""The one SQLite file: LangGraph's checkpoints, and our tables of threads and events."""

import sqlite3
from pathlib import Path

from greenloop.errors import StorageError, UserError

SCHEMA_VERSION = 1
"""Kept in `PRAGMA user_version`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (
    thread TEXT PRIMARY KEY,
    repo TEXT NOT NULL,
    task TEXT NOT NULL,
    model TEXT NOT NULL,
    test_cmd TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL,
    base_tree TEXT NOT NULL,
    graph_version INTEGER NOT NULL,
    state_version INTEGER NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    thread TEXT NOT NULL,
    step INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    sender TEXT NOT NULL,
    receiver TEXT NOT NULL,
    ref TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread, step, seq)
) WITHOUT ROWID;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database, made on first use; readable and writable by the user only.

    Raises:
        StorageError: it is damaged, or the disk is full or not writable.
        UserError: it was written by a newer greenloop.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StorageError(
            f"cannot open the database {path}: {why}; "
            "see to the folder, or set another one as GREENLOOP_DATA_DIR"
        ) from error
    try:
        _prepare(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise storage_error(error, path) from error
    except UserError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise UserError(
            f"the database {path} was written by a newer greenloop (format {version}, "
            f"this one knows {SCHEMA_VERSION}): update greenloop, or set another data_dir"
        )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    if version < SCHEMA_VERSION:
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.commit()


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
        f"the database {path} is damaged ({text}); move it away to start afresh, "
        "the files of your repositories are not in it"
    )
