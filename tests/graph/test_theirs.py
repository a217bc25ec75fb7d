"""What somebody saves while a run is at work stays, whatever becomes of the run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.errors import FilesChangedError, ModelNotFoundError, ModelUnavailableError
from greenloop.graph.undo import undo
from greenloop.state import Event

KEEP = "VERDICT: keep"
TASK, PLAN = "1. red\n2. blue", "1. say red and blue"
_KILLED = """
import os, signal, sys
from pathlib import Path
from graph_bench.bench import Bench, say
from greenloop.graph.storage import open_storage
from greenloop.tools.model.scripted import ScriptedModel

folder = Path(sys.argv[1])

def meddle(event):
    if (event.node, event.kind) == ("plan", "finished"):
        (folder / "mine.txt").write_text("mine\\n")
    if (event.node, event.kind) == ("code", "diff"):
        os.kill(os.getpid(), signal.SIGKILL)

with open_storage(Path(sys.argv[2])) as storage:
    Bench(folder, storage, ScriptedModel(())).start("colours", say("wrong"), listener=meddle)
"""


def mine(bench: Bench) -> bool:
    """Whether the user's file is there."""
    file = bench.folder / "mine.txt"
    return file.exists() and file.read_text() == "mine\n"


class Saver:
    """Saves a file at the first event of that kind in that node."""

    def __init__(self, bench: Bench, node: str, kind: str) -> None:
        self.bench, self.when = bench, (node, kind)

    def __call__(self, event: Event) -> None:
        if (event.node, event.kind) == self.when:
            (self.bench.folder / "mine.txt").write_text("mine\n")


@pytest.mark.parametrize("node", ["plan", "code", "review"])
def test_a_file_saved_while_a_model_thinks_is_not_the_runs(bench: Bench, node: str) -> None:
    saver = Saver(bench, node, "prompt")
    result = bench.start(TASK, PLAN, say("red", "blue"), KEEP, listener=saver)
    assert (result.status, result.changed) == ("green", ("answer.txt",))
    assert mine(bench)
    (thread,) = bench.storage.threads.all()
    assert undo(thread, bench.workspace(), bench.storage, force=False) == ("answer.txt",)
    assert mine(bench)
    assert bench.answer() == FILES["answer.txt"]


def test_a_file_saved_while_a_new_plan_is_made(bench: Bench) -> None:
    replies = (say("a"), say("b"), say("c"), "1. write it", say("red", "blue"), KEEP)
    result = bench.start("colours", *replies, listener=Saver(bench, "replan", "prompt"))
    assert (result.status, result.changed) == ("green", ("answer.txt",))
    assert mine(bench)


def test_a_file_saved_while_a_model_thinks_that_then_fails(bench: Bench) -> None:
    with pytest.raises(ModelUnavailableError):
        bench.start("x", ModelUnavailableError("gone"), listener=Saver(bench, "code", "prompt"))
    assert mine(bench)
    with pytest.raises(FilesChangedError, match=r"mine\.txt"):
        bench.resume(say("red", "blue"), KEEP)
    assert bench.resume(say("red", "blue"), KEEP, files="keep").status == "green"
    assert mine(bench)


def test_a_file_taken_in_before_the_model_fails(bench: Bench) -> None:
    """The first reply is of no use; the second one never comes."""
    replies = ("I cannot say.", ModelUnavailableError("gone"))
    with pytest.raises(ModelUnavailableError):
        bench.start("colours", *replies, listener=Saver(bench, "code", "prompt"))
    assert any("mine.txt" in text for text in bench.texts("theirs"))
    assert mine(bench)


def test_a_node_that_fails_behind_its_edit_takes_only_that_back(bench: Bench) -> None:
    def stop(event: Event) -> None:
        if (event.node, event.kind) == ("code", "diff"):
            (bench.folder / "mine.txt").write_text("mine\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.start("colours", say("red", "blue"), listener=stop)
    assert bench.answer() == FILES["answer.txt"]
    assert mine(bench)


def test_a_file_taken_in_before_a_kill_is_asked_about(bench: Bench) -> None:
    """The trees of later edits have it too, which does not make it the run's."""
    words = [sys.executable, "-c", _KILLED, str(bench.folder), str(bench.storage.root)]
    tests = str(Path(__file__).parents[1])
    died = subprocess.run(words, env={**os.environ, "PYTHONPATH": tests}, check=False)
    assert died.returncode == -signal.SIGKILL
    assert bench.answer() == "wrong\n"
    with pytest.raises(FilesChangedError) as caught:
        bench.resume(say("red", "blue"), KEEP)
    assert caught.value.paths == ("mine.txt",)
    result = bench.resume(say("red", "blue"), KEEP, files="keep")
    assert (result.status, result.changed) == ("green", ("answer.txt",))
    assert mine(bench)


def test_a_thread_that_names_what_was_put_back_stays(bench: Bench) -> None:
    """The file was saved while the tests ran, so it was taken for their litter."""
    (bench.folder / "check.sh").write_text("echo mine > mine.txt; " + FILES["check.sh"])
    with pytest.raises(ModelNotFoundError):
        bench.start(TASK, ModelNotFoundError("no such model"))
    assert not mine(bench)
    snapshots = bench.storage.snapshots(bench.workspace().root)
    assert snapshots.read(bench.only("saved").tree, "mine.txt") == b"mine\n"
