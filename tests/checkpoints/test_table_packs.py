"""Packs of snapshots in a database: numbered, whole or not at all, safe with several writers."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from stores import address, lasting, postgres_server, storage

from greenloop.checkpoints.databases.table_packs import PART, TablePacks
from greenloop.checkpoints.snapshots.mirror import PackMirror
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError
from greenloop.graph.storage import Storage, open_storage

__all__ = ["address", "lasting", "postgres_server", "storage"]


def packs(storage: Storage, store: str = "s") -> TablePacks:
    return TablePacks(storage.database, store)


def test_packs_come_back_in_order(storage: Storage) -> None:
    big = random.Random(0).randbytes(2 * PART + 1)
    mirror: PackMirror = packs(storage)
    assert [mirror.push(pack) for pack in (b"one", b"", big)] == [1, 2, 3]
    assert list(packs(storage).pull(0)) == [(1, b"one"), (2, b""), (3, big)]
    assert list(packs(storage).pull(2)) == [(3, big)]
    assert list(packs(storage).pull(3)) == []
    assert list(packs(storage, "other").pull(0)) == []
    assert packs(storage).holds(3)
    assert not packs(storage).holds(4)


def test_one_pack_takes_the_place_of_all(storage: Storage) -> None:
    mirror = packs(storage)
    for pack in (b"one", b"two"):
        mirror.push(pack)
    packs(storage, "other").push(b"other")
    assert mirror.replace(b"all") == 3
    assert list(packs(storage).pull(0)) == [(3, b"all")]
    assert list(packs(storage, "other").pull(0)) == [(1, b"other")]
    assert mirror.push(b"more") == 4
    assert mirror.replace(b"all again") == 5
    assert list(packs(storage).pull(0)) == [(5, b"all again")]
    assert not packs(storage).holds(3)


def test_what_was_not_seen_is_not_replaced(storage: Storage) -> None:
    mine, theirs = packs(storage), packs(storage)
    mine.push(b"one")
    theirs.push(b"two")
    mine.replace(b"mine")
    assert list(packs(storage).pull(0)) == [(2, b"two"), (3, b"mine")]
    assert [number for number, _ in mine.pull(1)] == [2, 3]
    mine.replace(b"both")
    assert list(packs(storage).pull(0)) == [(4, b"both")]


def test_a_reader_in_the_middle_of_a_replacement_goes_on(storage: Storage) -> None:
    writer = packs(storage)
    for pack in (b"one", b"two"):
        writer.push(pack)
    found = packs(storage).pull(0)
    assert next(found) == (1, b"one")
    writer.replace(b"all")
    assert list(found) == [(3, b"all")]


def test_a_part_that_is_missing_is_said(storage: Storage) -> None:
    packs(storage).push(b"x" * 10)
    storage.database.execute("DELETE FROM packs WHERE part = 1")
    with pytest.raises(StorageError, match="pack 1 of s is not whole"):
        list(packs(storage).pull(0))


def test_writers_at_once_do_not_collide(lasting: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(open_storage(tmp_path, lasting)) for _ in range(4)]

        def write(writer: int) -> list[int]:
            mirror = packs(writers[writer])
            return [mirror.push(f"{writer} {n}".encode()) for n in range(10)]

        with ThreadPoolExecutor(4) as pool:
            numbers = list(pool.map(write, range(4)))
        assert all(own == sorted(own) for own in numbers)
        assert sorted(number for own in numbers for number in own) == list(range(1, 41))
        assert len(list(packs(writers[0]).pull(0))) == 40


def test_a_snapshot_store_is_filled_from_the_database(storage: Storage, tmp_path: Path) -> None:
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    for folder in (work, elsewhere):
        folder.mkdir()
    (work / "a").write_bytes(bytes(range(256)) * 100)
    store = SnapshotStore(tmp_path / "one", work, packs(storage))
    first = store.take()
    (work / "a").write_text("changed")
    second = store.take()
    other = SnapshotStore(tmp_path / "two", elsewhere, packs(storage))
    assert other.read(first, "a") == bytes(range(256)) * 100
    other.restore(second)
    assert (elsewhere / "a").read_text() == "changed"
    other.prune([second])
    third = SnapshotStore(tmp_path / "three", elsewhere, packs(storage))
    assert third.has(second)
    assert not third.has(first)
