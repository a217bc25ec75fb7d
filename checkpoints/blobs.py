"""Large content by its hash: prompts, replies, diffs, reports. Each stored once, compressed."""

import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.private import private_folder, private_opener, write_durably
from greenloop.errors import StorageError

YOUNG_S = 3600.0
"""What was put within so many seconds stays, named or not: the row that names it may be on its
way. Machines that share a database agree on the time to much less than that."""
_AT_ONCE = 200
"""Blobs that are removed before waiting writers have their turn."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob as it lies there."""

    ref: str
    size: int
    """Bytes on the disk."""


class Blobs(Protocol):
    """Keeps texts by a hash of their content."""

    def put(self, content: str) -> str:
        """Store text; returns its hash. It is on the disk when this returns.

        Storing the same text again costs next to nothing, and makes it young again: see `remove`.

        Raises:
            StorageError: the disk is full or not writable.
        """
        ...

    def get(self, ref: str) -> str:
        """The text of a hash.

        Raises:
            StorageError: it is missing or damaged.
        """
        ...

    def stored(self) -> Iterator[Stored]:
        """Everything that is there.

        Raises:
            StorageError: it cannot be read.
        """
        ...

    def remove(self, refs: Iterable[str], younger: float = YOUNG_S) -> None:
        """Remove those of these blobs that were not put within the last `younger` seconds.

        No blob goes that is put at the same moment, by this process or another.

        Raises:
            StorageError: the disk is not writable.
        """
        ...


class BlobStore:
    """Implements `Blobs`: files named by the hash of their content."""

    def __init__(self, folder: Path, cipher: Cipher = PLAIN) -> None:
        self._folder = folder
        self._cipher = cipher

    def put(self, content: str) -> str:
        """See `Blobs.put`."""
        data = encode(content)
        ref = self._cipher.name(data)
        path = self._path(ref)
        try:
            with self._lock(fcntl.LOCK_SH):
                if self._renew(path):
                    return ref
                private_folder(path.parent)
                write_durably(path, pack(data, self._cipher))
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        return ref

    def get(self, ref: str) -> str:
        """See `Blobs.get`."""
        path = self._path(ref)
        try:
            return unpack(path.read_bytes(), self._cipher)
        except (OSError, zlib.error) as error:
            raise StorageError(
                f"the record {path} is missing or damaged; bring the folder back if it was moved, "
                "`greenloop doctor` looks at the store"
            ) from error

    def stored(self) -> Iterator[Stored]:
        """See `Blobs.stored`."""
        try:
            for path in sorted(self._folder.glob("??/*")):
                if path.suffix != ".tmp":
                    with contextlib.suppress(FileNotFoundError):
                        yield Stored(f"{path.parent.name}{path.name}", on_disk(path.stat()))
        except OSError as error:
            raise StorageError(f"cannot read {self._folder}: {error.strerror}") from error

    def remove(self, refs: Iterable[str], younger: float = YOUNG_S) -> None:
        """See `Blobs.remove`; also what processes that died left half-written."""
        end = time.time() - younger
        paths = [self._path(ref) for ref in refs]
        try:
            paths += self._folder.glob("??/*.tmp")
            for some in _batches(paths):
                # Writers hold it shared from their look at a file to its renewal.
                with self._lock(fcntl.LOCK_EX):
                    for path in some:
                        with contextlib.suppress(FileNotFoundError):
                            if path.stat().st_mtime <= end:
                                path.unlink()
        except OSError as error:
            raise StorageError(f"cannot remove from {self._folder}: {error.strerror}") from error

    def _renew(self, path: Path) -> bool:
        """Make a blob young again; False if there is none."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        private_folder(self._folder)
        with open(self._folder / "lock", "ab", opener=private_opener) as file:
            fcntl.flock(file, kind)
            yield

    def _path(self, ref: str) -> Path:
        return self._folder / ref[:2] / ref[2:]


def on_disk(found: os.stat_result) -> int:
    """Bytes that a file takes: POSIX counts blocks of 512 bytes."""
    return found.st_blocks * 512


def _batches(paths: list[Path]) -> Iterator[list[Path]]:
    return (paths[at : at + _AT_ONCE] for at in range(0, len(paths), _AT_ONCE))


def encode(content: str) -> bytes:
    """A text's bytes; those of file names that are no UTF-8 survive."""
    return content.encode("utf-8", errors="surrogateescape")


def pack(data: bytes, cipher: Cipher) -> bytes:
    """Bytes as they are stored: compressed, then sealed."""
    return cipher.seal(zlib.compress(data, 1))


def unpack(data: bytes, cipher: Cipher) -> str:
    """The text of stored bytes.

    Raises:
        StorageError: sealed with another key.
        zlib.error: damaged.
    """
    return zlib.decompress(cipher.open(data)).decode("utf-8", errors="surrogateescape")
