from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.events import EventLog, read_events
from greenloop.errors import StorageError
from greenloop.state import Event


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with closing(SqliteDatabase(tmp_path / "greenloop.db")) as database:
        yield EventLog(database, BlobStore(tmp_path / "blobs"), "thread")


def stored(log: EventLog, thread: str = "thread") -> list[tuple[int, int, str, str]]:
    events = read_events(log._database, thread)
    return [(event.step, event.seq, event.node, event.text) for event in events]


def test_events_are_kept_in_order_with_their_content(log: EventLog) -> None:
    log.begin(1, "plan")
    log.emit("note", "first")
    log.emit("reply", "second", content="long words", tokens=7)
    first, second = read_events(log._database, "thread")
    assert (first.step, first.seq, first.node, first.text) == (1, 0, "plan", "first")
    assert (second.seq, second.tokens) == (1, 7)
    assert log._blobs.get(second.ref) == "long words"
    assert second.at >= first.at > 0


def test_a_node_that_runs_again_replaces_the_rows_of_its_cut_attempt(log: EventLog) -> None:
    log.begin(1, "plan")
    log.emit("note", "kept")
    log.begin(2, "code")
    log.emit("note", "cut")
    log.emit("note", "cut too")
    log.begin(2, "code")
    log.emit("note", "again")
    assert stored(log) == [(1, 0, "plan", "kept"), (2, 0, "code", "again")]


def test_words_between_nodes_survive_the_next_node(log: EventLog) -> None:
    log.begin(1, "plan")
    log.emit("note", "in the node")
    log.after(1)
    log.emit("waiting", "code")
    log.begin(2, "code")
    assert stored(log) == [(1, 0, "plan", "in the node"), (1, 1, "", "code")]


def test_threads_do_not_mix(log: EventLog) -> None:
    other = EventLog(log._database, log._blobs, "other")
    other.begin(1, "plan")
    other.emit("note", "other")
    log.begin(1, "plan")
    assert stored(log) == []
    assert stored(log, "other") == [(1, 0, "plan", "other")]


def test_listeners_hear_events_and_streamed_words(log: EventLog) -> None:
    heard: list[Event] = []
    told = EventLog(log._database, log._blobs, "thread", [heard.append])
    told.begin(1, "code")
    told.emit("note", "stored")
    told.say("words")
    assert [(event.kind, event.text) for event in heard] == [("note", "stored"), ("text", "words")]
    assert stored(told) == [(1, 0, "code", "stored")]


class TestBlobs:
    def test_the_same_text_is_stored_once(self, tmp_path: Path) -> None:
        blobs = BlobStore(tmp_path)
        assert blobs.put("text") == blobs.put("text")
        assert len([path for path in tmp_path.glob("??/*") if path.is_file()]) == 1

    @pytest.mark.parametrize("text", ["", "ünïcödé ✓", "a\r\nb\0", "lone \udc80 byte"])
    def test_any_text_comes_back(self, tmp_path: Path, text: str) -> None:
        blobs = BlobStore(tmp_path)
        assert blobs.get(blobs.put(text)) == text

    def test_a_damaged_record_is_an_error_not_an_answer(self, tmp_path: Path) -> None:
        blobs = BlobStore(tmp_path)
        ref = blobs.put("text")
        next(path for path in tmp_path.glob("??/*") if path.is_file()).write_bytes(b"rubbish")
        with pytest.raises(StorageError, match="missing or damaged"):
            blobs.get(ref)

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StorageError, match="cannot write"):
            BlobStore(tmp_path / "file").put("text")
