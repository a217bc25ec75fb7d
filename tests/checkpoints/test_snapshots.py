"""Snapshots of plain folders: content, names, modes, the questions asked of them, failures."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots.cache import NEVER, StatCache, lasting
from greenloop.checkpoints.snapshots.git import find_git
from greenloop.checkpoints.snapshots.manifest import Entry
from greenloop.checkpoints.snapshots.store import Change, SnapshotStore
from greenloop.checkpoints.snapshots.trees import Trees
from greenloop.errors import StorageError, WorkspaceError

MISSING = "0" * 40


def test_same_files_same_id(store: SnapshotStore, work: Path, tmp_path: Path) -> None:
    (work / "a.txt").write_text("one")
    first = store.take()
    assert len(first) == 40
    assert store.take() == first
    other = SnapshotStore(tmp_path / "elsewhere", work)
    assert other.take() == first


def test_nothing_is_created_before_use_and_the_store_is_private(tmp_path: Path, work: Path) -> None:
    folder = tmp_path / "data" / "store"
    store = SnapshotStore(folder, work)
    assert not folder.exists()
    store.take()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(p.name for p in folder.parent.iterdir()) == ["store"]


def test_restore_undoes_every_kind_of_change(store: SnapshotStore, work: Path) -> None:
    (work / "keep.txt").write_text("keep")
    (work / "edit.txt").write_text("old")
    (work / "gone.txt").write_text("gone")
    (work / "empty.txt").touch()
    before = store.take()
    kept = (work / "keep.txt").stat()
    (work / "edit.txt").write_text("new")
    (work / "gone.txt").unlink()
    (work / "empty.txt").write_text("filled")
    (work / "new/deep").mkdir(parents=True)
    (work / "new/deep/file.txt").write_text("new")
    after = store.take()
    store.restore(before)
    assert (work / "edit.txt").read_text() == "old"
    assert (work / "gone.txt").read_text() == "gone"
    assert (work / "empty.txt").read_bytes() == b""
    assert not (work / "new").exists()
    now = (work / "keep.txt").stat()
    assert (now.st_ino, now.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)
    assert store.take() == before
    store.restore(after)
    assert store.take() == after


def test_a_rewrite_of_the_same_length_is_always_seen(store: SnapshotStore, work: Path) -> None:
    file = work / "f"
    for turn in range(50):
        file.write_text(f"a{turn:03}")
        first = store.take()
        file.write_text(f"b{turn:03}")
        assert store.take() != first


def test_a_stat_is_trusted_only_when_the_file_had_long_been_quiet(tmp_path: Path) -> None:
    fresh, old = tmp_path / "fresh", Path(sys.executable).resolve()
    fresh.touch()
    cache = StatCache(tmp_path / "cache")
    now = time.time_ns()
    for number, path in enumerate((fresh, old, tmp_path / "link")):
        entry = Entry(f"{number:040x}", 0o640 if number < 2 else 0, link=number == 2)
        cache.keep(str(path), lasting((path if number < 2 else old).lstat(), now), entry)
    cache.save(Trees(files="f" * 40, meta="e" * 40, snapshot="d" * 40))
    again = StatCache(tmp_path / "cache")
    assert (again.signatures, again.entries) == (cache.signatures, cache.entries)
    assert again.signatures[str(fresh)] == NEVER != again.signatures[str(old)]
    assert again.known == {f"{number:040x}" for number in range(3)} | {c * 40 for c in "fed"}
    assert again.current
    (tmp_path / "cache").unlink()
    assert not again.current


def test_a_rewrite_with_its_old_times_put_back_is_seen(store: SnapshotStore, work: Path) -> None:
    file = work / "f"
    file.write_text("aaaa")
    os.utime(file, ns=(10**18, 10**18))
    first = store.take()
    file.write_text("bbbb")
    os.utime(file, ns=(10**18, 10**18))
    assert store.take() != first


ODD_NAMES = (
    b"two words",
    b"-rf",
    b"new\nline",
    b'tab\tquote"back\\slash',
    b"\xff\xfe",
    b":colon",
    b"*?[a]",
    "ünïcode".encode(),
    b" ",
    b"a.lock",
    b"git~1",
    b"#!important",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_file_name(store: SnapshotStore, work: Path, name: bytes) -> None:
    path = os.fsencode(work) + b"/" + name
    try:
        Path(os.fsdecode(path)).write_bytes(b"content")
    except OSError:
        if sys.platform == "linux":  # every file system of ours there takes any bytes
            raise
        pytest.skip("this file system refuses the name")
    (work / "other").touch()
    first = store.take()
    assert store.paths(first) == tuple(sorted((os.fsdecode(name), "other")))
    assert store.read(first, os.fsdecode(name)) == b"content"
    Path(os.fsdecode(path)).unlink()
    second = store.take()
    assert "+++ /dev/null" in store.diff(first, second)
    store.restore(first)
    assert Path(os.fsdecode(path)).read_bytes() == b"content"
    store.restore_paths(second, [os.fsdecode(name)])
    assert store.take() == second


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o700, 0o755, 0o444, 0o750])
def test_permission_bits(store: SnapshotStore, work: Path, mode: int) -> None:
    file = work / "f"
    (work / "usual").touch(mode=0o644)
    file.write_text("x")
    file.chmod(mode)
    first = store.take()
    inode = file.stat().st_ino
    file.chmod(0o604)
    second = store.take()
    assert store.changed(first, second) == (Change("f", "mode"),)
    store.restore(first)
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert file.stat().st_ino == inode
    file.unlink()
    store.restore(first)
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert store.take() == first


def test_folder_modes_and_folders_that_are_not_writable(store: SnapshotStore, work: Path) -> None:
    (work / "private").mkdir(mode=0o700)
    (work / "private/f").write_text("x")
    (work / "fixed/below").mkdir(parents=True)
    (work / "fixed/f").write_text("x")
    (work / "fixed").chmod(0o555)
    before = store.take()
    (work / "fixed").chmod(0o755)
    (work / "fixed/f").write_text("y")
    (work / "fixed/g").write_text("y")
    (work / "fixed").chmod(0o555)
    (work / "private/f").unlink()
    (work / "private").rmdir()
    store.restore(before)
    assert store.take() == before
    assert stat.S_IMODE((work / "fixed").stat().st_mode) == 0o555
    assert stat.S_IMODE((work / "private").stat().st_mode) == 0o700
    (work / "fixed").chmod(0o755)


def test_empty_folders(store: SnapshotStore, work: Path) -> None:
    (work / "a/b/c").mkdir(parents=True)
    (work / "a/d").mkdir()
    before = store.take()
    (work / "a/d").rmdir()
    (work / "a/b/c/f").touch()
    (work / "e/f").mkdir(parents=True)
    middle = store.take()
    assert middle != before
    store.restore(before)
    assert sorted(str(p.relative_to(work)) for p in work.rglob("*")) == ["a", "a/b", "a/b/c", "a/d"]
    assert store.take() == before
    store.restore(middle)
    assert store.take() == middle


def test_an_empty_workspace(store: SnapshotStore, work: Path) -> None:
    nothing = store.take()
    assert store.paths(nothing) == ()
    (work / "f").touch()
    store.restore(nothing)
    assert list(work.iterdir()) == []


def test_a_file_becomes_a_folder_and_back(store: SnapshotStore, work: Path) -> None:
    (work / "x").write_text("file")
    first = store.take()
    (work / "x").unlink()
    (work / "x/y").mkdir(parents=True)
    (work / "x/y/z").write_text("inside")
    second = store.take()
    for snapshot in (first, second, first, second):
        store.restore(snapshot)
        assert store.take() == snapshot
    assert [c.kind for c in store.changed(first, second)] == ["deleted", "added"]


def test_a_rename_in_case_only(store: SnapshotStore, work: Path) -> None:
    (work / "Readme").write_text("text")
    first = store.take()
    (work / "Readme").rename(work / "README")
    second = store.take()
    for snapshot, name in ((first, "Readme"), (second, "README")):
        store.restore(snapshot)
        assert [p.name for p in work.iterdir()] == [name]
        assert store.take() == snapshot


def test_a_large_file(store: SnapshotStore, work: Path) -> None:
    content = os.urandom(1 << 20) * 30
    (work / "large").write_bytes(content)
    first = store.take()
    (work / "large").write_bytes(content[:-1] + b"!")
    second = store.take()
    assert first != second
    store.restore(first)
    assert (work / "large").read_bytes() == content
    assert store.diff(first, second).splitlines()[-1] == "Binary files a/large and b/large differ"


def test_more_files_than_are_stored_one_by_one(store: SnapshotStore, work: Path) -> None:
    for number in range(150):
        (work / f"f{number}").write_text(f"{number}\n" * number)
    first = store.take()
    for file in work.iterdir():
        file.unlink()
    store.restore(first)
    assert (work / "f149").read_text() == "149\n" * 149
    assert store.take() == first


def test_pipes_and_sockets_are_left_out(store: SnapshotStore, work: Path) -> None:
    (work / "f").write_text("x")
    os.mkfifo(work / "pipe")
    first = store.take()
    assert store.paths(first) == ("f",)
    (work / "f").unlink()
    os.mkfifo(work / "f")
    store.restore(first)
    assert (work / "f").read_text() == "x"
    assert stat.S_ISFIFO((work / "pipe").lstat().st_mode)


@pytest.mark.usefixtures("no_override")
def test_unreadable_files_and_folders_are_left_out(store: SnapshotStore, work: Path) -> None:
    (work / "f").write_text("x")
    (work / "secret").write_text("s")
    (work / "secret").chmod(0)
    (work / "closed").mkdir()
    (work / "closed/in").touch()
    (work / "closed").chmod(0)
    first = store.take()
    assert store.paths(first) == ("f",)
    (work / "f").write_text("y")
    store.restore(first)
    (work / "closed").chmod(0o700)
    assert (work / "f").read_text() == "x"
    assert (work / "closed/in").exists()


def test_changed_and_diff(store: SnapshotStore, work: Path) -> None:
    (work / "gone").write_text("gone\n")
    (work / "edit").write_text("one\ntwo\n")
    (work / "tool").write_text("#!/bin/sh\n")
    (work / "bin").write_bytes(b"\0\1")
    (work / "latin").write_bytes(b"caf\xe9\n")
    first = store.take()
    (work / "gone").rename(work / "moved")
    (work / "edit").write_text("one\nthree\n")
    (work / "tool").chmod(0o755)
    (work / "bin").write_bytes(b"\0\2")
    (work / "latin").write_bytes(b"th\xe9\n")
    second = store.take()
    assert store.changed(first, second) == (
        Change("bin", "modified"),
        Change("edit", "modified"),
        Change("gone", "deleted"),
        Change("latin", "modified"),
        Change("moved", "added"),
        Change("tool", "mode"),
    )
    diff = store.diff(first, second)
    assert "--- a/edit\n+++ b/edit\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n" in diff
    assert "Binary files a/bin and b/bin differ\n" in diff
    assert "old mode 100644\nnew mode 100755\n" in diff
    assert "-caf\N{REPLACEMENT CHARACTER}\n" in diff
    assert "rename" not in diff
    assert store.diff(first, first) == ""
    assert store.changed(first, first) == ()


def test_read(store: SnapshotStore, work: Path) -> None:
    (work / "d").mkdir()
    (work / "d/f").write_bytes(b"\0\r\n\xff")
    (work / "link").symlink_to("d//f")
    snapshot = store.take()
    assert store.read(snapshot, "d/f") == b"\0\r\n\xff"
    assert store.read(snapshot, "link") == b"d//f"
    assert store.read(snapshot, "d") is None
    assert store.read(snapshot, "none") is None


def test_two_workspaces_share_a_store(tmp_path: Path, work: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (work / "f").write_text("one")
    (other / "f").write_text("two")
    here, there = SnapshotStore(tmp_path / "s", work), SnapshotStore(tmp_path / "s", other)
    first, second = here.take(), there.take()
    assert first != second
    assert here.take() == first
    assert there.read(first, "f") == b"one"


TAKE = """
import sys
from pathlib import Path
from greenloop.checkpoints.snapshots.store import SnapshotStore
print(SnapshotStore(Path(sys.argv[1]), Path(sys.argv[2])).take())
"""


def test_two_processes_start_at_once(store: SnapshotStore, work: Path, tmp_path: Path) -> None:
    for number in range(120):
        (work / f"f{number}").write_text(str(number))
    args = [sys.executable, "-c", TAKE, str(tmp_path / "data" / "store"), str(work)]
    both = [subprocess.Popen(args, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate()[0].strip() for process in both}
    assert said == {store.take()}
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["store"]
    assert store.read(said.pop(), "f7") == b"7"


def test_a_damaged_cache_only_costs_time(tmp_path: Path, work: Path) -> None:
    (work / "f").write_text("one")
    store = SnapshotStore(tmp_path / "s", work)
    first = store.take()
    (cache,) = (tmp_path / "s").glob("stat-*")
    whole = cache.read_bytes()
    for content in (b"", b"[]", whole[:-1], whole[:100] + b"x" + whole[101:]):
        cache.write_bytes(content)
        assert store.take() == first
        cache.write_bytes(content)
        assert SnapshotStore(tmp_path / "s", work).take() == first


@pytest.mark.parametrize("snapshot", [MISSING, "HEAD", "", "--all", "abc"])
def test_unknown_snapshots(store: SnapshotStore, work: Path, snapshot: str) -> None:
    (work / "f").touch()
    known = store.take()
    for question in (store.restore, store.paths):
        with pytest.raises(StorageError, match="snapshot"):
            question(snapshot)
    with pytest.raises(StorageError, match="snapshot"):
        store.diff(known, snapshot)
    assert (work / "f").exists()


def test_a_tree_that_is_no_snapshot(store: SnapshotStore, work: Path) -> None:
    store.take()
    with pytest.raises(StorageError, match=r"not a snapshot|not in the store"):
        store.paths("4b825dc642cb6eb9a060e54bf8d69288fbee4904")


def test_git_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="install git"):
        find_git(str(tmp_path))


def test_the_workspace_is_gone(store: SnapshotStore, work: Path) -> None:
    work.rmdir()
    with pytest.raises(WorkspaceError, match="no folder"):
        store.take()


def test_store_and_workspace_must_be_apart(tmp_path: Path, work: Path) -> None:
    for folder in (work / "store", work, tmp_path):
        with pytest.raises(StorageError, match="outside"):
            SnapshotStore(folder, work)


def test_a_store_that_cannot_be_made(tmp_path: Path, work: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be created"):
        SnapshotStore(tmp_path / "file" / "store", work).take()


def test_an_exact_diff_makes_the_same_bytes(store: SnapshotStore, work: Path) -> None:
    contents = {"bin": b"\0\xff\x80old", "latin": b"caf\xe9\r\n", "caf\udce9": b"x"}
    first = store.take()
    for name, data in contents.items():
        (work / name).write_bytes(data)
    second = store.take()
    patch = store.diff(first, second, exact=True)
    store.restore(first)
    words = [find_git(), "apply", "--whitespace=nowarn"]
    subprocess.run(words, input=os.fsencode(patch), cwd=work, check=True)
    assert {path.name: path.read_bytes() for path in work.iterdir()} == contents
    assert store.take() == second
