"""The real graph on every kind of database: runs, stops, goes on, is undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graph_bench.bench import FILES, Bench, say
from stores import address, postgres_server, storage

from greenloop.checkpoints.databases.saver import find_checkpoint
from greenloop.graph.storage import Storage
from greenloop.state import Event
from greenloop.tools.model.scripted import ScriptedModel

__all__ = ["address", "postgres_server", "storage"]

KEEP = "VERDICT: keep"


@pytest.fixture
def bench(storage: Storage, tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    yield Bench(folder, storage, ScriptedModel(()))


def test_repairs_and_a_new_plan(bench: Bench) -> None:
    result = bench.start(
        "colours", say("a"), say("b"), say("c"), "1. read wanted", say("red", "blue"), KEEP
    )
    assert result.status == "green"
    assert bench.path() == [
        "plan", "code", "test", "code", "test", "code", "test", "replan", "code", "test",
        "review", "done",
    ]  # fmt: skip
    assert bench.storage.database.damage() == ""


def test_every_checkpoint_has_its_state_and_its_files(bench: Bench) -> None:
    bench.start("colours", say("red"), say("red", "blue"), KEEP)
    (thread,) = bench.storage.threads.all()
    snapshots = bench.storage.snapshots_of(thread)
    answers = []
    with bench.storage.database.saver() as saver:
        for event in bench.events():
            if event.kind in ("moved", "finished"):
                found = find_checkpoint(saver, thread.thread, event.step)
                assert found is not None
                assert found.checkpoint["channel_values"]["tree"] == event.tree
                answers.append(snapshots.read(event.tree, "answer.txt"))
    both = b"red\nblue\n"
    assert answers == [b"none\n", b"none\n", b"red\n", b"red\n", both, both, both, both]


def test_a_run_that_fails_goes_on(bench: Bench) -> None:
    class Stop(Exception):
        """Something that nobody foresaw."""

    def listen(event: Event) -> None:
        if (event.node, event.kind) == ("test", "started"):
            raise Stop

    with pytest.raises(Stop):
        bench.start("colours", say("red", "blue"), listener=listen)
    assert [thread.status for thread in bench.storage.threads.all()] == ["failed"]
    assert bench.resume(KEEP).status == "green"
    assert bench.path() == ["plan", "code", "test", "review", "done"]
    assert bench.storage.threads.all()[0].status == "green"


def test_a_removed_thread_leaves_no_rows(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    (thread,) = bench.storage.threads.all()
    bench.storage.threads.remove(thread.thread)
    for table in ("threads", "events", "journal"):
        assert bench.storage.database.execute(f"SELECT count(*) FROM {table}") == [(0,)]
    with bench.storage.database.saver() as saver:
        config = {"configurable": {"thread_id": thread.thread, "checkpoint_ns": ""}}
        assert list(saver.list(config)) == []  # type: ignore[arg-type]
