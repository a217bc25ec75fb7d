"""Two runs at once: never in one thread, never over the same files, freely everywhere else."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.threads import Thread, Threads, ThreadStatus
from greenloop.errors import ThreadError
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"


def waiting(bench: Bench, folder: Path, status: ThreadStatus = "running") -> Thread:
    """A thread of that folder."""
    row = Thread("other-1a2b", str(folder), "x", "x", "", {}, status, "", 1, 1, 1.0, 1.0)
    bench.storage.threads.add(row)
    return row


@pytest.mark.parametrize("where", ["..", "sub"])
def test_a_run_around_or_within_the_folder_is_named(bench: Bench, where: str) -> None:
    (bench.folder / "sub").mkdir()
    other = (bench.folder / where).resolve()
    waiting(bench, other)
    with (
        exclusive(bench.storage.folder_lock(other), "busy"),
        pytest.raises(ThreadError, match=f"another run works in {other}, which shares files"),
    ):
        bench.start("colours", say("red", "blue"), KEEP)
    assert bench.answer() == FILES["answer.txt"]


def test_a_resume_that_is_just_beginning_within_the_folder_is_named(bench: Bench) -> None:
    inside = bench.folder.resolve() / "sub"
    waiting(bench, inside, "interrupted")
    with (
        exclusive(bench.storage.folder_lock(inside), "busy"),
        pytest.raises(ThreadError, match=f"another run works in {inside}"),
    ):
        bench.start("colours", say("red", "blue"), KEEP)


def test_of_two_first_runs_at_once_the_inner_one_sees_the_outer_one(bench: Bench) -> None:
    """The outer one began while the inner one took its first snapshot, unknown to anybody."""
    outer = bench.folder.resolve().parent
    held = ExitStack()

    class Late(Threads):
        def add(self, thread: Thread) -> None:
            held.enter_context(exclusive(bench.storage.folder_lock(outer), "busy"))
            super().add(thread)

    late = replace(bench.storage, threads=Late(bench.storage.database))
    with held, pytest.raises(ThreadError, match=f"another run works in {outer}, which shares"):
        Bench(bench.folder, late, ScriptedModel(())).start("colours", say("red", "blue"), KEEP)
    assert bench.storage.threads.all() == []
    assert bench.answer() == FILES["answer.txt"]


def test_a_dead_run_around_the_folder_is_in_nobodys_way(bench: Bench) -> None:
    waiting(bench, bench.folder.parent)
    assert bench.start("colours", say("red", "blue"), KEEP).status == "green"


def test_a_run_beside_the_folder_is_in_nobodys_way(bench: Bench) -> None:
    beside = bench.folder.with_name("repo-2")
    waiting(bench, beside)
    with exclusive(bench.storage.folder_lock(beside), "busy"):
        assert bench.start("colours", say("red", "blue"), KEEP).status == "green"


def test_a_thread_is_worked_on_by_one_process(bench: Bench, tmp_path: Path) -> None:
    bench.start("colours", say("red"), budget_calls=1)
    (thread,) = bench.storage.threads.all()
    with (
        bench.storage.database.hold(thread.thread, "held"),
        pytest.raises(ThreadError, match=f"another process works on {thread.thread}"),
    ):
        bench.resume(say("red", "blue"), KEEP)
    assert bench.resume(say("red", "blue"), KEEP).status == "green"


def test_two_threads_in_two_folders_of_one_store(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "another"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    second = Bench(folder, bench.storage, ScriptedModel(()))
    with exclusive(bench.storage.folder_lock(Workspace(bench.folder).root), "busy"):
        assert second.start("colours", say("red", "blue"), KEEP).status == "green"


def test_a_resume_names_the_thread_that_changed_the_files(bench: Bench) -> None:
    bench.start("colours", say("red"), budget_calls=1)
    (first,) = bench.storage.threads.all()
    second = Bench(bench.folder, bench.storage, ScriptedModel(()))
    second.start("other colours", say("red", "blue"), KEEP)
    (later,) = (row for row in bench.storage.threads.all() if row.thread != first.thread)
    bench.storage.threads.set_status(first.thread, "interrupted")
    from greenloop.graph.resume import resume
    from greenloop.graph.session import Run

    settings = bench.settings({})
    bench.storage.database.execute(
        "UPDATE threads SET updated = 1 WHERE thread = ?", (first.thread,)
    )
    row = bench.storage.threads.find(first.thread)
    with pytest.raises(ThreadError, match=f"answer.txt .{later.thread} has worked here since"):
        resume(row, bench.workspace(), settings, bench.storage, Run(model=ScriptedModel(())))
