"""Restoring: links, things in the way, single paths, a full disk, a kill in the middle."""

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots.manifest import object_id
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "f").write_text("precious")
    return folder


def test_links_are_kept_and_never_followed(store: SnapshotStore, work: Path, outside: Path) -> None:
    (work / "dangling").symlink_to("nowhere/./x//")
    (work / "folder").symlink_to(outside)
    (work / "loop").symlink_to("loop")
    first = store.take()
    assert store.paths(first) == ("dangling", "folder", "loop")
    for name in store.paths(first):
        (work / name).unlink()
    (work / "folder").mkdir()
    (work / "folder/g").touch()
    second = store.take()
    store.restore(first)
    assert (work / "dangling").is_symlink()
    assert os.readlink(work / "dangling") == "nowhere/./x//"  # noqa: PTH115 - untidied
    assert os.readlink(work / "folder") == str(outside)  # noqa: PTH115
    assert store.take() == first
    store.restore(second)
    assert store.take() == second
    assert [p.name for p in outside.iterdir()] == ["f"]


def test_a_folder_replaced_by_a_link_to_the_outside(
    store: SnapshotStore, work: Path, outside: Path
) -> None:
    (work / "d").mkdir()
    (work / "d/f").write_text("mine")
    (work / "d/g").write_text("mine")
    first = store.take()
    (work / "d/f").unlink()
    (work / "d/g").unlink()
    (work / "d").rmdir()
    (work / "d").symlink_to(outside)
    store.restore(first)
    assert not (work / "d").is_symlink()
    assert (work / "d/f").read_text() == "mine"
    assert (outside / "f").read_text() == "precious"
    assert not (outside / "g").exists()


@pytest.mark.parametrize("path", ["d/f", "d"])
def test_one_path_under_a_link_to_the_outside(
    store: SnapshotStore, work: Path, outside: Path, path: str
) -> None:
    (work / "d").mkdir()
    (work / "d/f").write_text("mine")
    first = store.take()
    (work / "d/f").unlink()
    (work / "d").rmdir()
    (work / "d").symlink_to(outside)
    store.restore_paths(first, [path])
    assert not (work / "d").is_symlink()
    assert (work / "d/f").read_text() == "mine"
    assert (outside / "f").read_text() == "precious"


def test_an_ignored_link_in_the_way_is_not_written_through(
    store: SnapshotStore, work: Path, outside: Path
) -> None:
    (work / "d").mkdir()
    (work / "d/f").write_text("mine")
    first = store.take()
    (work / ".gitignore").write_text("d\n")
    (work / "d/f").unlink()
    (work / "d").rmdir()
    (work / "d").symlink_to(outside)
    assert store.paths(store.take()) == (".gitignore",)
    store.restore(first)
    assert (work / "d/f").read_text() == "mine"
    assert (outside / "f").read_text() == "precious"
    assert store.take() == first


def test_a_deletion_does_not_go_through_a_link(
    store: SnapshotStore, work: Path, outside: Path
) -> None:
    empty = store.take()
    (work / "d").symlink_to(outside)
    store.restore(empty)
    assert list(work.iterdir()) == []
    assert (outside / "f").read_text() == "precious"


def test_a_link_in_place_of_a_file(store: SnapshotStore, work: Path, outside: Path) -> None:
    (work / "f").write_text("mine")
    first = store.take()
    (work / "f").unlink()
    (work / "f").symlink_to(outside / "f")
    second = store.take()
    assert [c.kind for c in store.changed(first, second)] == ["modified"]
    store.restore(first)
    assert not (work / "f").is_symlink()
    assert (outside / "f").read_text() == "precious"


def test_restore_paths_touches_nothing_else(store: SnapshotStore, work: Path) -> None:
    for name in ("a", "b", "t/one", "t/two", "tt/x"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text("old")
    first = store.take()
    for name in ("a", "b", "t/one", "t/new", "t/sub/new", "tt/x", "c"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text("new")
    (work / "t/two").unlink()
    store.restore_paths(first, ["a", "t/", "c", "absent"])
    texts = {str(p.relative_to(work)): p.read_text() for p in work.rglob("*") if p.is_file()}
    assert texts == {"a": "old", "b": "new", "t/one": "old", "t/two": "old", "tt/x": "new"}
    assert not (work / "t/sub").exists()


def test_restore_paths_makes_the_folders_on_the_way(store: SnapshotStore, work: Path) -> None:
    (work / "a/b").mkdir(parents=True)
    (work / "a").chmod(0o750)
    (work / "a/b/f").write_text("x")
    (work / "a/b/g").write_text("x")
    first = store.take()
    for name in ("a/b/f", "a/b/g"):
        (work / name).unlink()
    (work / "a/b").rmdir()
    (work / "a").rmdir()
    (work / "a").write_text("in the way")
    store.restore_paths(first, ["a/b/f"])
    assert [str(p.relative_to(work)) for p in sorted(work.rglob("*"))] == ["a", "a/b", "a/b/f"]
    assert (work / "a").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "/etc/passwd", "a/../../x", ".git/config"])
def test_restore_paths_stays_inside(store: SnapshotStore, path: str) -> None:
    snapshot = store.take()
    with pytest.raises(StorageError, match="inside the workspace"):
        store.restore_paths(snapshot, [path])


def test_files_that_only_todays_rules_ignore_are_left_alone(
    store: SnapshotStore, work: Path
) -> None:
    (work / "f").touch()
    first = store.take()
    (work / ".gitignore").write_text("*.log\n")
    (work / "x.log").write_text("kept")
    store.restore(first)
    assert (work / "x.log").read_text() == "kept"
    assert not (work / ".gitignore").exists()


def test_an_ignored_file_that_is_written_over_is_kept(store: SnapshotStore, work: Path) -> None:
    (work / "d").mkdir()
    (work / "d/settings").write_text("old")
    first = store.take()
    (work / ".gitignore").write_text("settings\n")
    (work / "d/settings").write_text("only here")
    second = store.take()
    assert store.paths(second) == (".gitignore",)
    kept = store.restore(first)
    assert (work / "d/settings").read_text() == "old"
    assert store.paths(kept) == ("d/settings",)
    assert store.read(kept, "d/settings") == b"only here"
    assert store.take() == first
    assert store.restore(second) == ""


def test_a_repository_made_since_is_not_written_into(store: SnapshotStore, work: Path) -> None:
    (work / "d").mkdir()
    (work / "d/f").write_text("old")
    (work / "g").write_text("old")
    first = store.take()
    subprocess.run(["git", "init", "-q"], cwd=work / "d", check=True)
    (work / "g").write_text("new")
    store.restore(first)  # its file is as it was
    assert (work / "g").read_text() == "old"
    (work / "d/f").write_text("precious")
    (work / "g").write_text("new")
    with pytest.raises(StorageError, match=r"'d/f'.*in the way"):
        store.restore(first)
    assert (work / "d/f").read_text() == "precious"
    assert (work / "g").read_text() == "new"


def test_files_that_the_snapshots_rules_ignored_are_left_alone(
    store: SnapshotStore, work: Path
) -> None:
    (work / "sub").mkdir()
    (work / "sub/.gitignore").write_text("venv/\n")
    (work / "sub/venv").mkdir()
    (work / "sub/venv/lib").write_text("kept")
    first = store.take()
    assert store.paths(first) == ("sub/.gitignore",)
    (work / "sub/.gitignore").unlink()
    (work / "stray").touch()
    assert store.paths(store.take()) == ("stray", "sub/venv/lib")
    store.restore(first)
    assert (work / "sub/venv/lib").read_text() == "kept"
    assert not (work / "stray").exists()
    assert store.take() == first


def test_a_folder_that_holds_ignored_files_stays(store: SnapshotStore, work: Path) -> None:
    (work / ".gitignore").write_text("__pycache__\n")
    first = store.take()
    (work / "new/__pycache__").mkdir(parents=True)
    (work / "new/__pycache__/a.pyc").touch()
    (work / "new/a.py").touch()
    store.restore(first)
    assert (work / "new/__pycache__/a.pyc").exists()
    assert not (work / "new/a.py").exists()
    assert store.take() == first


def test_an_ignored_file_in_the_way_is_named_and_kept(store: SnapshotStore, work: Path) -> None:
    (work / ".gitignore").write_text("*.log\n")
    (work / "x").write_text("file")
    first = store.take()
    (work / "x").unlink()
    (work / "x").mkdir()
    (work / "x/a.log").write_text("kept")
    with pytest.raises(StorageError, match=r"'x'.*in the way"):
        store.restore(first)
    assert (work / "x/a.log").read_text() == "kept"
    (work / "x/a.log").unlink()
    store.restore(first)
    assert store.take() == first


def test_an_ignored_file_in_place_of_a_folder_is_named_and_kept(
    store: SnapshotStore, work: Path
) -> None:
    (work / "x").mkdir()
    (work / "x/f").write_text("file")
    first = store.take()
    (work / ".gitignore").write_text("x\n")
    (work / "x/f").unlink()
    (work / "x").rmdir()
    (work / "x").write_text("kept")
    with pytest.raises(StorageError, match=r"'x'.*in the way"):
        store.restore(first)
    assert (work / "x").read_text() == "kept"


def test_a_full_disk_leaves_the_old_file(store: SnapshotStore, work: Path) -> None:
    (work / "big").write_bytes(b"x" * 100_000)
    first = store.take()
    (work / "big").write_bytes(b"small")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError, match="'big'"):
            store.restore(first)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in work.iterdir()] == ["big"]
    assert (work / "big").read_bytes() == b"small"
    store.restore(first)
    assert store.take() == first


def test_a_store_that_is_full(store: SnapshotStore, work: Path) -> None:
    store.take()
    (work / "big").write_bytes(os.urandom(100_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError, match="failed in"):
            store.take()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = store.take()
    assert store.paths(again) == ("big",)
    assert store.read(again, "big") == (work / "big").read_bytes()


@pytest.mark.usefixtures("no_override")
def test_the_path_that_cannot_be_written_is_named(store: SnapshotStore, work: Path) -> None:
    (work / "f").write_text("old")
    first = store.take()
    (work / "f").write_text("new")
    work.chmod(0o500)
    try:
        store.restore(first)  # the owner can make it writable, and it is put back as it was
        assert (work / "f").read_text() == "old"
        assert work.stat().st_mode & 0o777 == 0o500
    finally:
        work.chmod(0o700)


def test_a_lost_content_is_an_error(store: SnapshotStore, work: Path, tmp_path: Path) -> None:
    (work / "f").write_text("old")
    first = store.take()
    (work / "f").write_text("new")
    store.take()
    oid = object_id("blob", b"old")
    (tmp_path / "data/store/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(StorageError, match="lost"):
        store.restore(first)
    assert (work / "f").read_text() == "new"


RESTORE = """
import sys
from pathlib import Path
from greenloop.checkpoints.snapshots.store import SnapshotStore
SnapshotStore(Path(sys.argv[1]), Path(sys.argv[2])).restore(sys.argv[3])
"""


def test_a_killed_restore_can_be_repeated(store: SnapshotStore, work: Path, tmp_path: Path) -> None:
    for number in range(600):
        (work / f"{number:03}").write_text(f"{number}\n" * 500)
    first = store.take()
    for file in work.iterdir():
        file.unlink()
    (work / "stray").touch()
    args = [str(tmp_path / "data" / "store"), str(work), first]
    with subprocess.Popen([sys.executable, "-c", RESTORE, *args]) as process:
        while process.poll() is None and not (work / "050").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    done = [p for p in work.iterdir() if not p.name.startswith(".greenloop-")]
    assert len(done) >= 50
    assert all(p.read_text() == f"{int(p.name)}\n" * 500 for p in done)
    store.restore(first)
    assert store.take() == first


def test_a_snapshot_before_a_restore_has_ignored_files_that_it_writes_over(
    store: SnapshotStore, work: Path
) -> None:
    (work / "d").mkdir()
    (work / "d").chmod(0o700)
    for name in ("d/settings", "d/same"):
        (work / name).write_text("old")
    first = store.take()
    (work / ".gitignore").write_text("d/\nfree\n")
    for name in ("d/settings", "free"):
        (work / name).write_text("only here")
    before = store.take_before(first)
    assert store.paths(before) == (".gitignore", "d/settings")
    store.restore(first)
    assert (work / "d/settings").read_text() == "old"
    store.restore(before)
    assert (work / "d/settings").read_text() == "only here"
    assert (work / "d/same").read_text() == "old"
    assert stat.S_IMODE((work / "d").stat().st_mode) == 0o700
    assert store.take_before(before) == store.take()


def test_a_snapshot_before_a_restore_of_some_paths(store: SnapshotStore, work: Path) -> None:
    for name in ("a", "b"):
        (work / name).write_text("old")
    first = store.take()
    (work / ".gitignore").write_text("a\nb\n")
    for name in ("a", "b"):
        (work / name).write_text("only here")
    assert store.paths(store.take_before(first, ["b"])) == (".gitignore", "b")


def test_a_file_saved_since_the_last_snapshot_is_kept(store: SnapshotStore, work: Path) -> None:
    (work / "a").write_text("old")
    (work / "b").write_text("old")
    first = store.take()
    (work / "a").write_text("new")
    (work / "c").write_text("new")
    store.take()
    (work / "a").write_text("saved since")
    (work / "c").write_text("this one, too")
    (work / "b").chmod(0o600)
    kept = store.restore(first)
    assert (work / "a").read_text() == "old"
    assert store.paths(kept) == ("a", "c")
    assert store.read(kept, "a") == b"saved since"
    assert store.read(kept, "c") == b"this one, too"


def test_a_file_saved_while_a_restore_goes_on_is_kept(store: SnapshotStore, work: Path) -> None:
    """The snapshot is restored file by file; what comes in between is looked at once more."""
    names = [f"{number:03}" for number in range(400)]
    for name in names:
        (work / name).write_text("old")
    first = store.take()
    for name in names:
        (work / name).write_text("new")
    store.take()
    last = work / names[-1]

    def save_late() -> None:
        deadline = time.monotonic() + 30
        while (work / names[0]).read_text() != "old" and time.monotonic() < deadline:
            pass
        last.write_text("saved meanwhile")

    saver = threading.Thread(target=save_late)
    saver.start()
    kept = store.restore(first)
    saver.join()
    # Either it came before its turn and is kept, or after it and stands.
    assert last.read_text() == "saved meanwhile" or store.read(kept, last.name) == (
        b"saved meanwhile"
    )


# The right of root to read everything is given up, where the tests have it.
AS_ANYBODY = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)
UNREADABLE = """
import sys
from pathlib import Path
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError
work = Path(sys.argv[1], "work")
store = SnapshotStore(Path(sys.argv[1], "data"), work)
(work / "other").write_text("old")
(work / "secret").write_text("old")
first = store.take()
(work / "other").write_text("new")
(work / "secret").write_text("only here")
(work / "secret").chmod(0)
store.take()
for step in (store.take_before, store.restore):
    try:
        step(first)
    except StorageError as error:
        print(error)
"""


def test_a_file_that_cannot_be_read_is_not_written_over(work: Path) -> None:
    words = [*AS_ANYBODY, sys.executable, "-c", UNREADABLE, str(work.parent)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert [line.partition(",")[0] for line in done.stdout.splitlines()] == [
        "cannot read 'secret'",
        "cannot read 'secret'",
    ]
    (work / "secret").chmod(0o600)
    assert (work / "secret").read_text() == "only here"
    assert (work / "other").read_text() == "new", "nothing was begun"
