"""Writes blobs and trees to the private store.

A few objects are written as git's own loose files. More are handed to git as a pack on standard
input: one process for a whole snapshot, bytes exactly as given.
"""

import hashlib
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Protocol

from greenloop.checkpoints.snapshots.git import Git
from greenloop.checkpoints.snapshots.manifest import object_id
from greenloop.errors import StorageError

PACK_KINDS = {"tree": 2, "blob": 3}
"""Object types in a pack (gitformat-pack(5))."""
FLUSH_BYTES = 32 * 1024 * 1024
"""Objects held in memory before they are handed to git."""
FEW = 16
"""Up to so many objects are written here: flushing each to the disk is quicker than a process."""
LOOSE_LIMIT = 100
"""Up to so many objects are stored one by one; above, the pack is kept (git's own default)."""
CHUNK = 1024 * 1024

Push = Callable[[bytes], None]
"""Sends a pack to where it is safe before the local store has it."""


class BlobSink(Protocol):
    """Takes contents and names them."""

    stores: bool
    """Whether the contents are kept."""

    def put(self, data: bytes) -> str:
        """The id of a blob with this content."""
        ...

    def put_file(self, file: IO[bytes]) -> str:
        """The id of a blob with the rest of an open file, for files too large for memory."""
        ...


class Hasher:
    """Names contents without storing them."""

    stores = False

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

    stores = True

    def __init__(self, git: Git, known: set[str], push: Push | None = None) -> None:
        """Nothing is written yet.

        Args:
            git: Git on the private store.
            known: Ids that the store has for certain, which are not written again; what was
                written is added by `flush`.
            push: Called with every pack before the store gets it.
        """
        self._git, self._known, self._push = git, known, push
        self._parts: dict[str, tuple[str, bytes]] = {}
        """Kind and content of what is to be written, by id."""
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
        if oid not in self._known and oid not in self._parts:
            self._parts[oid] = kind, data
            self._bytes += len(data)
            if self._bytes > FLUSH_BYTES:
                self.flush()
        return oid

    def put_file(self, file: IO[bytes]) -> str:
        """Store the rest of an open file as git reads it, without conversion; returns its id.

        Only a mirror makes it pass through memory, compressed.

        Raises:
            StorageError: git could not write.
        """
        args = ("hash-object", "-t", "blob", "-w", "--no-filters", "--stdin")
        oid = self._git.run(*args, data=file).out.decode("ascii").strip()
        if oid not in self._known:
            if self._push is not None:
                # One pass over the file first: its size in a pack's header must be certain.
                asked = f"{oid}\n".encode("ascii")
                pack = self._git.run("pack-objects", "-q", "--stdout", data=asked).out
                self._push(pack)
            self._known.add(oid)
        return oid

    def flush(self) -> None:
        """Write what was collected, and flush it to the disk.

        Raises:
            StorageError: git could not write, for example because the disk is full.
        """
        if not self._parts:
            return
        parts, self._parts, self._bytes = self._parts, {}, 0
        few = len(parts) <= FEW
        pack = b"" if few and self._push is None else _pack(parts.values())
        if self._push is not None:
            self._push(pack)
        if few:
            for oid, (kind, data) in parts.items():
                write_loose(self._git.folder, oid, kind, data)
        else:
            store_pack(self._git, pack)
        self._known.update(parts)


def write_loose(store: Path, oid: str, kind: str, data: bytes) -> None:
    """Write one object as a file of its own (gitformat-loose(5)), flushed to the disk.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    folder = store / "objects" / oid[:2]
    if (folder / oid[2:]).exists():  # it was flushed before it got its name
        return
    fresh = folder / f"tmp_obj_{secrets.token_hex(8)}"
    content = zlib.compress(b"%s %d\0" % (kind.encode("ascii"), len(data)) + data, 1)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        folder.mkdir(exist_ok=True)
        try:
            with os.fdopen(os.open(fresh, flags, 0o400), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(folder / oid[2:])
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"storing a snapshot failed in {store}: {error.strerror}; free space there"
        ) from error


def _pack(parts: Iterable[tuple[str, bytes]]) -> bytes:
    rows = [
        _pack_header(PACK_KINDS[kind], len(data)) + zlib.compress(data, 1) for kind, data in parts
    ]
    pack = b"PACK" + struct.pack(">II", 2, len(rows)) + b"".join(rows)
    return pack + hashlib.sha1(pack).digest()


def store_pack(git: Git, pack: bytes) -> None:
    """Add the objects of a pack to the store.

    Raises:
        StorageError: the pack is damaged, or git could not write.
    """
    few = len(pack) >= 12 and struct.unpack_from(">I", pack, 8)[0] <= LOOSE_LIMIT
    args = ("unpack-objects", "-q") if few else ("index-pack", "--stdin")
    git.run(*args, data=pack)


def _pack_header(kind: int, size: int) -> bytes:
    """Type and size of a packed object: 4 bits of size, then 7 at a time (gitformat-pack(5))."""
    first, size = kind << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    header.append(first)
    return bytes(header)
