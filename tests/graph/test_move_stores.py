"""Rewind, fork and diff on every kind of database."""

from pathlib import Path

from graph_bench.bench import FILES, Bench, say
from stores import address, postgres_server, storage

from greenloop.graph.compare import compare
from greenloop.graph.fork import empty_folder, fork
from greenloop.graph.fork_edit import Edit
from greenloop.graph.history import milestones
from greenloop.graph.rewind import rewind
from greenloop.graph.storage import Storage
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

__all__ = ["address", "postgres_server", "storage"]

KEEP = "VERDICT: keep"


def test_there_and_back(storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    bench = Bench(folder, storage, ScriptedModel(()))
    bench.start("colours", say("red"), say("red", "blue"), KEEP)
    (thread,) = storage.threads.all()
    (folder / "mine.txt").write_text("mine\n")

    done = rewind(thread, bench.workspace(), bench.settings({}), storage, 2)
    assert (bench.answer(), done.next, done.back) == ("red\n", "test", 8)
    assert bench.resume(say("blue"), say("red", "blue"), KEEP).status == "green"
    rewind(thread, bench.workspace(), bench.settings({}), storage, done.back)
    assert (folder / "mine.txt").read_text() == "mine\n"
    on_line = [each.number for each in milestones(bench.events()) if each.on_line]
    assert on_line == [*range(9), milestones(bench.events())[-1].number]

    beside = Workspace(empty_folder(tmp_path / "beside", thread, tmp_path / "data"))
    made = fork(thread, 2, Edit(), beside, bench.settings({}), storage)
    assert (made.next, (beside.root / "answer.txt").read_text()) == ("test", "red\n")
    found = compare(made.thread, "parent", "now", storage)
    assert [file.path for file in found.files] == ["answer.txt", "mine.txt"]
