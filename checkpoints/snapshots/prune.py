"""Throws away what no kept snapshot needs: one new pack of the rest, then everything else goes.

A kill at any moment leaves the kept snapshots readable, for nothing is deleted before the new
pack is complete and on the disk; what was not deleted yet goes at the next prune.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import CACHE_GLOB
from greenloop.checkpoints.snapshots.git import Git
from greenloop.errors import StorageError

_SCRATCH = ("rules-*", "*.new", CACHE_GLOB)
"""What killed processes leave behind, and the caches, which claim objects that may go."""


def needed_objects(git: Git, snapshots: Iterable[str]) -> bytes:
    """Ids of the objects of these snapshots, one a line.

    Raises:
        StorageError: the store has lost one of them.
    """
    wanted = "".join(f"{snapshot}\n" for snapshot in sorted(set(snapshots)))
    if not wanted:
        return b""
    args = ("rev-list", "--objects", "--no-object-names", "--stdin")
    return git.run(*args, data=wanted.encode("ascii")).out


def packed(git: Git, objects: bytes) -> bytes:
    """One pack of these objects, in memory.

    Raises:
        StorageError: git failed.
    """
    return git.run("pack-objects", "-q", "--stdout", data=objects).out


def keep_only(git: Git, store: Path, objects: bytes) -> None:
    """Make the store hold these objects and no others.

    Raises:
        StorageError: git failed, or the disk cannot be written.
    """
    try:
        kept = _write_pack(git, store, objects) if objects else ""
        # The claims go first: a cache must never name what is gone.
        for pattern in _SCRATCH:
            for path in store.glob(pattern):
                _remove(path)
        for folder in (store / "objects").iterdir():
            if folder.name == "pack":
                _clear_packs(folder, kept)
            elif folder.name != "info":
                _remove(folder)
    except OSError as error:
        raise StorageError(
            f"the snapshot store {store} cannot be pruned: {error.strerror}; try again"
        ) from error


def size(store: Path) -> int:
    """Bytes of all files in the store; 0 when there is none."""
    total = 0
    for folder, _, names in os.walk(store):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(f"{folder}/{name}").st_size
    return total


def _write_pack(git: Git, store: Path, objects: bytes) -> str:
    """Name of a new pack of these objects, flushed to the disk."""
    folder = store / "objects" / "pack"
    folder.mkdir(exist_ok=True)
    said = git.run("pack-objects", "-q", str(folder / "pack"), data=objects).out
    name = f"pack-{said.decode('ascii').strip()}"
    _flush(folder)
    return name


def _clear_packs(folder: Path, kept: str) -> None:
    # The index first: a pack without one is nothing to git, an index without its pack an error.
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix != ".idx"):
        if not kept or path.stem != kept:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
