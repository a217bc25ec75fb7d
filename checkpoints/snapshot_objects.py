"""Writes blobs and trees to the private store.

Objects are handed to git as a pack on standard input: one process for a whole snapshot, bytes
exactly as given, and git checks every id again before it stores anything.
"""

import hashlib
import os
import struct
import zlib
from typing import IO, Protocol

from greenloop.checkpoints.snapshot_git import Git
from greenloop.checkpoints.snapshot_manifest import object_id

PACK_KINDS = {"tree": 2, "blob": 3}
"""Object types in a pack (gitformat-pack(5))."""
FLUSH_BYTES = 32 * 1024 * 1024
"""Compressed objects held in memory before they are handed to git."""
LOOSE_LIMIT = 100
"""Up to so many objects are stored one by one; above, the pack is kept (git's own default)."""
CHUNK = 1024 * 1024


class BlobSink(Protocol):
    """Takes contents and names them."""

    def put(self, data: bytes) -> str:
        """The id of a blob with this content."""
        ...

    def put_file(self, file: IO[bytes]) -> str:
        """The id of a blob with the rest of an open file, for files too large for memory."""
        ...


class Hasher:
    """Names contents without storing them."""

    def put(self, data: bytes) -> str:
        """The id of a blob with this content."""
        return object_id("blob", data)

    def put_file(self, file: IO[bytes]) -> str:
        """The id of a blob with the rest of an open file.

        A file that grows meanwhile gets a name that fits no content, hence no snapshot.
        """
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        return digest.hexdigest()


class ObjectWriter:
    """Stores objects; nothing is sure to be on the disk before `flush`."""

    def __init__(self, git: Git, known: set[str]) -> None:
        self._git = git
        self._known = known
        """Ids that the store has for certain; they are not written again."""
        self._parts: list[bytes] = []
        self._bytes = 0

    def put(self, data: bytes) -> str:
        """Store a blob; returns its id.

        Raises:
            StorageError: git could not write.
        """
        return self.put_object("blob", data)

    def put_object(self, kind: str, data: bytes) -> str:
        """Store a blob or a tree; returns its id.

        Raises:
            StorageError: git could not write.
        """
        oid = object_id(kind, data)
        if oid not in self._known:
            self._known.add(oid)
            part = _pack_header(PACK_KINDS[kind], len(data)) + zlib.compress(data, 1)
            self._parts.append(part)
            self._bytes += len(part)
            if self._bytes > FLUSH_BYTES:
                self.flush()
        return oid

    def put_file(self, file: IO[bytes]) -> str:
        """Store the rest of an open file as git reads it, without conversion; returns its id.

        Raises:
            StorageError: git could not write.
        """
        args = ("hash-object", "-t", "blob", "-w", "--no-filters", "--stdin")
        return self._git.run(*args, data=file).out.decode("ascii").strip()

    def flush(self) -> None:
        """Hand what was collected to git, which flushes it to the disk.

        Raises:
            StorageError: git could not write, for example because the disk is full.
        """
        if not self._parts:
            return
        pack = b"PACK" + struct.pack(">II", 2, len(self._parts)) + b"".join(self._parts)
        few = len(self._parts) <= LOOSE_LIMIT
        self._parts, self._bytes = [], 0
        args = ("unpack-objects", "-q") if few else ("index-pack", "--stdin")
        self._git.run(*args, data=pack + hashlib.sha1(pack).digest())


def _pack_header(kind: int, size: int) -> bytes:
    """Type and size of a packed object: 4 bits of size, then 7 at a time (gitformat-pack(5))."""
    first, size = kind << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    header.append(first)
    return bytes(header)
