"""Remembers which content each file had, by what stat said of it, so that it is not read again.

Kept in a file next to the store as plain numbers, which load some ten times faster than JSON.
"""

import hashlib
import os
import secrets
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from greenloop.checkpoints.snapshots.manifest import Entry
from greenloop.checkpoints.snapshots.trees import Trees
from greenloop.errors import StorageError

RACY_NS = 2_000_000_000
"""A file that changed so short a time before it was read, in nanoseconds, is read again.

Within one tick of a file system's clock (some ms; 1 s on HFS+ and old ext) a second change leaves
the same times and maybe the same size: git's "racy" problem. Two seconds also forgive a shared
folder whose clock is a little off.
"""
PERMISSIONS = 0o777
CACHE_GLOB = "stat-*"
_MAGIC = b"greenloop stat cache 2\n"
_HEAD = struct.Struct("<?III")
"""Whether the store has a mirror; files; bytes of their names; trees."""
_ROW = struct.Struct("<QQqqQ20sI")
"""A signature, the id of the content, and the mode."""
_WAIT = 20
"""The file is written anew once every so many files, at least, have changed, or 2 in 100."""

Signature = tuple[int, int, int, int, int]
"""Mode, size, times of the last change of content and of status (ns), and inode number."""
NEVER: Signature = (0, 0, 0, 0, 0)
"""The signature of no file: what was read too soon after it changed is read again."""


def signature(status: os.stat_result) -> Signature:
    """What changes when a file does."""
    return (
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
    )


def lasting(status: os.stat_result, read: int) -> Signature:
    """The signature if it can be trusted from now on, else `NEVER`.

    Args:
        status: From before the content was read.
        read: When reading began, as `time.time_ns` says.
    """
    return signature(status) if status.st_ctime_ns + RACY_NS <= read else NEVER


def settled(mark: Signature, since: int) -> bool:
    """Whether the last change was long before that moment (as `time.time_ns` says)."""
    return mark != NEVER and mark[3] + RACY_NS <= since


class StatCache:
    """What one workspace's files held when they were last read."""

    def __init__(self, file: Path, mirrored: bool = False) -> None:
        """Load the file; a missing, damaged or older one only costs time.

        Args:
            file: Where it is kept.
            mirrored: Whether its entries must say that a mirror has the contents too.
        """
        self._file, self._mirrored = file, mirrored
        self.signatures: dict[str, Signature] = {}
        self.entries: dict[str, Entry] = {}
        """For the same paths."""
        self.trees: frozenset[str] = frozenset()
        """Ids of further objects that the store has."""
        self.known: set[str] = set()
        """Ids of all objects that the store has for certain."""
        self._unsaved = 0
        self._version = self._look()
        try:
            self._load(file.read_bytes())
        except (OSError, ValueError, struct.error):
            self.signatures, self.entries, self._unsaved = {}, {}, _WAIT
        self.known.update(entry.oid for entry in self.entries.values())

    @property
    def current(self) -> bool:
        """False when another process has written or removed the file."""
        return self._look() == self._version

    def keep(self, path: str, known: Signature, entry: Entry) -> None:
        """Remember what a file held; `known` is a `lasting` signature."""
        self.signatures[path], self.entries[path] = known, entry
        self._unsaved += 1

    def forget(self, paths: Iterable[str]) -> None:
        """Drop files that are gone."""
        for path in paths:
            del self.signatures[path], self.entries[path]
            self._unsaved += 1

    def save(self, trees: Trees) -> None:
        """Write the file, unless so little is new that reading it again is cheaper.

        The entries say that their contents are in the store, and must be saved after those.

        Raises:
            StorageError: the store's disk cannot be written.
        """
        few = self._unsaved < max(_WAIT, len(self.entries) // 50)
        if self._version is not None and (few and not (self._mirrored and self._unsaved)):
            return
        self.trees = trees.ids()
        fresh = self._file.with_name(f"{self._file.name}.{secrets.token_hex(8)}.new")
        try:
            fresh.write_bytes(self._encoded())
            fresh.replace(self._file)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {self._file}: {error.strerror}; free space there and try again"
            ) from error
        self._version, self._unsaved = self._look(), 0

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _encoded(self) -> bytes:
        names = os.fsencode("\0".join(self.entries))
        rows = b"".join(
            _ROW.pack(*self.signatures[path], bytes.fromhex(entry.oid), _mode(entry))
            for path, entry in self.entries.items()
        )
        trees = bytes.fromhex("".join(sorted(self.trees)))
        head = _HEAD.pack(self._mirrored, len(self.entries), len(names), len(self.trees))
        body = head + names + rows + trees
        return _MAGIC + hashlib.sha1(body).digest() + body

    def _load(self, data: bytes) -> None:
        start = len(_MAGIC) + 20
        body = memoryview(data)[start:]
        if data[:start] != _MAGIC + hashlib.sha1(body).digest():
            raise ValueError("not whole, or of another version")
        mirrored, files, size, trees = _HEAD.unpack_from(body)
        if self._mirrored and not mirrored:
            return
        at = _HEAD.size + size
        names = os.fsdecode(bytes(body[_HEAD.size : at])).split("\0")
        rows = _ROW.iter_unpack(body[at : at + files * _ROW.size])
        at += files * _ROW.size
        for path, row in zip(names, rows, strict=False):
            mode = row[6]
            self.signatures[path] = row[:5]
            self.entries[path] = Entry(row[5].hex(), mode & PERMISSIONS, stat.S_ISLNK(mode))
        raw = bytes(body[at : at + trees * 20]).hex()
        self.trees = frozenset(raw[i : i + 40] for i in range(0, len(raw), 40))
        self.known = set(self.trees)


def _mode(entry: Entry) -> int:
    return stat.S_IFLNK if entry.link else stat.S_IFREG | entry.mode
