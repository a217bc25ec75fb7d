"""Threads of the first version of greenloop: looked at, gone on with and undone by today's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from first_version import make_first_version
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.cipher import PLAIN
from greenloop.checkpoints.databases.schema import SCHEMA_VERSION
from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.salvage import salvage
from greenloop.cli import main
from greenloop.graph.prune import Wish, prune
from greenloop.graph.storage import DATABASE, open_storage
from greenloop.graph.undo import redo, undo
from greenloop.state import Event
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"


@contextmanager
def opened(folder: Path, data: Path) -> Iterator[Bench]:
    with open_storage(data) as storage:
        yield Bench(folder, storage, ScriptedModel(()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "repo"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


@pytest.fixture
def data(own_environment: Path) -> Path:
    """The data folder of the command line."""
    return own_environment / "data"


def as_then(event: Event) -> Event:
    """Then an edit named no snapshot, and the end of a step no files."""
    if event.kind == "edits":
        return replace(event, tree="")
    return replace(event, text="") if event.kind == "finished" else event


def test_a_run_that_was_not_solved_goes_on_and_is_undone(folder: Path, data: Path) -> None:
    with opened(folder, data) as bench:
        bench.start("colours", say("wrong"), budget_calls=1)
        path = bench.path()
    make_first_version(data)
    with opened(folder, data) as bench:
        assert bench.storage.database.execute("PRAGMA user_version") == [(SCHEMA_VERSION,)]
        assert bench.path() == path
        events = bench.events()
        assert all(len(event.tree) == 40 for event in events if event.kind == "finished")
        assert bench.resume(say("red", "blue"), KEEP).status == "green"
        (thread,) = bench.storage.threads.all()
        assert undo(thread, bench.workspace(), bench.storage, force=False) == ("answer.txt",)
        assert bench.answer() == FILES["answer.txt"]


def test_an_undo_of_then_is_taken_back_now(folder: Path, data: Path) -> None:
    with opened(folder, data) as bench:
        bench.start("colours", say("red", "blue"), KEEP)
        (thread,) = bench.storage.threads.all()
        undo(thread, bench.workspace(), bench.storage, force=False)
    make_first_version(data)
    with opened(folder, data) as bench:
        (thread,) = bench.storage.threads.all()
        assert redo(thread, bench.workspace(), bench.storage, force=False) == ("answer.txt",)
        assert bench.answer() == "red\nblue\n"


def test_what_somebody_changed_during_a_run_of_then_stays(folder: Path, data: Path) -> None:
    def save(event: object) -> None:
        if (getattr(event, "node", ""), getattr(event, "kind", "")) == ("plan", "finished"):
            (folder / "mine.txt").write_text("mine\n")

    with opened(folder, data) as bench:
        bench.start("colours", say("red", "blue"), KEEP, listener=save)
        assert bench.texts("theirs")
    make_first_version(data)
    with opened(folder, data) as bench:
        (theirs,) = (event for event in bench.events() if event.kind == "theirs")
        assert (theirs.tree, len(bench.storage.blobs.get(theirs.ref))) == ("", 40)
        prune(bench.storage, Wish())
        (thread,) = bench.storage.threads.all()
        undo(thread, bench.workspace(), bench.storage, force=False)
        assert (folder / "mine.txt").read_text() == "mine\n"
        assert bench.answer() == FILES["answer.txt"]


def test_every_command_that_looks(
    folder: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with opened(folder, data) as bench:
        bench.start("colours", say("wrong"), budget_calls=1)
        (thread,) = bench.storage.threads.all()
    make_first_version(data)
    for words in (["threads"], ["show"], ["history"], ["diff"], ["threads", "--sizes"], ["graph"]):
        names = [] if words[0] == "threads" else [thread.thread]
        assert main([*words, *names]) == 0
        assert capsys.readouterr().err == ""
    assert main(["rewind", thread.thread, "--to", "2"]) == 0
    assert (folder / "answer.txt").read_text() == "wrong\n"


def test_a_damaged_database_of_then_is_saved(folder: Path, data: Path) -> None:
    with opened(folder, data) as bench:
        bench.start("colours", say("wrong"), budget_calls=1)
        (thread,) = bench.storage.threads.all()
        before = [event for event in bench.events() if event.kind != "moved"]
    make_first_version(data)
    with (data / DATABASE).open("r+b") as file:
        file.write(bytes(100))
    saved = salvage(data / DATABASE, PLAIN)
    assert saved.whole == (thread.thread,)
    with opened(folder, data) as bench:
        after = read_events(bench.storage.database, thread.thread)
        assert after == [as_then(event) for event in before]
        assert bench.resume(say("red", "blue"), KEEP).status == "green"
