import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.events import EventLog
from greenloop.errors import StorageError, UserError


def test_it_is_made_on_first_use_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "greenloop.db"
    with closing(SqliteDatabase(path)) as database:
        assert database.execute("PRAGMA journal_mode") == [("wal",)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_opening_twice_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "greenloop.db"
    for _ in range(2):
        with closing(SqliteDatabase(path)) as database:
            database.execute(
                "INSERT INTO events VALUES ('t', (SELECT count(*) FROM events), "
                "0, '', '', '', '', '', '', 0, 0, '')"
            )
    with closing(SqliteDatabase(path)) as database:
        assert database.execute("SELECT count(*) FROM events") == [(2,)]


def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "greenloop.db"
    path.write_bytes(b"this is no database, but it may be dear to somebody" * 100)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"damaged.*--repair-store"):
        SqliteDatabase(path)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "greenloop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(UserError, match="newer greenloop"):
        SqliteDatabase(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot open the database"):
        SqliteDatabase(tmp_path / "file" / "greenloop.db")


def test_a_full_disk_is_said_as_such(tmp_path: Path) -> None:
    # SQLite's own page limit gives the very error of a full disk.
    with closing(SqliteDatabase(tmp_path / "greenloop.db")) as database:
        pages = database.execute("PRAGMA page_count")[0][0]
        database.execute(f"PRAGMA max_page_count={pages}")
        log = EventLog(database, BlobStore(tmp_path / "blobs"), "t")
        with pytest.raises(StorageError, match="disk is full"):
            for _ in range(1000):
                log.emit("note", "x" * 1000)
