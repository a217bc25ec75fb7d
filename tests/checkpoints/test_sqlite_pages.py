"""Reading pages without SQLite gives what SQLite gives, as long as nothing is damaged."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from greenloop.checkpoints.databases.sqlite_pages import SqliteFile, read_sqlite

TABLES = (
    "CREATE TABLE heap (a TEXT PRIMARY KEY, b BLOB, c REAL, d INTEGER)",
    "CREATE TABLE keyed (a TEXT, b INTEGER, c TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
)


def fill(connection: sqlite3.Connection, rows: int) -> None:
    """Rows from nothing to several pages long, then some deleted and some changed."""
    chance = random.Random(7)
    for number in range(rows):
        size = chance.choice((0, 10, 100, 500, 1000, 4000, 4096, 9000, 40_000))
        data = chance.randbytes(size)
        integer = chance.choice((0, 1, -1, 127, 40_000, -(2**31), 2**47, 2**63 - 1, None))
        real = chance.choice((0.5, 3.0, -1e300, None))
        row = (f"größe {number}", data, real, integer)
        connection.execute("INSERT INTO heap VALUES (?, ?, ?, ?)", row)
        connection.execute(
            "INSERT INTO keyed VALUES (?, ?, ?)", (f"t{number % 9}", number, "x" * size)
        )
    connection.execute("DELETE FROM heap WHERE d = 127")
    connection.execute("DELETE FROM keyed WHERE a = 't3'")
    connection.execute("UPDATE heap SET b = x'00' WHERE d = 1")


def by_sqlite(connection: sqlite3.Connection) -> tuple[set[object], set[object]]:
    heap = set(connection.execute("SELECT a, b, c, d FROM heap"))
    return heap, set(connection.execute("SELECT a, b, c FROM keyed"))


def by_pages(file: SqliteFile) -> tuple[set[object], set[object]]:
    heap: set[object] = set()
    keyed: set[object] = set()
    for row in file.rows():
        if row.keyed and len(row.fields) == 3:
            keyed.add(row.fields)
        elif not row.keyed and len(row.fields) == 4:
            heap.add(row.fields)
    return heap, keyed


@pytest.mark.parametrize("page", [512, 1024, 4096, 65536])
def test_every_row_is_found_on_pages_of_any_size(page: int, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size={page}")
        for table in TABLES:
            connection.execute(table)
        fill(connection, 300)
        connection.commit()
        expected = by_sqlite(connection)
    file = read_sqlite(path)
    assert by_pages(file) == expected
    assert (file.size, file.broken, file.header) == (page, set(), True)


def test_the_log_counts_up_to_its_last_commit(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        for table in TABLES:
            connection.execute(table)
        fill(connection, 200)
        connection.commit()
        expected = by_sqlite(connection)
        connection.execute("PRAGMA cache_size=2")  # what follows is in the log, not committed
        connection.executemany(
            "INSERT INTO heap VALUES (?, ?, 0, 0)", ((f"new {n}", b"x" * 9000) for n in range(50))
        )
        file = read_sqlite(path)
        assert file.newer
        assert by_pages(file) == expected
        torn = tmp_path / "torn.db"
        torn.write_bytes(path.read_bytes())
        log = (tmp_path / "x.db-wal").read_bytes()
        (tmp_path / "torn.db-wal").write_bytes(log[: len(log) // 40])
        half = by_pages(read_sqlite(torn))
        assert half[0] <= expected[0]


@pytest.mark.parametrize("content", [b"", b"x", b"no database" * 1000, bytes(100_000)])
def test_what_is_no_database_has_no_rows(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    file = read_sqlite(path)
    assert list(file.rows()) == []
    assert not file.header


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_in_any_page_are_survived(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size=1024")
        for table in TABLES:
            connection.execute(table)
        fill(connection, 60)
        connection.commit()
        expected = by_sqlite(connection)
    data, chance = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(12):
        at = chance.randrange(len(data) - 40)
        data[at : at + 40] = chance.choice((chance.randbytes(40), bytes(40), b"\xff" * 40))
    path.write_bytes(data)
    heap, keyed = by_pages(read_sqlite(path))
    assert len(heap & expected[0]) > len(expected[0]) // 2
    assert len(keyed & expected[1]) > len(expected[1]) // 2
