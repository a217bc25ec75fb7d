"""Back to a checkpoint, state and files; whatever was there before has a number too."""

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.threads import Thread
from greenloop.errors import StorageError, ThreadError
from greenloop.graph.history import milestones
from greenloop.graph.rewind import Rewound, rewind
from greenloop.graph.undo import redo, undo

KEEP = "VERDICT: keep"


def last(bench: Bench) -> Thread:
    return bench.storage.threads.all()[0]


def back(bench: Bench, number: int) -> Rewound:
    return rewind(last(bench), bench.workspace(), bench.settings({}), bench.storage, number)


def green(bench: Bench) -> None:
    """Plan 1, code 2, test 3, code 4, test 5, review 6, done 7."""
    assert bench.start("colours", say("red"), say("red", "blue"), KEEP).status == "green"


def test_state_and_files_come_back_and_the_run_goes_on_from_there(bench: Bench) -> None:
    green(bench)
    done = back(bench, 2)
    assert (done.number, done.back, done.next, done.status) == (8, 7, "test", "interrupted")
    assert (done.own, [c.path for c in done.changed]) == ((), ["answer.txt"])
    assert bench.answer() == "red\n"
    result = bench.resume(say("blue"), say("red", "blue"), KEEP)
    assert result.status == "green"
    assert bench.path()[7:] == ["test", "code", "test", "code", "test", "review", "done"]
    assert result.spent.model_calls == 6, "what was spent stays spent"


def test_a_rewind_is_taken_back_by_its_number(bench: Bench) -> None:
    green(bench)
    done = back(bench, 1)
    assert bench.answer() == FILES["answer.txt"]
    again = back(bench, done.back)
    assert (again.number, again.status, again.next) == (9, "green", "")
    assert bench.answer() == "red\nblue\n"
    assert last(bench).status == "green"


def test_to_the_start(bench: Bench) -> None:
    green(bench)
    assert back(bench, 0).next == "plan"
    assert bench.resume(say("red", "blue"), KEEP).status == "green"
    assert bench.path()[7:] == ["plan", "code", "test", "review", "done"]


def test_the_users_own_changes_become_a_checkpoint(bench: Bench) -> None:
    green(bench)
    (bench.folder / "mine.txt").write_text("mine\n")
    (bench.folder / "wanted").unlink()
    done = back(bench, 2)
    assert (done.number, done.back, done.own) == (9, 8, ("mine.txt", "wanted"))
    assert not (bench.folder / "mine.txt").exists()
    back(bench, done.back)
    assert (bench.folder / "mine.txt").read_text() == "mine\n"
    assert not (bench.folder / "wanted").exists()
    assert bench.answer() == "red\nblue\n"


def test_what_the_user_changed_is_not_the_runs_to_undo(bench: Bench) -> None:
    green(bench)
    (bench.folder / "mine.txt").write_text("mine\n")
    back(bench, 2)
    back(bench, 8)
    assert undo(last(bench), bench.workspace(), bench.storage, force=False) == ("answer.txt",)
    assert (bench.folder / "mine.txt").read_text() == "mine\n"


def test_where_it_stands_already_nothing_moves(bench: Bench) -> None:
    green(bench)
    done = back(bench, 7)
    assert (done.number, done.back, done.status) == (7, 7, "green")
    assert len(milestones(bench.events())) == 8


def test_an_unknown_number(bench: Bench) -> None:
    green(bench)
    with pytest.raises(ThreadError, match="no checkpoint 8: they go from 0 to 7"):
        back(bench, 8)
    assert last(bench).status == "green"


def test_an_undone_thread_and_back_to_its_undone_files(bench: Bench) -> None:
    green(bench)
    undo(last(bench), bench.workspace(), bench.storage, force=False)
    done = back(bench, 4)
    assert (done.number, done.back, bench.answer()) == (9, 8, "red\nblue\n")
    with pytest.raises(ThreadError, match="was not undone"):
        redo(last(bench), bench.workspace(), bench.storage, force=False)
    back(bench, done.back)
    assert bench.answer() == FILES["answer.txt"]
    assert bench.resume(say("red", "blue"), KEEP).status == "green", "judged anew"
    assert bench.answer() == "red\nblue\n"


def test_an_undo_after_a_rewind_takes_back_what_is_there(bench: Bench) -> None:
    green(bench)
    back(bench, 2)
    assert undo(last(bench), bench.workspace(), bench.storage, force=False) == ("answer.txt",)
    assert bench.answer() == FILES["answer.txt"]
    redo(last(bench), bench.workspace(), bench.storage, force=False)
    assert bench.answer() == "red\n"


def test_an_undo_after_a_rewind_to_the_start_has_nothing_to_do(bench: Bench) -> None:
    green(bench)
    back(bench, 0)
    assert undo(last(bench), bench.workspace(), bench.storage, force=False) == ()


def test_an_unsolved_thread_that_was_resumed(bench: Bench) -> None:
    """A resume puts a further checkpoint of the last number, with a fresh budget."""
    assert bench.start("colours", say("wrong"), budget_calls=1).status == "unsolved"
    ended = milestones(bench.events())[-1].number
    bench.resume(say("red", "blue"), KEEP, budget_calls=9)
    done = back(bench, ended)
    assert (done.status, done.next) == ("unsolved", "")
    assert bench.answer() == FILES["answer.txt"]
    assert bench.resume(say("red", "blue"), KEEP, budget_calls=9).status == "green"


def test_a_rewind_of_a_rewind(bench: Bench) -> None:
    green(bench)
    back(bench, 2)
    back(bench, 4)
    assert bench.answer() == "red\nblue\n"
    done = back(bench, 8)
    assert (bench.answer(), done.next) == ("red\n", "test")
    on_line = [each.number for each in milestones(bench.events()) if each.on_line]
    assert on_line == [0, 1, 2, 8, 10]


def test_another_version(bench: Bench) -> None:
    green(bench)
    bench.storage.database.execute("UPDATE threads SET graph_version = 99")
    with pytest.raises(ThreadError, match="another version"):
        back(bench, 2)


def test_no_event_is_lost(bench: Bench) -> None:
    green(bench)
    before = bench.events()
    back(bench, 2)
    after = read_events(bench.storage.database, last(bench).thread)
    assert after[: len(before)] == before


def test_what_a_kill_left_half_done_has_a_number_too_and_is_the_runs_own(bench: Bench) -> None:
    def die(event: object) -> None:
        if getattr(event, "kind", "") == "diff":
            raise SystemExit

    with pytest.raises(SystemExit):
        bench.start("colours", say("half"), listener=die)
    # As a kill leaves it: the edit in place, the row still running.
    bench.storage.database.execute("DELETE FROM events WHERE kind IN ('failed', 'waiting')")
    (bench.folder / "answer.txt").write_text("half\n")
    bench.storage.threads.set_status(last(bench).thread, "running")
    done = back(bench, 1)
    assert (done.number, done.back, bench.answer()) == (3, 2, FILES["answer.txt"])
    assert milestones(bench.events())[2].text == "left by the kill: answer.txt"
    back(bench, 2)
    assert bench.answer() == "half\n"
    assert undo(last(bench), bench.workspace(), bench.storage, force=False) == ("answer.txt",)
    assert bench.answer() == FILES["answer.txt"]


def test_a_folder_in_use(bench: Bench) -> None:
    green(bench)
    with (
        exclusive(bench.storage.folder_lock(bench.workspace().root), "x"),
        pytest.raises(ThreadError, match="another run works in"),
    ):
        back(bench, 2)
    with (
        bench.storage.database.hold(last(bench).thread, "x"),
        pytest.raises(ThreadError, match="another process works on"),
    ):
        back(bench, 2)
    assert bench.answer() == "red\nblue\n"


def test_a_damaged_checkpoint_is_refused_before_anything_changes(
    bench: Bench,
) -> None:
    green(bench)
    bench.storage.database.execute("UPDATE checkpoints SET checkpoint = X'C1'")
    with pytest.raises(StorageError):
        back(bench, 2)
    assert bench.answer() == "red\nblue\n"
    assert last(bench).status == "green"


def test_files_ignored_since_come_back_too(bench: Bench) -> None:
    (bench.folder / "data").write_bytes(b"old")
    green(bench)
    (bench.folder / ".gitignore").write_text("data\n")
    (bench.folder / "data").write_bytes(b"\0precious")
    done = back(bench, 2)
    assert (done.back, done.own) == (8, (".gitignore", "data"))
    assert (bench.folder / "data").read_bytes() == b"old"
    back(bench, done.back)
    assert (bench.folder / "data").read_bytes() == b"\0precious"
    assert (bench.folder / ".gitignore").read_text() == "data\n"
