"""Random trees, changed at random: every snapshot comes back exactly, by an independent walk."""

import os
import random
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots.store import SnapshotStore

NAMES: tuple[str, ...] = ("a", "b", "-c", "d e", "f\ng", "ä", "h.py")
if sys.platform != "darwin":  # whose file system wants UTF-8
    NAMES = (*NAMES, os.fsdecode(b"\xff"))
MODES = (0o644, 0o644, 0o755, 0o600, 0o640, 0o700)
Tree = dict[bytes, tuple[int, bytes]]


def walk(folder: Path) -> Tree:
    """Type and permission bits, and content, of everything below a folder."""
    found: Tree = {}
    waiting = [os.fsencode(folder)]
    while waiting:
        above = waiting.pop()
        for name in os.listdir(above):  # noqa: PTH208 - bytes
            path = above + b"/" + name
            status = os.lstat(path)
            mode, content = status.st_mode, b""
            if stat.S_ISLNK(mode):
                mode, content = stat.S_IFLNK, os.readlink(path)  # noqa: PTH115 - bytes
            elif stat.S_ISDIR(mode):
                waiting.append(path)
            else:
                content = Path(os.fsdecode(path)).read_bytes()
            found[path.removeprefix(os.fsencode(folder))] = (mode, content)
    return {path: what for path, what in found.items() if not path.startswith(b"/.git/")}


class Mutator:
    """Changes a folder step by step, driven by one seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)

    def change(self, steps: int) -> None:
        for _ in range(steps):
            step = self.random.choice([self.add, self.add, self.add, self.delete, self.chmod])
            step()

    def place(self) -> Path:
        path = self.folder
        for _ in range(self.random.randint(0, 3)):
            below = path / self.random.choice(NAMES)
            if below.is_symlink() or (below.exists() and not below.is_dir()):
                break
            below.mkdir(exist_ok=True)
            path = below
        return path / self.random.choice(NAMES)

    def add(self) -> None:
        path = self.place()
        self.clear(path)
        kind = self.random.random()
        if kind < 0.15:
            path.symlink_to(self.random.choice(["nowhere", "..", "a", str(self.folder)]))
        elif kind < 0.3:
            path.mkdir()
        else:
            path.write_bytes(self.random.randbytes(self.random.choice([0, 3, 3, 2000])))
            path.chmod(self.random.choice(MODES))

    def delete(self) -> None:
        self.clear(self.place())

    def chmod(self) -> None:
        path = self.place()
        if not path.is_symlink() and path.exists():
            modes = (0o755, 0o700, 0o750) if path.is_dir() else MODES
            path.chmod(self.random.choice(modes))

    def clear(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@pytest.mark.parametrize("seed", range(6))
def test_every_snapshot_comes_back(tmp_path: Path, seed: int) -> None:
    work = tmp_path / "work"
    work.mkdir()
    if seed % 2:
        subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    store = SnapshotStore(tmp_path / "store", work)
    mutator = Mutator(work, seed)
    taken: dict[str, Tree] = {}
    order: list[str] = []
    for _ in range(5):
        mutator.change(15)
        snapshot = store.take()
        assert taken.setdefault(snapshot, walk(work)) == walk(work)
        order.append(snapshot)
    for snapshot in [*reversed(order), *mutator.random.choices(order, k=5)]:
        store.restore(snapshot)
        assert walk(work) == taken[snapshot]
        assert store.take() == snapshot
        mutator.change(mutator.random.randint(0, 4))
    assert len({str(sorted(tree.items())) for tree in taken.values()}) == len(taken)


@pytest.mark.parametrize("seed", range(3))
def test_single_paths_come_back(tmp_path: Path, seed: int) -> None:
    work = tmp_path / "work"
    work.mkdir()
    store = SnapshotStore(tmp_path / "store", work)
    mutator = Mutator(work, seed)
    mutator.change(25)
    before = store.take()
    mutator.change(25)
    after = store.take()
    for change in store.changed(before, after):
        store.restore_paths(before, [change.path])
        assert store.read(store.take(), change.path) == store.read(before, change.path)
    assert store.changed(before, store.take()) == ()
