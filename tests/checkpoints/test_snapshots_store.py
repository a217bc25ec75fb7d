"""The store itself: what pruning frees and keeps, the mirror, results named before an edit."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots.mirror import PackMirror
from greenloop.checkpoints.snapshots.repository import private_git
from greenloop.checkpoints.snapshots.scan import LARGE
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError


class Memory:
    """A mirror in memory."""

    def __init__(self) -> None:
        self.packs: dict[int, bytes] = {}
        self.last = 0
        self.pulled: list[int] = []

    def push(self, pack: bytes) -> int:
        self.last += 1
        self.packs[self.last] = pack
        return self.last

    def pull(self, after: int) -> Iterator[tuple[int, bytes]]:
        for number in sorted(self.packs):
            if number > after:
                self.pulled.append(number)
                yield number, self.packs[number]

    def replace(self, pack: bytes) -> int:
        self.packs.clear()
        return self.push(pack)


def objects(store: Path) -> set[str]:
    """Ids of all objects in a private store, which must be sound."""
    git = private_git(store)
    git.run("fsck", "--full", "--strict")
    args = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(git.run(*args).out.decode("ascii").split())


def fill(work: Path, count: int) -> None:
    for number in range(count):
        path = work / f"d{number % 7}" / f"{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(2000))


MIRROR: PackMirror = Memory()
"""It has what a mirror needs, to the type checker."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store"


@pytest.mark.parametrize("count", [5, 300])
def test_prune_leaves_exactly_what_is_needed(
    store: SnapshotStore, work: Path, place: Path, count: int, tmp_path: Path
) -> None:
    fill(work, count)
    first = store.take()
    fill(work, count)
    second = store.take()
    (work / "more").write_text("more")
    third = store.take()
    before = store.size()
    store.prune([second, "1" * 40, "nonsense"])
    assert store.size() < before * 0.75
    assert (store.has(first), store.has(second), store.has(third)) == (False, True, False)
    fresh = SnapshotStore(tmp_path / "fresh", work)
    (work / "more").unlink()
    assert fresh.take() == second
    assert objects(place) == objects(tmp_path / "fresh")
    assert store.take() == second
    (work / "more").write_text("more")
    assert store.take() == third
    assert objects(place) > objects(tmp_path / "fresh")
    with pytest.raises(StorageError, match="not in the store"):
        store.restore(first)


def test_prune_to_nothing_and_on_from_there(store: SnapshotStore, work: Path, place: Path) -> None:
    assert store.size() == 0
    assert not store.has("0" * 40)
    store.prune([])
    fill(work, 130)
    first = store.take()
    other = SnapshotStore(place, work)  # whose memory is older than the prune
    assert other.take() == first
    store.prune([])
    assert objects(place) == set()
    assert other.take() == first
    assert other.read(first, "d0/0") == (work / "d0/0").read_bytes()


def test_prune_twice_keeps_the_pack(store: SnapshotStore, work: Path, place: Path) -> None:
    fill(work, 20)
    first = store.take()
    for _ in range(2):
        store.prune([first])
        assert len(list((place / "objects/pack").glob("*.pack"))) == 1
    (place / "objects/pack/tmp_pack_x").touch()
    (place / "objects/aa").mkdir()
    (place / "objects/aa/tmp_obj_x").touch()
    store.prune([first])
    assert not list((place / "objects").rglob("tmp_*"))
    fill(work, 20)
    store.restore(first)
    assert store.take() == first


def test_prune_with_a_lost_object_deletes_nothing(
    store: SnapshotStore, work: Path, place: Path
) -> None:
    fill(work, 3)
    first = store.take()
    oid = store.entries(first)["d0/0"].oid
    (work / "d0/0").unlink()
    second = store.take()
    (place / "objects" / oid[:2] / oid[2:]).unlink()
    before = store.size()
    with pytest.raises(StorageError):
        store.prune([first])
    assert store.size() == before
    store.prune([second])
    assert store.has(second)


PRUNE = """
import sys
from pathlib import Path
from greenloop.checkpoints.snapshots.store import SnapshotStore
SnapshotStore(Path(sys.argv[1]), Path(sys.argv[2])).prune([sys.argv[3]])
"""


@pytest.mark.parametrize("turn", range(6))
def test_a_killed_prune_can_be_repeated(
    store: SnapshotStore, work: Path, place: Path, turn: int
) -> None:
    fill(work, 200)
    kept = store.take()
    contents = {path: (work / path).read_bytes() for path in store.paths(kept)}
    for number in range(15):  # loose objects, of which some are deleted before the kill
        (work / "d0/0").write_bytes(os.urandom(50))
        (work / "x").write_text(str(number))
        store.take()
    full = store.size()
    args = [sys.executable, "-c", PRUNE, str(place), str(work), kept]
    with subprocess.Popen(args) as process:
        packs = place / "objects/pack"
        caches = list(place.glob("stat-*"))
        while process.poll() is None:
            done = len(list(packs.glob("*.pack")))
            # At another point each time: before the new pack, after it, while things go.
            if turn < 2 or (turn < 4 and done == 2) or not caches[0].exists():
                break
        time.sleep(0.0005 * turn)
        process.kill()
    again = SnapshotStore(place, work)
    again.restore(kept)
    assert {path: (work / path).read_bytes() for path in again.paths(kept)} == contents
    again.prune([kept])
    assert again.size() < full
    again.restore(kept)
    assert again.take() == kept


def test_a_store_is_readable_on_another_machine(work: Path, tmp_path: Path) -> None:
    mirror = Memory()
    here = SnapshotStore(tmp_path / "here", work, mirror)
    fill(work, 150)
    first = here.take()
    (work / "large").write_bytes(os.urandom(LARGE + 1))
    second = here.take()
    assert here.take() == second
    pushed = len(mirror.packs)
    assert SnapshotStore(tmp_path / "here", work, mirror).take() == second
    assert len(mirror.packs) == pushed  # what the mirror has is not sent again

    away = tmp_path / "away"
    away.mkdir()
    there = SnapshotStore(tmp_path / "there", away, mirror)
    assert there.has(second)
    there.restore(second)
    assert (away / "large").read_bytes() == (work / "large").read_bytes()
    assert there.take() == second
    (away / "more").write_text("more")
    third = there.take()
    assert here.has(third)
    here.restore(third)
    assert (work / "more").read_text() == "more"
    here.restore(first)
    mirror.pulled.clear()
    with pytest.raises(StorageError, match="not in the store"):
        here.restore("0" * 40)
    assert mirror.pulled == []  # nothing is fetched twice


def test_pruning_replaces_the_mirrors_content(work: Path, tmp_path: Path) -> None:
    mirror = Memory()
    one = SnapshotStore(tmp_path / "one", work, mirror)
    fill(work, 30)
    kept = one.take()
    two = SnapshotStore(tmp_path / "two", work, mirror)
    (work / "two").write_text("two")
    newer = two.take()
    (work / "gone").write_bytes(os.urandom(3000))
    two.take()
    one = SnapshotStore(tmp_path / "one", work, mirror)
    one.prune([kept, newer])  # of which it had never heard
    assert len(mirror.packs) == 1
    assert objects(tmp_path / "one") == objects_of(mirror, tmp_path)
    # The second store still has the file that the mirror has lost: it must be sent again.
    two = SnapshotStore(tmp_path / "two", work, mirror)
    again = two.take()
    three = SnapshotStore(tmp_path / "three", work, mirror)
    assert three.read(again, "gone") == (work / "gone").read_bytes()
    assert three.read(kept, "d0/0") == (work / "d0/0").read_bytes()


def objects_of(mirror: Memory, tmp_path: Path) -> set[str]:
    store = tmp_path / "copy"
    folder = tmp_path / "nothing"
    folder.mkdir()
    SnapshotStore(store, folder, mirror).has("0" * 40)
    return objects(store)


def test_a_mirror_that_fails_leaves_no_snapshot_behind(work: Path, tmp_path: Path) -> None:
    class Broken(Memory):
        broken = True

        def push(self, pack: bytes) -> int:
            if self.broken:
                raise StorageError("the database is away")
            return super().push(pack)

    mirror = Broken()
    store = SnapshotStore(tmp_path / "store", work, mirror)
    (work / "f").write_text("x")
    with pytest.raises(StorageError, match="away"):
        store.take()
    mirror.broken = False
    first = store.take()
    assert SnapshotStore(tmp_path / "other", work, mirror).read(first, "f") == b"x"


def test_a_store_that_had_no_mirror_sends_everything(work: Path, tmp_path: Path) -> None:
    fill(work, 30)
    SnapshotStore(tmp_path / "store", work).take()
    mirror = Memory()
    first = SnapshotStore(tmp_path / "store", work, mirror).take()
    assert SnapshotStore(tmp_path / "other", work, mirror).paths(first)
    assert SnapshotStore(tmp_path / "third", work, mirror).read(first, "d0/0") is not None


def test_compose_names_what_take_will(store: SnapshotStore, work: Path) -> None:
    for name in ("pkg/a.py", "pkg/sub/b.py", "top.py"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("old")
    (work / "top.py").chmod(0o750)
    (work / ".gitignore").write_text("__pycache__/\n")
    (work / "pkg/__pycache__").mkdir()
    (work / "pkg/__pycache__/a.pyc").touch()
    now = store.take()
    edited = store.compose(now, {"top.py": (b"new", None), "pkg/new/c.py": (b"c", None)})
    assert store.take() == now
    (work / "top.py").write_text("new")
    (work / "pkg/new").mkdir()
    (work / "pkg/new/c.py").write_text("c")
    assert store.take() == edited
    gone = store.compose(edited, {"pkg/sub/b.py": None, "pkg/new/c.py": None})
    (work / "pkg/sub/b.py").unlink()
    (work / "pkg/new/c.py").unlink()
    assert store.take() == gone
    assert {"pkg/sub", "pkg/new"}.isdisjoint(store.paths(gone))
    bare = store.compose(gone, {"pkg/a.py": None})
    (work / "pkg/a.py").unlink()
    assert store.take() == bare
    modes = store.compose(bare, {"top.py": (b"new", 0o600)})
    (work / "top.py").chmod(0o600)
    assert store.take() == modes


def test_compose_leaves_out_what_would_be_ignored(store: SnapshotStore, work: Path) -> None:
    (work / ".gitignore").write_text("*.log\n")
    now = store.take()
    assert store.compose(now, {"x.log": (b"x", None)}) == now
    assert store.compose(now, {"none": None}) == now
    for path in ("../x", "/x", ".git/config", ""):
        with pytest.raises(StorageError, match="inside the workspace"):
            store.compose(now, {path: (b"x", None)})


def test_compose_follows_an_edit_of_the_rules(store: SnapshotStore, work: Path) -> None:
    (work / "a.log").touch()
    (work / "logs").mkdir()
    (work / "logs/b.log").touch()
    now = store.take()
    edited = store.compose(now, {".gitignore": (b"*.log\n", None)})
    (work / ".gitignore").write_text("*.log\n")
    assert store.take() == edited
    assert store.paths(edited) == (".gitignore",)


def test_entries(store: SnapshotStore, work: Path) -> None:
    (work / "f").write_text("x")
    (work / "f").chmod(0o640)
    (work / "link").symlink_to("f")
    entries = store.entries(store.take())
    assert {path: (entry.mode, entry.link) for path, entry in entries.items()} == {
        "f": (0o640, False),
        "link": (0, True),
    }


def test_an_unchanged_tree_adds_nothing(store: SnapshotStore, work: Path) -> None:
    (work / "f").write_text("x")
    first = store.take()
    size = store.size()
    assert size > 0
    assert store.take() == first
    assert store.size() == size
