"""Saves the threads of a damaged SQLite database: row by row, from its pages, into a new one."""

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.cipher import Cipher
from greenloop.checkpoints.databases.sqlite import SqliteDatabase, storage_error
from greenloop.checkpoints.databases.sqlite_pages import SqliteFile, read_sqlite
from greenloop.checkpoints.private import flush_folder
from greenloop.checkpoints.salvage_rows import Found, check_contents, gaps, sort_rows, tables_of
from greenloop.errors import StorageError

_BLOB = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of the threads of a damaged database."""

    whole: tuple[str, ...]
    """Every row of them was read."""
    part: tuple[str, ...]
    """They can be gone on with, but something of what happened is missing."""
    lost: tuple[str, ...]
    """Known by name only."""
    aside: Path
    """Where the damaged file is now, with its log beside it."""
    pages: int
    """Pages of the file that held something unreadable."""
    header: bool
    """False when the file's head was destroyed: threads that were removed before may be back."""


def salvage(path: Path, cipher: Cipher) -> Salvaged:
    """Put a new database in the place of a damaged one, with all that can be read of it.

    The damaged file and its log are only read, and kept beside under a name with the time. What is
    killed in between can be done again. No process may work meanwhile; the caller sees to that.

    Raises:
        StorageError: there is no file, the disk is full, or somebody wrote to the file meanwhile.
    """
    try:
        before = _stamp(path)
        aside = _aside(path)
        file = read_sqlite(aside if _swap_was_cut(path, aside) else path)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}; nothing was changed") from error
    fresh = path.with_name(f"{path.name}.salvaged")
    try:
        _remove(fresh)
        found = _copy(file, fresh, cipher)
        _swap(path, fresh, aside, before)
    except OSError as error:
        raise StorageError(f"cannot put {fresh} in place: {error.strerror}") from error
    except sqlite3.Error as error:
        raise storage_error(error, fresh) from error
    return _report(file, found, aside)


def _copy(file: SqliteFile, fresh: Path, cipher: Cipher) -> Found:
    """Make the new database of what can be read of the old one."""
    with closing(SqliteDatabase(fresh, cipher)) as database:
        with database.saver() as saver:
            saver.setup()  # type: ignore[attr-defined]  # makes LangGraph's tables
            found = sort_rows(file, list(tables_of(database)))
            check_contents(found, saver.serde)
        _fill(fresh, found)
        # No log: the file alone takes the place of the other.
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA journal_mode=DELETE")
    return found


def _fill(fresh: Path, found: Found) -> None:
    """Rows of threads that have lost their own row are of no use to anybody; all others go in."""
    kept = {key[0] for key in found.rows["threads"]}
    # As they were stored: texts are not encoded a second time.
    with closing(sqlite3.connect(fresh)) as connection, connection:
        for table, rows in found.rows.items():
            for key, row in rows.items():
                if key[0] in kept or table in ("blobs", "packs"):
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)


def _report(file: SqliteFile, found: Found, aside: Path) -> Salvaged:
    names = {name for name in found.names if not _BLOB.fullmatch(name)}
    for table in ("events", "journal", "checkpoints", "writes"):
        names |= {str(key[0]) for key in found.rows[table]}
    kept = {str(key[0]) for key in found.rows["threads"]}
    damaged = bool(file.broken) or not file.header
    part = (found.unreadable | gaps(found, kept)) & kept if damaged else set()
    return Salvaged(
        tuple(sorted(kept - part)),
        tuple(sorted(part)),
        tuple(sorted((names | found.unreadable) - kept)),
        aside,
        len(file.broken),
        file.header,
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes whenever somebody writes to the file or its log."""
    found = [path.stat()]
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        found.append(log.stat())
    return tuple(number for each in found for number in (each.st_mtime_ns, each.st_size))


def _aside(path: Path) -> Path:
    """The name under which the damaged file is kept; it may have that name already."""
    for each in path.parent.glob(f"{path.name}.damaged-*"):
        if each.samefile(path):
            return each
    return path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")


def _swap_was_cut(path: Path, aside: Path) -> bool:
    """Whether the log lies beside the other name alone, as a kill within `_swap` leaves it."""
    return aside.exists() and not path.with_name(f"{path.name}-wal").exists()


def _swap(path: Path, fresh: Path, aside: Path, before: tuple[int, ...]) -> None:
    """Keep the damaged file under another name, then let the new one take its place.

    Raises:
        StorageError: somebody wrote to the file since it was read.
        OSError: a name cannot be changed.
    """
    if _stamp(path) != before:
        raise StorageError(f"{path} was written to meanwhile: stop every run, then try again")
    log, kept_log = path.with_name(f"{path.name}-wal"), aside.with_name(f"{aside.name}-wal")
    if log.exists():
        kept_log.unlink(missing_ok=True)  # of a swap that was cut before this
        kept_log.hardlink_to(log)
    if not aside.exists():
        aside.hardlink_to(path)
    if log.exists():
        log.unlink()  # SQLite would take it for the new file's log
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    flush_folder(path.parent)
    fresh.replace(path)
    flush_folder(path.parent)


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
