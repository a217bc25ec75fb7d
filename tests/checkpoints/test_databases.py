"""What every database must do, held against each of them."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import database_process
import pytest
from stores import address, lasting, postgres_server, storage

from greenloop.checkpoints.databases.saver import find_checkpoint
from greenloop.checkpoints.databases.schema import MIGRATIONS, POSTGRES_TYPES, SQLITE_TYPES
from greenloop.checkpoints.events import EventLog, checkpoint_event, read_events
from greenloop.checkpoints.journal import Journal
from greenloop.checkpoints.threads import Thread
from greenloop.errors import StorageError, ThreadError, UserError
from greenloop.graph.storage import DATABASE, Storage, open_storage

__all__ = ["address", "lasting", "postgres_server", "storage"]

PROCESS = Path(database_process.__file__)
STEPS = database_process.STEPS
AWKWARD = ["", "größe 🐛", "a\x00b", "%s ? %", "'; DROP TABLE events; --", "\uffff0000", "a\nb\\0"]
THREAD = Thread(
    "fix-it-0001", "/repo", "fix it", "m", "pytest", {"plan": "auto"}, "running", "b" * 40, 1, 1,
    1.25, 1700000000.123456, "key", "parent-0001", 3,
)  # fmt: skip


def rows(storage: Storage, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    return storage.database.execute(statement, values)


def journal_row(number: int) -> tuple[str, int, int, str, str]:
    return ("t", 1, number, "request", "ref")


INSERT = "INSERT INTO journal VALUES (?, ?, ?, ?, ?)"


def test_a_statement_gives_rows_and_takes_percent_signs(storage: Storage) -> None:
    assert rows(storage, INSERT, journal_row(1)) == []
    found = rows(storage, "SELECT request, ordinal FROM journal WHERE request LIKE 're%' "
                          "AND thread = ?", ("t",))  # fmt: skip
    assert found == [("request", 1)]
    assert rows(storage, "SELECT max(ordinal) FROM journal WHERE thread = ?", ("x",)) == [(None,)]


def test_a_wrong_statement_is_a_storage_error(storage: Storage) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        rows(storage, "SELECT * FROM nowhere")
    assert rows(storage, "SELECT count(*) FROM journal") == [(0,)]


def test_a_key_is_taken_once(storage: Storage) -> None:
    rows(storage, INSERT, journal_row(1))
    with pytest.raises(StorageError):
        rows(storage, INSERT, journal_row(1))


def test_a_transaction_is_all_or_nothing(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.database.transaction():
        rows(storage, INSERT, journal_row(1))
        assert 1 / 0
    assert rows(storage, "SELECT count(*) FROM journal") == [(0,)]
    with storage.database.transaction():
        rows(storage, INSERT, journal_row(1))
        rows(storage, INSERT, journal_row(2))
    assert rows(storage, "SELECT count(*) FROM journal") == [(2,)]


def test_a_failed_statement_undoes_its_transaction(storage: Storage) -> None:
    with pytest.raises(StorageError), storage.database.transaction():
        rows(storage, INSERT, journal_row(1))
        rows(storage, INSERT, journal_row(1))
    assert rows(storage, "SELECT count(*) FROM journal") == [(0,)]


def test_a_transaction_is_seen_by_others_when_it_is_through(lasting: str, tmp_path: Path) -> None:
    with open_storage(tmp_path, lasting) as one, open_storage(tmp_path, lasting) as other:
        with one.database.transaction():
            rows(one, INSERT, journal_row(1))
            assert rows(other, "SELECT count(*) FROM journal") == [(0,)]
        assert rows(other, "SELECT count(*) FROM journal") == [(1,)]


def test_threads_of_one_process_share_a_database(storage: Storage) -> None:
    def write(writer: int) -> None:
        for each in range(20):
            with storage.database.transaction():
                key = (f"t{writer}", 1, 2 * each)
                rows(storage, INSERT, (*key, "", ""))
                rows(storage, INSERT, (f"t{writer}", 1, 2 * each + 1, "", ""))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert rows(storage, "SELECT count(*) FROM journal") == [(320,)]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_comes_back(storage: Storage, text: str) -> None:
    storage.threads.add(replace(THREAD, task=text))
    assert storage.threads.find(THREAD.thread).task == text
    log = EventLog(storage.database, storage.blobs, "t")
    log.begin(1, "code")
    written = log.emit("note", text, content=text)
    assert read_events(storage.database, "t") == [written]
    assert written.text == text
    if text:
        assert storage.blobs.get(written.ref) == text
    assert rows(storage, "SELECT count(*) FROM events WHERE text = ?", (text,)) == [(1,)]


def test_a_name_that_is_no_utf8_comes_back(storage: Storage) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    storage.threads.add(replace(THREAD, repo=f"/{name}"))
    assert storage.threads.all(Path(f"/{name}")) == [replace(THREAD, repo=f"/{name}")]


def test_threads_come_back_as_they_were(storage: Storage) -> None:
    storage.threads.add(THREAD)
    assert storage.threads.find("fix") == THREAD
    storage.threads.set_status(THREAD.thread, "green")
    storage.threads.set_folder(THREAD.thread, Path("/other"))
    storage.threads.set_brain(THREAD.thread, "m2", {"a": "\x00"})
    (found,) = storage.threads.all(Path("/other"))
    assert (found.status, found.model, found.settings) == ("green", "m2", {"a": "\x00"})
    storage.threads.remove(THREAD.thread)
    assert storage.threads.all() == []


def test_a_step_that_begins_again_drops_what_it_wrote(storage: Storage) -> None:
    log = EventLog(storage.database, storage.blobs, "t")
    log.begin(1, "code")
    log.emit("reply", "first")
    log.emit("saved", tree="a" * 40)
    log.begin(1, "code")
    log.emit("finished", tree="b" * 40)
    assert [(e.kind, e.seq) for e in read_events(storage.database, "t")] == [
        ("saved", 1), ("finished", 2),
    ]  # fmt: skip
    event = checkpoint_event(storage.database, "t", 1)
    assert event is not None
    assert event.tree == "b" * 40


def test_the_journal_recalls_what_it_kept(storage: Storage) -> None:
    journal = Journal(storage.database, storage.blobs, "t")
    journal.begin(1)
    journal.keep("question", "answer\x00")
    journal.keep("more", "another")
    journal.begin(1)
    assert journal.recall("question") == "answer\x00"
    assert journal.recall("something else") is None
    journal.keep("something else", "new")
    assert journal.kept(1) == 2
    journal.begin(2)
    assert journal.kept(1) == 0


def test_blobs_are_kept_once_and_removed_when_old(storage: Storage) -> None:
    ref, other = storage.blobs.put("a" * 10_000), storage.blobs.put("b")
    assert storage.blobs.put("a" * 10_000) == ref
    assert {blob.ref for blob in storage.blobs.stored()} == {ref, other}
    storage.blobs.remove([ref])
    assert storage.blobs.get(ref) == "a" * 10_000, "too young"
    storage.blobs.remove([ref, "0" * 32], younger=-1)
    assert [blob.ref for blob in storage.blobs.stored()] == [other]
    with pytest.raises(StorageError, match="missing"):
        storage.blobs.get(ref)


def test_a_name_is_held_by_one(storage: Storage) -> None:
    with storage.database.hold("t", "t is busy"):
        assert storage.database.is_held("t")
        assert not storage.database.is_held("other")
        with pytest.raises(ThreadError, match="t is busy"), storage.database.hold("t", "t is busy"):
            raise AssertionError("held twice")
        assert storage.database.is_held("t")
        with storage.database.hold("other", "busy"):
            assert storage.database.is_held("other")
    assert not storage.database.is_held("t")
    with storage.database.hold("t", "busy"):
        pass


def run(*words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(PROCESS), *map(str, words)], stdout=subprocess.PIPE, text=True
    )


def test_a_killed_process_lets_go(lasting: str, tmp_path: Path) -> None:
    with open_storage(tmp_path, lasting) as storage, run("hold", lasting, tmp_path, "t") as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert storage.database.is_held("t")
        with (
            pytest.raises(ThreadError, match=rf"busy \(.*{other.pid}"),
            storage.database.hold("t", "busy"),
        ):
            raise AssertionError("held twice")
        other.send_signal(signal.SIGKILL)
        other.wait(10)
        end = time.monotonic() + 10
        while storage.database.is_held("t") and time.monotonic() < end:
            time.sleep(0.02)
        with storage.database.hold("t", "busy"):
            pass


def test_eight_processes_at_once(lasting: str, tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(8)]
    writers = [run("write", lasting, tmp_path, name) for name in names]
    for writer in writers:
        with writer:
            assert writer.wait(120) == 0
    with open_storage(tmp_path, lasting) as storage, storage.database.saver() as saver:
        for name in names:
            events = read_events(storage.database, name)
            assert [event.text for event in events] == [f"{name} {n + 1}" for n in range(STEPS)]
            found = find_checkpoint(saver, name, STEPS - 1)
            assert found is not None
            assert found.checkpoint["channel_values"]["task"] == name
        assert len(list(storage.blobs.stored())) == STEPS


OLD_THREAD = ("t", "/repo", "task", "m", "", "{}", "green", "b" * 40, 1, 1, 1.5, 2.5)
OLD_EVENTS = [
    ("t", 1, 0, "code", "note", "a line", "", "", "", 0, 1.0),
    ("t", 1, 1, "code", "finished", "c" * 40, "", "", "", 0, 2.0),
]


def make_version_1(address: str, data: Path) -> None:
    """As the code of that version made and filled it."""
    threads = f"INSERT INTO threads VALUES ({', '.join('?' * 12)})"
    events = f"INSERT INTO events VALUES ({', '.join('?' * 11)})"
    filled = [(threads, OLD_THREAD), *((events, event) for event in OLD_EVENTS)]
    if address:
        import psycopg

        with psycopg.connect(address, autocommit=True) as server:
            for statement in MIGRATIONS[0]:
                server.execute(statement.format(**POSTGRES_TYPES).encode())
            server.execute(b"CREATE TABLE greenloop_schema (version INTEGER, id TEXT)")
            server.execute(b"INSERT INTO greenloop_schema VALUES (1, 'name')")
            for statement, values in filled:
                server.execute(statement.replace("?", "%s").encode(), values)
    else:
        with closing(sqlite3.connect(data / DATABASE)) as file, file:
            for statement in MIGRATIONS[0]:
                file.execute(statement.format(**SQLITE_TYPES))
            file.execute("PRAGMA user_version = 1")
            for statement, values in filled:
                file.execute(statement, values)


def test_the_tables_of_version_1_are_brought_up_to_date(lasting: str, tmp_path: Path) -> None:
    make_version_1(lasting, tmp_path)
    for _ in range(2):
        with open_storage(tmp_path, lasting) as storage:
            (thread,) = storage.threads.all()
            assert (thread.task, thread.updated, thread.store) == ("task", 2.5, "")
            note, finished = read_events(storage.database, "t")
            assert (note.text, note.tree) == ("a line", "")
            assert finished.tree == "c" * 40
            storage.blobs.put("new tables are there")


def test_a_newer_format_is_refused(lasting: str, tmp_path: Path) -> None:
    with open_storage(tmp_path, lasting) as storage:
        if lasting:
            rows(storage, "UPDATE greenloop_schema SET version = 99")
        else:
            rows(storage, "PRAGMA user_version = 99")
    with pytest.raises(UserError, match="newer greenloop"), open_storage(tmp_path, lasting):
        raise AssertionError("opened")


def test_compacting_gives_room_back(lasting: str, tmp_path: Path) -> None:
    with open_storage(tmp_path, lasting) as storage:
        empty = storage.database.size()
        for number in range(20):
            values = ("s", number, 1, random.Random(number).randbytes(100_000))
            rows(storage, "INSERT INTO packs VALUES (?, ?, ?, ?)", values)
        full = storage.database.size()
        rows(storage, "DELETE FROM packs")
        storage.database.compact()
        assert full > empty + 1_000_000
        assert storage.database.size() < full / 2
        assert storage.database.damage() == ""


def test_a_sound_database_has_no_damage(storage: Storage) -> None:
    storage.threads.add(THREAD)
    storage.blobs.put("x")
    assert storage.database.damage() == ""
    assert storage.database.place


def test_a_name_can_be_shared_but_not_with_one_who_wants_it_alone(storage: Storage) -> None:
    hold = storage.database.hold
    with (
        hold("s", "busy", shared=True),
        hold("s", "busy", shared=True),
        pytest.raises(ThreadError, match="busy"),
        hold("s", "busy"),
    ):
        pytest.fail("held alone while others share it")
    with (
        hold("s", "busy"),
        pytest.raises(ThreadError, match="busy"),
        hold("s", "busy", shared=True),
    ):
        pytest.fail("shared while somebody holds it alone")
    with hold("s", "busy", shared=True):
        pass
