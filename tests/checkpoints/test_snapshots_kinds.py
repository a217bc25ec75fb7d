"""Every kind of repository that users have: a snapshot works there and leaves all of it alone."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots import cache as snapshot_cache
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError


def git(folder: Path, *args: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    plain = ("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always")
    done = subprocess.run(
        ["git", *identity, *plain, *args], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def fingerprint(folder: Path) -> str:
    """Hash of every name, time, mode and content below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        digest.update(f"{path} {status.st_mode} {status.st_mtime_ns} {status.st_ino}\n".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "f").write_text("one\n")
    return folder


def commit(work: Path) -> None:
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "all")


def goes_round(store: SnapshotStore, work: Path, paths: tuple[str, ...]) -> None:
    """Take, change, undo and rewind; the user's repository stays as it is, byte for byte."""
    before = fingerprint(work / ".git")
    first = store.take()
    assert store.paths(first) == paths
    content = (work / "f").read_bytes()
    (work / "f").write_bytes(b"changed\r\n")
    (work / "new").write_text("new")
    named = store.compose(first, {"f": (b"changed\r\n", None), "new": (b"new", None)})
    second = store.take()
    assert second == named
    store.restore(first)
    assert (work / "f").read_bytes() == content
    assert not (work / "new").exists()
    assert store.take() == first
    store.restore(second)
    store.restore_paths(first, ["f", "new"])
    assert store.take() == first
    store.prune([first])
    assert store.take() == first
    assert fingerprint(work / ".git") == before


def test_no_commit_yet_with_staged_changes(store: SnapshotStore, work: Path) -> None:
    git(work, "add", "f")
    (work / "f").write_text("staged, then edited\n")
    goes_round(store, work, ("f",))
    assert git(work, "show", ":f") == "one\n"


def test_lfs_pointers_and_filters(store: SnapshotStore, work: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for name in ("clean", "smudge", "process"):
        git(work, "config", f"filter.lfs.{name}", f"touch {mark}; cat")
    git(work, "config", "filter.lfs.required", "true")
    git(work, "config", "core.fsmonitor", f"touch {mark}; true")
    git(work, "config", "core.hooksPath", str(work / ".git/hooks"))
    (work / ".git/hooks").mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "pre-auto-gc"):
        (work / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (work / ".git/hooks" / hook).chmod(0o755)
    (work / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    (work / "data.bin").write_bytes(pointer)
    goes_round(store, work, (".gitattributes", "data.bin", "f"))
    assert store.read(store.take(), "data.bin") == pointer
    assert not mark.exists()


def test_sparse_checkout(store: SnapshotStore, work: Path) -> None:
    for name in ("in/a", "out/b"):
        (work / name).parent.mkdir()
        (work / name).write_text(name)
    commit(work)
    git(work, "sparse-checkout", "set", "in")
    assert not (work / "out").exists()
    goes_round(store, work, ("f", "in/a"))
    assert not (work / "out").exists()


def test_a_work_tree_named_by_the_settings(tmp_path: Path) -> None:
    work, place = tmp_path / "work", tmp_path / "place"
    work.mkdir()
    git(work, "init", "-q", f"--separate-git-dir={place}")
    git(work, "config", "core.worktree", str(work))
    (work / "f").write_text("one\n")
    (work / "x.log").touch()
    (place / "info").mkdir(exist_ok=True)
    (place / "info/exclude").write_text("*.log\n")
    before = fingerprint(place), (work / ".git").read_bytes()
    store = SnapshotStore(tmp_path / "store", work)
    first = store.take()
    assert store.paths(first) == ("f",)
    (work / "f").unlink()
    store.restore(first)
    assert store.take() == first
    assert (fingerprint(place), (work / ".git").read_bytes()) == before


def test_a_folder_that_looks_like_a_bare_repository(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "--bare")
    (work / "f").write_text("one\n")
    store = SnapshotStore(tmp_path / "store", work)
    first = store.take()
    assert {"f", "HEAD", "config"} <= set(store.paths(first))
    (work / "f").write_text("two\n")
    store.restore(first)
    assert (work / "f").read_text() == "one\n"
    assert store.take() == first


def test_a_git_file_that_leads_nowhere(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".git").write_text("gitdir: /nowhere\n")
    (work / "f").write_text("one\n")
    store = SnapshotStore(tmp_path / "store", work)
    first = store.take()
    assert store.paths(first) == ("f",)
    (work / "f").unlink()
    store.restore(first)
    assert store.take() == first
    assert (work / ".git").read_text() == "gitdir: /nowhere\n"


def test_a_damaged_index_is_named_not_passed_over(store: SnapshotStore, work: Path) -> None:
    (work / ".gitignore").write_text("*.log\n")
    (work / "a.log").write_text("tracked")
    git(work, "add", "-f", "f", "a.log")
    first = store.take()
    index = (work / ".git/index").read_bytes()
    (work / ".git/index").write_bytes(b"rubbish" + index[7:])
    # Without the index a.log would be in no snapshot, and a restore would write over it.
    with pytest.raises(StorageError, match=r"index of the git repository.*git reset"):
        store.take()
    with pytest.raises(StorageError, match="index of the git repository"):
        store.restore(first)
    (work / ".git/index").write_bytes(index)
    assert store.take() == first


def test_a_repository_appears_and_goes(store: SnapshotStore, work: Path) -> None:
    (work / "sub").mkdir()
    (work / "sub/inner").write_text("x")
    first = store.take()
    git(work / "sub", "init", "-q")
    assert store.paths(store.take()) == ("f",)
    (work / "sub/.git").rename(work / "kept")
    assert "sub/inner" in store.paths(store.take())
    (work / "kept").rename(work / ".git/kept")
    assert store.take() == first


LOOKS = """
import json, os, sys
from pathlib import Path
seen = []
def hook(event, args):
    if event in ("os.scandir", "os.listdir"):
        seen.append(str(args[0]))
sys.addaudithook(hook)
scan, looked = os.scandir, []
class Counted:
    def __init__(self, inner): self.inner = inner
    def __enter__(self): self.inner.__enter__(); return self
    def __exit__(self, *rest): return self.inner.__exit__(*rest)
    def __iter__(self): return self
    def __next__(self):
        entry = next(self.inner); looked.append(entry.path); return entry
    def close(self): self.inner.close()
os.scandir = lambda *args: Counted(scan(*args))
lstat, stats = os.lstat, []
def counted(path, **rest):
    stats.append(str(path)); return lstat(path, **rest)
os.lstat = counted
from greenloop.checkpoints.snapshots.store import SnapshotStore
store = SnapshotStore(Path(sys.argv[1]), Path(sys.argv[2]))
first = store.take()
Path(sys.argv[2], "f").write_text("two")
store.take(); store.restore(first)
for part in ("ignored", "by_pattern"):
    inside = [p for p in (*seen, *looked, *stats) if f"/{part}/" in p + "/"]
    print(json.dumps([part, len(inside), len(set(seen))]))
"""


def test_a_huge_ignored_folder_is_never_walked(work: Path, tmp_path: Path) -> None:
    (work / ".gitignore").write_text("ignored/\nby_pattern/*\n")
    for number in range(20_000):
        if number % 500 == 0:
            (work / f"ignored/d{number}").mkdir(parents=True)
        (work / f"ignored/d{number // 500 * 500}/{number}").touch()
    (work / "by_pattern").mkdir()
    for number in range(5_000):
        (work / f"by_pattern/{number}").touch()
    args = [sys.executable, "-c", LOOKS, str(tmp_path / "store"), str(work)]
    said = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    counts = {name: count for name, count, _ in map(json.loads, said.splitlines())}
    # The folder itself is met in its parent's listing, and no more.
    assert counts["ignored"] <= 6
    # Its own name is not ignored: it is looked into, but not to its end.
    assert counts["by_pattern"] <= 3 * 2_100


class TestWhatIsRememberedBetweenSnapshots:
    """Git is not asked again unless something changed: each such change must be noticed."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshot_cache, "RACY_NS", 20_000_000)

    def settle(self, store: SnapshotStore) -> str:
        time.sleep(0.05)
        snapshot = store.take()
        assert store.take() == snapshot
        return snapshot

    def test_new_names_anywhere(self, store: SnapshotStore, work: Path) -> None:
        (work / ".gitignore").write_text("*.o\nbuild/\n")
        (work / "objects").mkdir()
        (work / "objects/a.o").touch()
        (work / "bare/deep").mkdir(parents=True)
        (work / "build").mkdir()
        first = self.settle(store)
        for name in ("g", "objects/h", "bare/deep/i", "bare/j"):
            (work / name).touch()
            assert name in store.paths(store.take())
            (work / name).unlink()
            assert self.settle(store) == first
        (work / "build/x").touch()
        assert store.take() == first

    def test_rules_of_every_kind(
        self, store: SnapshotStore, work: Path, own_environment: Path
    ) -> None:
        (work / "sub").mkdir()
        (work / "sub/x").touch()
        (work / "sub/.gitignore").write_text("# none\n")
        (work / ".git/info").mkdir(exist_ok=True)
        (work / ".git/info/exclude").write_text(".gitignore\n")
        shared = own_environment / "config/git/ignore"
        shared.parent.mkdir(parents=True)
        first = self.settle(store)
        assert store.paths(first) == ("f", "sub/x")
        for file, rule in (
            (work / "sub/.gitignore", "/x\n"),  # itself in no snapshot
            (work / ".git/info/exclude", ".gitignore\nx\n"),
            (shared, "x\n"),
        ):
            before = file.read_bytes() if file.exists() else b""
            file.write_text(rule)
            assert store.paths(store.take()) == ("f",)
            file.write_bytes(before)
            assert self.settle(store) == first

    def test_the_users_index(self, store: SnapshotStore, work: Path) -> None:
        (work / ".gitignore").write_text("*.log\n")
        (work / "a.log").touch()
        assert "a.log" not in store.paths(self.settle(store))
        git(work, "add", "-f", "a.log")
        assert "a.log" in store.paths(store.take())
        self.settle(store)
        git(work, "rm", "-q", "--cached", "a.log")
        assert "a.log" not in store.paths(store.take())

    def test_repositories_come_and_go(self, store: SnapshotStore, work: Path) -> None:
        (work / "sub").mkdir()
        (work / "sub/x").touch()
        first = self.settle(store)
        git(work / "sub", "init", "-q")
        second = self.settle(store)
        assert store.paths(second) == ("f",)
        (work / "sub/.git/HEAD").rename(work / "sub/.git/HEAD2")
        assert "sub/x" in store.paths(store.take())
        (work / "sub/.git/HEAD2").rename(work / "sub/.git/HEAD")
        assert self.settle(store) == second
        subprocess.run(["rm", "-r", str(work / "sub/.git")], check=True)
        assert store.take() == first

    def test_a_folder_becomes_a_link(self, store: SnapshotStore, work: Path) -> None:
        (work / "d").mkdir()
        (work / "d/x").write_text("x")
        self.settle(store)
        (work / "d").rename(work.parent / "d")
        (work / "d").symlink_to(work.parent / "d")
        assert store.paths(store.take()) == ("d", "f")

    def test_modes_of_folders(self, store: SnapshotStore, work: Path) -> None:
        (work / "d").mkdir(mode=0o755)
        (work / "d/x").touch()
        first = self.settle(store)
        (work / "d").chmod(0o700)
        second = store.take()
        assert second != first
        (work / "d").chmod(0o755)
        assert store.take() == first

    def test_the_repository_itself_goes(self, store: SnapshotStore, work: Path) -> None:
        (work / ".git/info").mkdir(exist_ok=True)
        (work / ".git/info/exclude").write_text("x\n")
        (work / "x").touch()
        assert store.paths(self.settle(store)) == ("f",)
        os.rename(work / ".git", work.parent / "kept")  # noqa: PTH104
        assert store.paths(store.take()) == ("f", "x")
