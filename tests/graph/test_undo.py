"""Undo and redo touch what the run changed, and refuse to overwrite what was edited since."""

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.threads import Thread
from greenloop.errors import ThreadError
from greenloop.graph.undo import redo, undo

KEEP = "VERDICT: keep"


def last(bench: Bench) -> Thread:
    return bench.storage.threads.all()[0]


def undone(bench: Bench, *, force: bool = False) -> tuple[str, ...]:
    return undo(last(bench), bench.workspace(), bench.storage, force=force)


def redone(bench: Bench, *, force: bool = False) -> tuple[str, ...]:
    return redo(last(bench), bench.workspace(), bench.storage, force=force)


def test_there_and_back(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    assert undone(bench) == ("answer.txt",)
    assert bench.answer() == FILES["answer.txt"]
    with pytest.raises(ThreadError, match="undone already"):
        undone(bench)
    assert redone(bench) == ("answer.txt",)
    assert bench.answer() == "red\nblue\n"
    assert last(bench).status == "green"
    with pytest.raises(ThreadError, match="nothing to take back"):
        redone(bench)


def test_redo_refuses_to_overwrite_what_was_edited_since_the_undo(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    undone(bench)
    (bench.folder / "answer.txt").write_text("precious\n")
    with pytest.raises(ThreadError, match=r"answer\.txt"):
        redone(bench)
    assert bench.answer() == "precious\n"
    redone(bench, force=True)
    kept = bench.only("saved").tree
    snapshots = bench.storage.snapshots(bench.workspace().root)
    assert snapshots.read(kept, "answer.txt") == b"precious\n"


def test_redo_leaves_other_files_alone(bench: Bench) -> None:
    (bench.folder / "note.txt").write_text("one\n")
    bench.start("colours", say("red", "blue"), KEEP)
    (bench.folder / "note.txt").write_text("two\n")
    undone(bench)
    (bench.folder / "note.txt").write_text("three\n")
    redone(bench)
    assert (bench.folder / "note.txt").read_text() == "three\n"


def test_an_undo_without_changes_leaves_the_thread_resumable(bench: Bench) -> None:
    bench.start("colours", say("wrong"), budget_calls=1)
    assert undone(bench) == ()
    assert bench.resume(say("red", "blue"), KEEP).status == "green"


def test_after_a_kill_only_the_half_done_edit_is_the_runs_own(bench: Bench) -> None:
    def die(event: object) -> None:
        if getattr(event, "kind", "") == "diff":
            raise SystemExit

    with pytest.raises(SystemExit):
        bench.start("colours", say("half"), listener=die)
    # As a kill leaves it: the edit in place, the row still running.
    (bench.folder / "answer.txt").write_text("half\n")
    (bench.folder / "mine.txt").write_text("days later\n")
    bench.storage.threads.set_status(last(bench).thread, "running")
    assert undone(bench) == ("answer.txt",)
    assert (bench.folder / "mine.txt").read_text() == "days later\n"
    assert bench.answer() == FILES["answer.txt"]


def test_a_file_that_the_user_saved_during_the_run_is_not_taken_back(bench: Bench) -> None:
    def save(event: object) -> None:
        if (getattr(event, "node", ""), getattr(event, "kind", "")) == ("plan", "finished"):
            (bench.folder / "answer.txt").write_text("user version\n")

    bench.start("colours", say("red", "blue"), KEEP, listener=save)
    undone(bench)
    assert bench.answer() == "user version\n"


def test_a_file_ignored_since_comes_back_with_redo(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    (bench.folder / ".gitignore").write_text("answer.txt\n")
    (bench.folder / "answer.txt").write_text("precious\n")
    with pytest.raises(ThreadError, match=r"answer\.txt"):
        undone(bench)
    undone(bench, force=True)
    assert bench.answer() == FILES["answer.txt"]
    redone(bench, force=True)
    assert bench.answer() == "precious\n"
