"""Snapshots beside the user's own git: it is only read; ignore rules hold; nothing is converted."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError


def git(folder: Path, *args: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    plain = ("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *plain, *args], cwd=folder, check=True, capture_output=True)


def fingerprint(folder: Path) -> str:
    """Hash of every name, time, mode and content below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        digest.update(f"{path} {status.st_mode} {status.st_mtime_ns} {status.st_ino}\n".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def make_dirty(work: Path) -> None:
    (work / "committed").write_text("one\n")
    (work / "stashed").write_text("one\n")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    (work / "stashed").write_text("two\n")
    git(work, "stash", "-q")
    (work / "staged").write_text("staged\n")
    git(work, "add", "staged")
    (work / "staged").write_text("and edited\n")
    (work / "committed").write_text("edited\n")
    (work / "untracked").write_text("untracked\n")


def test_the_users_repository_is_never_written(store: SnapshotStore, work: Path) -> None:
    make_dirty(work)
    before = fingerprint(work / ".git")
    first = store.take()
    (work / "committed").unlink()
    (work / "more").write_text("more")
    second = store.take()
    store.diff(first, second)
    store.restore(first)
    store.restore_paths(second, ["more", "committed"])
    assert fingerprint(work / ".git") == before
    assert store.paths(first) == ("committed", "staged", "stashed", "untracked")
    assert store.read(first, "staged") == b"and edited\n"


def test_a_worktree_whose_git_is_a_file(work: Path, tmp_path: Path) -> None:
    make_dirty(work)
    git(work, "worktree", "add", "-q", str(tmp_path / "tree"))
    tree = tmp_path / "tree"
    (work / ".git/info").mkdir(exist_ok=True)
    (work / ".git/info/exclude").write_text("*.local\n")
    (tree / "x.local").touch()
    before = fingerprint(work / ".git"), (tree / ".git").read_bytes()
    store = SnapshotStore(tmp_path / "store", tree)
    first = store.take()
    assert store.paths(first) == ("committed", "stashed")
    (tree / "committed").unlink()
    store.restore(first)
    assert store.take() == first
    assert (fingerprint(work / ".git"), (tree / ".git").read_bytes()) == before


def test_a_folder_inside_a_bigger_repository(work: Path, tmp_path: Path) -> None:
    (work / ".gitignore").write_text("*.log\n/part/build/\n")
    (work / "outer").write_text("outer")
    part = work / "part"
    (part / "build").mkdir(parents=True)
    for name in ("f", "x.log", "build/out"):
        (part / name).write_text("old")
    store = SnapshotStore(tmp_path / "store", part)
    first = store.take()
    assert store.paths(first) == ("f",)
    (work / "outer").write_text("changed")
    (part / "f").write_text("new")
    store.restore(first)
    assert (part / "f").read_text() == "old"
    assert (work / "outer").read_text() == "changed"


def test_an_ignored_folder_stands_for_itself(work: Path, tmp_path: Path) -> None:
    (work / ".gitignore").write_text("scratch/\n*.log\n")
    part = work / "scratch" / "deep"
    part.mkdir(parents=True)
    (part / ".gitignore").write_text("*.tmp\n")
    for name in ("f", "x.tmp"):
        (part / name).touch()
    (part / "empty").mkdir()
    store = SnapshotStore(tmp_path / "store", part)
    first = store.take()
    assert store.paths(first) == (".gitignore", "f")
    (part / "empty").rmdir()
    assert store.take() != first


def test_ignored_files_are_left_alone(store: SnapshotStore, work: Path, home: Path) -> None:
    (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    (home / "mine").write_text("*.global\n")
    (work / ".git/info").mkdir(exist_ok=True)
    (work / ".git/info/exclude").write_text("*.exclude\n")
    (work / ".gitignore").write_text("*.top\nbuild/\n")
    (work / "sub/build").mkdir(parents=True)
    (work / "sub/.gitignore").write_text("*.sub\n!keep.top\n")
    ignored = ["a.global", "a.exclude", "a.top", "sub/a.sub", "sub/build/x", "sub/a.global"]
    for name in [*ignored, "sub/keep.top", "a.sub"]:
        (work / name).write_text("old")
    first = store.take()
    assert store.paths(first) == (".gitignore", "a.sub", "sub/.gitignore", "sub/keep.top")
    for name in ignored:
        (work / name).write_text("new")
    (work / "build").mkdir()
    assert store.take() == first
    (work / "a.sub").unlink()
    store.restore(first)
    assert {(work / name).read_text() for name in ignored} == {"new"}
    assert (work / "build").is_dir()


@pytest.mark.parametrize("place", [".config/git/ignore", "xdg/git/ignore"])
def test_the_default_global_excludes_file(
    store: SnapshotStore, work: Path, home: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.startswith("xdg"):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    (home / place).parent.mkdir(parents=True)
    (home / place).write_text("*.global\n")
    (work / "a.global").touch()
    (work / "f").touch()
    assert store.paths(store.take()) == ("f",)


def test_rules_hold_without_git_too(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "x.log").touch()
    (folder / "f").touch()
    store = SnapshotStore(tmp_path / "store", folder)
    first = store.take()
    assert store.paths(first) == (".gitignore", "f")
    git(folder, "init", "-q")
    assert store.take() == first


def test_tracked_files_are_covered_although_a_rule_matches(
    store: SnapshotStore, work: Path, tmp_path: Path
) -> None:
    (work / ".gitignore").write_text("build\n*.log\n")
    (work / "build").mkdir()
    for name in ("build/keep", "build/other", "a.log", "b.log"):
        (work / name).write_text("old")
    git(work, "add", "-f", "build/keep", "a.log")
    first = store.take()
    assert store.paths(first) == (".gitignore", "a.log", "build/keep")
    (work / "a.log").write_text("new")
    (work / "build/keep").unlink()
    (work / "build/other").unlink()
    (work / "build").rmdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("precious")
    (work / "build").symlink_to(outside)
    assert store.paths(store.take()) == (".gitignore", "a.log")
    store.restore(first)
    assert (work / "build/keep").read_text() == "old"
    assert (outside / "keep").read_text() == "precious"
    assert store.take() == first
    git(work, "rm", "-q", "--cached", "a.log")
    assert store.paths(store.take()) == (".gitignore", "build/keep")


def test_coverage_does_not_depend_on_what_was_taken_before(
    store: SnapshotStore, work: Path, tmp_path: Path
) -> None:
    (work / "f").touch()
    (work / "x.log").touch()
    store.take()
    (work / ".gitignore").write_text("*.log\n")
    later = store.take()
    assert store.paths(later) == (".gitignore", "f")
    assert SnapshotStore(tmp_path / "fresh", work).take() == later


def test_nothing_is_converted_and_nothing_runs(
    store: SnapshotStore, work: Path, home: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    trap = f"touch {mark}; cat"
    settings = (
        f'[core]\n\tautocrlf = true\n\tfsmonitor = "{trap}"\n\thooksPath = "{work}/hooks"\n'
        f'\tpager = "{trap}"\n\tattributesFile = "{home}/attributes"\n'
        f'[filter "lfs"]\n\tclean = "{trap}"\n\tsmudge = "{trap}"\n\trequired = true\n'
        f'[diff "trap"]\n\ttextconv = "{trap}"\n\tcommand = "{trap}"\n'
        f'[diff]\n\texternal = "{trap}"\n'
    )
    (home / ".gitconfig").write_text(settings)
    with (work / ".git/config").open("a") as config:
        config.write(settings)
    rules = "* text=auto eol=crlf ident filter=lfs diff=trap\n*.u working-tree-encoding=UTF-16LE\n"
    (home / "attributes").write_text(rules)
    (work / ".gitattributes").write_text(rules)
    (work / "hooks").mkdir()
    for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman"):
        (work / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (work / "hooks" / hook).chmod(0o755)
    contents = {"crlf": b"a\r\nb\r\n", "lf": b"a\nb\n", "mix": b"a\r\nb\n", "t.u": b"a\nb\n"}
    contents["id"] = b"$Id$ $Id: 123 $\n"
    for name, content in contents.items():
        (work / name).write_bytes(content)
    first = store.take()
    for name, content in contents.items():
        assert store.read(first, name) == content
        (work / name).write_bytes(b"changed\n")
    second = store.take()
    assert "-a\r\n" in store.diff(first, second)
    store.restore(first)
    assert {name: (work / name).read_bytes() for name in contents} == contents
    assert store.take() == first
    assert not mark.exists()
    git(work, "add", "lf")
    assert mark.exists()  # the trap does work


def test_git_variables_of_the_caller_do_not_matter(
    store: SnapshotStore, work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (work / "f").touch()
    first = store.take()
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "PATH"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    (work / "f").write_text("x")
    second = store.take()
    store.restore(first)
    assert store.take() == first != second


def test_git_is_not_taken_from_the_workspace(
    store: SnapshotStore, work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (work / "git").write_text(f"#!/bin/sh\ntouch {tmp_path}/mark\n")
    (work / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{work}{os.pathsep}.")
    assert store.paths(store.take()) == ("git",)
    assert not (tmp_path / "mark").exists()


def test_nested_repositories_are_left_alone(
    store: SnapshotStore, work: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "code").write_text("code")
    git(library, "add", ".")
    git(library, "commit", "-q", "-m", "first")
    git(work, "submodule", "--quiet", "add", str(library), "module")
    (work / "f").write_text("old")
    first = store.take()
    assert store.paths(first) == (".gitmodules", "f")
    (work / "nested").mkdir()
    git(work / "nested", "init", "-q")  # without a commit
    (work / "nested/inner").write_text("inner")
    (work / "module/code").write_text("edited")
    (work / "f").write_text("new")
    before = fingerprint(work / "nested"), fingerprint(work / "module")
    store.take()
    store.restore(first)
    assert (fingerprint(work / "nested"), fingerprint(work / "module")) == before
    assert (work / "f").read_text() == "old"
    assert store.take() == first


def test_a_file_in_place_of_what_is_now_a_repository_is_an_error_not_a_loss(
    store: SnapshotStore, work: Path
) -> None:
    (work / "x").write_text("file")
    first = store.take()
    (work / "x").unlink()
    (work / "x").mkdir()
    git(work / "x", "init", "-q")
    before = fingerprint(work / "x")
    with pytest.raises(StorageError, match=r"'x'.*nested repository"):
        store.restore(first)
    assert fingerprint(work / "x") == before


def test_a_git_folder_that_is_no_repository(store: SnapshotStore, work: Path) -> None:
    (work / "d/.git").mkdir(parents=True)
    (work / "d/f").write_text("x")
    first = store.take()
    assert store.paths(first) == ("d/f",)
    (work / "d/f").unlink()
    store.restore(first)
    assert store.take() == first
