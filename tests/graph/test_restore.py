"""`greenloop restore`: single files back, with what was there kept."""

import pytest
from graph_bench.bench import Bench, say

from greenloop.checkpoints.threads import Thread
from greenloop.errors import StorageError, ThreadError
from greenloop.graph.restore import Restored, restore_files

KEEP = "VERDICT: keep"


def thread(bench: Bench) -> Thread:
    (found,) = bench.storage.threads.all()
    return found


def restore(bench: Bench, point: str, *paths: str) -> Restored:
    return restore_files(thread(bench), bench.workspace(), bench.storage, point, paths)


def test_a_file_comes_back_and_can_be_taken_back(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    (bench.folder / "mine.txt").write_text("mine\n")
    done = restore(bench, "0", "answer.txt")
    assert [change.path for change in done.changed] == ["answer.txt"]
    assert bench.answer() == "none\n"
    assert (bench.folder / "mine.txt").exists()
    assert thread(bench).status == "green", "the thread stays where it is"
    assert restore(bench, done.kept[:12], "answer.txt").changed
    assert bench.answer() == "red\nblue\n"


def test_a_folder_and_all_of_it(bench: Bench) -> None:
    (bench.folder / "notes").mkdir()
    (bench.folder / "notes" / "a.txt").write_text("a\n")
    bench.start("colours", say("red", "blue"), KEEP)
    (bench.folder / "notes" / "a.txt").unlink()
    (bench.folder / "notes" / "b.txt").write_text("b\n")
    restore(bench, "start", "notes/")
    assert [path.name for path in (bench.folder / "notes").iterdir()] == ["a.txt"]
    assert bench.answer() == "red\nblue\n"
    restore(bench, "start", ".")
    assert bench.answer() == "none\n"


def test_what_was_put_back_while_tests_ran_can_be_had_again(bench: Bench) -> None:
    check = (bench.folder / "check.sh").read_text()
    (bench.folder / "check.sh").write_text(f"echo precious > saved.txt\n{check}")
    bench.start("colours", say("red", "blue"), KEEP)
    assert not (bench.folder / "saved.txt").exists()
    saved = next(event.tree for event in bench.events() if event.kind == "saved")
    restore(bench, saved[:10], "saved.txt")
    assert (bench.folder / "saved.txt").read_text() == "precious\n"


def test_nothing_to_do_leaves_no_trace(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    before = len(bench.events())
    assert restore(bench, "last", "answer.txt").changed == ()
    assert len(bench.events()) == before


def test_mistakes_are_named(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    with pytest.raises(ThreadError, match="no checkpoint 99"):
        restore(bench, "99", "answer.txt")
    with pytest.raises(ThreadError, match=r"there is no 'anwser\.txt' at 0"):
        restore(bench, "0", "anwser.txt")
    with pytest.raises(StorageError, match="no path of a file inside"):
        restore(bench, "0", "../elsewhere")
    assert bench.answer() == "red\nblue\n"
