"""Reads the covered files into a manifest; an unchanged file costs one stat and no reading."""

import json
import os
import secrets
import stat
import time
from pathlib import Path

from greenloop.checkpoints.snapshot_cover import Cover
from greenloop.checkpoints.snapshot_manifest import Entry, Manifest, ancestors
from greenloop.checkpoints.snapshot_objects import BlobSink
from greenloop.errors import StorageError

CACHE_VERSION = 1
RACY_NS = 2_000_000_000
"""A file that changed so short a time before it was read, in nanoseconds, is read again.

Within one tick of a file system's clock (some ms; 1 s on HFS+ and old ext) a second change leaves
the same times and maybe the same size: git's "racy" problem. Two seconds also forgive a shared
folder whose clock is a little off.
"""
LARGE = 4 * 1024 * 1024
"""Files from this size, in bytes, are not read into memory."""
PERMISSIONS = 0o777

_Row = list[int | str]
"""Signature of a file (see `_signature`), when it was read, and the id of its content."""


def _signature(status: os.stat_result) -> _Row:
    return [
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
    ]


class StatCache:
    """Remembers which content each file had, by what stat said of it; kept in the store."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._old: dict[str, _Row] = {}
        self._trees: set[str] = set()
        try:
            record = json.loads(file.read_bytes())
            if record["version"] == CACHE_VERSION:
                self._old, self._trees = record["files"], set(record["trees"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # only a cache: without it every file is read once more
        self._new: dict[str, _Row] = {}

    @property
    def known(self) -> set[str]:
        """Ids of objects that the store has for certain."""
        return {str(row[-1]) for row in self._old.values()} | self._trees

    def find(self, path: str, status: os.stat_result) -> str:
        """The id of a file's content, or the empty string when it must be read."""
        row = self._old.get(path)
        if row is None or row[:-2] != _signature(status):
            return ""
        if status.st_ctime_ns + RACY_NS > int(row[-2]):
            return ""
        self._new[path] = row
        return str(row[-1])

    def keep(self, path: str, status: os.stat_result, oid: str) -> None:
        """Remember what a file held; `status` must be from before it was read."""
        self._new[path] = [*_signature(status), time.time_ns(), oid]

    def save(self, trees: set[str]) -> None:
        """Write the entries seen since loading, when anything is new.

        Raises:
            StorageError: the store's disk cannot be written.
        """
        if self._new == self._old and trees == self._trees:
            return
        record = {"version": CACHE_VERSION, "files": self._new, "trees": sorted(trees)}
        fresh = self._file.with_name(f"{self._file.name}.{secrets.token_hex(8)}.new")
        try:
            fresh.write_text(json.dumps(record, separators=(",", ":")), "ascii")
            fresh.replace(self._file)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {self._file}: {error.strerror}; free space there and try again"
            ) from error


def scan(workspace: Path, cover: Cover, cache: StatCache, sink: BlobSink) -> Manifest:
    """Read what changed and name everything that is covered.

    Files that cannot be read, that vanish meanwhile, sockets and pipes are left out.

    Raises:
        StorageError: the disk failed, or the sink could not store.
    """
    entries: dict[str, Entry] = {}
    for path in sorted(cover.files):
        try:
            entry = _entry(workspace, path, cache, sink)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError as error:
            raise StorageError(f"cannot read {path!r}: {error.strerror}; check the disk") from error
        if entry is not None:
            entries[path] = entry
    folders: dict[str, int] = {}
    for path in sorted(ancestors(entries) | ancestors(cover.empty) | cover.empty):
        try:
            folders[path] = os.lstat(f"{workspace}/{path}").st_mode & PERMISSIONS
        except FileNotFoundError:
            continue
    return Manifest(entries, folders)


def _entry(workspace: Path, path: str, cache: StatCache, sink: BlobSink) -> Entry | None:
    full = f"{workspace}/{path}"
    status = os.lstat(full)
    link = stat.S_ISLNK(status.st_mode)
    if not link and not stat.S_ISREG(status.st_mode):
        return None
    oid = cache.find(path, status)
    if not oid and link:
        # Path.readlink would tidy the target, which must stay byte for byte.
        oid = sink.put(os.fsencode(os.readlink(full)))  # noqa: PTH115
        cache.keep(path, status, oid)
    elif not oid:
        status, oid = read_file(full, None, sink)
        cache.keep(path, status, oid)
    return Entry(oid, 0 if link else status.st_mode & PERMISSIONS, link)


def read_file(name: str, folder: int | None, sink: BlobSink) -> tuple[os.stat_result, str]:
    """Status and content id of a regular file, in an open folder if one is given.

    Raises:
        OSError: it cannot be read, or is a link.
        StorageError: the sink could not store.
    """
    # Non-blocking, for a pipe that took the file's place must not hang us.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if status.st_size >= LARGE:
            return status, sink.put_file(file)
        return status, sink.put(file.readall())
