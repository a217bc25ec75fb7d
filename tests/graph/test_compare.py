"""What differs between checkpoints; the diff is a patch that git takes."""

import os
import subprocess
from pathlib import Path

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.threads import Thread
from greenloop.errors import ThreadError
from greenloop.graph.compare import Comparison, FileChange, compare
from greenloop.graph.fork import empty_folder, fork
from greenloop.graph.fork_edit import Edit
from greenloop.graph.undo import undo
from greenloop.tools.files import Workspace

KEEP = "VERDICT: keep"


@pytest.fixture
def thread(bench: Bench) -> Thread:
    """Plan 1, code 2, test 3, code 4, test 5, review 6, done 7."""
    bench.start("colours", say("red"), say("red", "blue"), KEEP)
    return bench.storage.threads.all()[0]


def between(bench: Bench, thread: Thread, old: str, new: str) -> Comparison:
    return compare(thread, old, new, bench.storage)


def test_numbers_and_words(bench: Bench, thread: Thread) -> None:
    found = between(bench, thread, "start", "last")
    assert found.files == (FileChange("answer.txt", "modified", 2, 1),)
    assert (found.old.point, found.new.point) == ("0", "7")
    assert between(bench, thread, "2", "4").files == (FileChange("answer.txt", "modified", 1, 0),)
    assert between(bench, thread, "4", "2").files == (FileChange("answer.txt", "modified", 0, 1),)
    assert between(bench, thread, "4", "7").diff == ""


def test_now(bench: Bench, thread: Thread) -> None:
    (bench.folder / "mine.txt").write_text("a\nb\n")
    (bench.folder / "wanted").unlink()
    (bench.folder / "check.sh").chmod(0o755)
    (bench.folder / "raw").write_bytes(bytes(range(256)))
    assert between(bench, thread, "last", "now").files == (
        FileChange("check.sh", "mode", 0, 0),
        FileChange("mine.txt", "added", 2, 0),
        FileChange("raw", "added", 0, 0),
        FileChange("wanted", "deleted", 0, 2),
    )


def test_odd_names_have_their_lines_counted(bench: Bench, thread: Thread) -> None:
    names = [b"sp ace", b"\xc3\xb6", b"\xff", b'qu"ote\\', b"new\nline", b"-dash", b"a b"]
    for name in names:
        (bench.folder / os.fsdecode(name)).write_text("1\n2\n")
    found = between(bench, thread, "last", "now").files
    assert {os.fsencode(file.path) for file in found} == set(names)
    assert {(file.added, file.deleted) for file in found} == {(2, 0)}


def test_lines_that_look_like_headers(bench: Bench, thread: Thread) -> None:
    (bench.folder / "mine.txt").write_text("-- a\n++ b\n@@ -1 +1 @@\ndiff --git a/x b/x\n")
    assert between(bench, thread, "last", "now").files[0].added == 4
    (bench.folder / "mine.txt").unlink()


def test_git_takes_the_diff(bench: Bench, thread: Thread, tmp_path: Path) -> None:
    (bench.folder / "sub dir").mkdir()
    (bench.folder / "sub dir" / "ö.txt").write_text("no end of line")
    (bench.folder / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    (bench.folder / "check.sh").chmod(0o755)
    (bench.folder / "wanted").unlink()
    (bench.folder / "link").symlink_to("answer.txt")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, text in FILES.items():
        (copy / name).write_text(text)
    diff = between(bench, thread, "start", "now").diff
    subprocess.run(["git", "apply"], cwd=copy, input=diff.encode(), check=True)
    assert (copy / "answer.txt").read_text() == "red\nblue\n"
    assert (copy / "sub dir" / "ö.txt").read_text() == "no end of line"
    assert (copy / "crlf.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert os.access(copy / "check.sh", os.X_OK)
    assert (copy / "link").readlink() == Path("answer.txt")
    assert not (copy / "wanted").exists()


def test_a_snapshot_by_its_id(bench: Bench, thread: Thread) -> None:
    (bench.folder / "answer.txt").write_text("mine\n")
    undo(thread, bench.workspace(), bench.storage, force=True)
    kept = bench.only("undo").tree
    assert between(bench, thread, "last", kept[:8]).files[0].path == "answer.txt"


@pytest.mark.parametrize("point", ["8", "99999", "-1", "soon", "abcdef0123", ""])
def test_points_that_are_not_there(bench: Bench, thread: Thread, point: str) -> None:
    with pytest.raises(ThreadError, match="history"):
        between(bench, thread, point, "last")


def test_a_fork_beside_its_parent(bench: Bench, thread: Thread) -> None:
    folder = empty_folder(bench.folder.with_name("beside"), thread, bench.storage.root)
    made = fork(thread, 2, Edit(), Workspace(folder), bench.settings({}), bench.storage).thread
    (folder / "answer.txt").write_text("red\ngreen\n")
    found = between(bench, made, f"{thread.thread}@last", "now")
    assert found.files == (FileChange("answer.txt", "modified", 1, 1),)
    assert (found.old.thread, found.new.thread) == (thread.thread, made.thread)
    assert between(bench, made, "parent", "now").files == found.files
    with pytest.raises(ThreadError, match="names nothing"):
        between(bench, thread, "parent", "now")


def test_different_stores(bench: Bench, thread: Thread) -> None:
    bench.storage.database.execute("UPDATE threads SET store = 'elsewhere'")
    bench.start("colours", say("red", "blue"), KEEP)
    other = next(t for t in bench.storage.threads.all() if t.store != "elsewhere")
    with pytest.raises(ThreadError, match="different stores"):
        between(bench, other, f"{thread.thread}@last", "last")


def test_an_old_thread_without_trees(bench: Bench, thread: Thread) -> None:
    bench.storage.database.execute("UPDATE events SET tree = ''")
    with pytest.raises(ThreadError, match="did not note its files"):
        between(bench, thread, "2", "start")
