"""Looking at the store of threads, and saving what can be saved of a damaged one."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from greenloop.checkpoints.databases.schema import SCHEMA_VERSION
from greenloop.checkpoints.databases.sqlite_pages import MAGIC
from greenloop.checkpoints.encryption import KEY_FILE, cipher_for
from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.private import open_to_others
from greenloop.checkpoints.prune import folder_bytes
from greenloop.checkpoints.salvage import Salvaged, salvage
from greenloop.config import Settings, environment
from greenloop.errors import GreenloopError, UserError
from greenloop.graph.doctor_check import BOTH, Check, check_of, gib
from greenloop.graph.storage import DATABASE, open_stores, repair_lock

_LOOK_S = 0.7
"""For the database; a large one is checked in part."""
_LOOKED_FOR = 5000
"""Texts whose files are looked for."""
_OPCODES = 10_000
"""Steps of SQLite's machine between two looks at the clock."""
_VERSION_AT = 60
"""Of `user_version` in the file's head, 4 bytes (sqlite.org/fileformat2.html)."""
_REPAIR = "`greenloop doctor --repair-store` saves what can be read; it keeps the damaged file"


def check_store(settings: Settings, *, writable: bool) -> Iterator[Check]:
    """The database, how much room the store takes, and who can read it.

    Args:
        settings: they name the store.
        writable: whether a first run could make one.
    """
    if settings.store:
        yield _remote(settings)
        return
    path = settings.data / DATABASE
    if path.exists():
        yield _database(path)
        yield _store(settings.data)
    elif writable:
        yield Check("database", "ok", "none yet: the first run makes it")


def repair_store(settings: Settings) -> Salvaged | None:
    """Save every thread that can be read of a damaged database; None where nothing is damaged.

    Raises:
        UserError: there is no database file, a newer greenloop wrote it, or the key is wrong.
        ThreadError: a process works with it.
        StorageError: the disk failed or is full; the damaged file is as it was.
    """
    if settings.store:
        raise UserError("only a database file can be repaired: restore PostgreSQL from a backup")
    data, path = settings.data, settings.data / DATABASE
    if not path.exists():
        raise UserError(f"there is no database in {data}: nothing to repair")
    busy = "another greenloop works with it: stop every run, then repair the store"
    with exclusive(repair_lock(data), busy):
        _refuse_newer(path)
        if not _whole_check(path):
            return None
        return salvage(path, cipher_for(data, environment().store_key))


def _database(path: Path) -> Check:
    try:
        size = path.stat().st_size
        with closing(_read_only(path)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            verdict = _quick_check(connection)
    except (sqlite3.Error, OSError) as error:
        return _damaged(path, str(error))
    if verdict not in ("ok", ""):
        return _damaged(path, verdict)
    if version > SCHEMA_VERSION:
        found = f"{path} was written by a newer greenloop"
        return Check(
            "database", "problem", found, "update greenloop, or set another data_dir", BOTH
        )
    sound = "sound" if verdict else "sound as far as seen"
    return Check("database", "ok", f"format {version}, {gib(size)}, {sound}")


def _damaged(path: Path, why: str) -> Check:
    found = f"{path} cannot be used: {' '.join(why.split())}"
    return Check("database", "problem", found, _REPAIR, BOTH)


def _lost_texts(data: Path) -> int:
    """Of those that the newest events name."""
    try:
        with closing(_read_only(data / DATABASE)) as connection:
            rows = connection.execute(
                "SELECT DISTINCT ref FROM (SELECT ref FROM events WHERE ref != '' "
                f"ORDER BY at DESC LIMIT {_LOOKED_FOR})"
            ).fetchall()
    except sqlite3.Error:  # the check of the database says so
        return 0
    return sum(not (data / "blobs" / ref[:2] / ref[2:]).exists() for (ref,) in rows)


def _store(data: Path) -> Check:
    encrypted, key = (data / KEY_FILE).exists(), environment().store_key
    try:
        if encrypted:  # else the key would be made the store's by looking
            cipher_for(data, key)
    except GreenloopError as error:
        return check_of("store", "problem", error, BOTH)
    lost = _lost_texts(data)
    if lost:
        found = f"{lost} texts that events name are not in {data / 'blobs'}"
        return Check("store", "warning", found, "bring the folder back if it was moved")
    blobs, trees = (gib(folder_bytes(data / name)) for name in ("blobs", "trees"))
    kept = "encrypted" if encrypted else "not encrypted"
    if key and not encrypted:
        kept = "not encrypted before the next run"
    found = f"{blobs} of texts, {trees} of snapshots, {kept}"
    exposed = open_to_others(data)
    if exposed:
        found = f"{found}; others can read {exposed[0]}"
        return Check("store", "warning", found, f"chmod -R go= {data}")
    return Check("store", "ok", f"{found}, closed to others")


def _remote(settings: Settings) -> Check:
    try:
        with open_stores(settings) as storage:
            damage, size = storage.database.damage(), storage.database.size()
            place = storage.database.place
    except GreenloopError as error:
        return check_of("database", "problem", error, BOTH)
    if damage:
        return Check("database", "problem", damage, "restore it from a backup", BOTH)
    return Check("database", "ok", f"{place}, format {SCHEMA_VERSION}, {gib(size)}, sound")


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_LOOK_S)


def _quick_check(connection: sqlite3.Connection) -> str:
    """`ok`, the first damage, or empty when the time was up before one was found."""
    end = time.monotonic() + _LOOK_S
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _OPCODES)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return ""
        raise


def _whole_check(path: Path) -> str:
    """The first damage, looked for everywhere; empty when there is none."""
    try:
        with closing(_read_only(path)) as connection:
            said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except (sqlite3.Error, OSError) as error:
        return str(error)
    return "" if said == "ok" else said


def _refuse_newer(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(100)
    version = int.from_bytes(head[_VERSION_AT : _VERSION_AT + 4], "big")
    if head.startswith(MAGIC) and SCHEMA_VERSION < version < SCHEMA_VERSION + 1000:
        raise UserError(f"{path} was written by a newer greenloop (format {version}): update it")
