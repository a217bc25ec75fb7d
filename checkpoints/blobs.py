"""Large content by its hash: prompts, replies, diffs, reports. Each stored once, compressed."""

import contextlib
import hashlib
import os
import zlib
from pathlib import Path

from greenloop.errors import StorageError


class BlobStore:
    """Files named by the BLAKE2b-128 hash of their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: str) -> str:
        """Store text; returns its hash. Storing the same text again costs nothing.

        Raises:
            StorageError: the disk is full or not writable.
        """
        data = content.encode("utf-8", errors="surrogateescape")
        ref = hashlib.blake2b(data, digest_size=16).hexdigest()
        path = self._path(ref)
        if path.exists():
            return ref
        temporary = path.with_name(f"{ref}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(zlib.compress(data, 1))
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        return ref

    def get(self, ref: str) -> str:
        """The text of a hash.

        Raises:
            StorageError: it is missing or damaged.
        """
        path = self._path(ref)
        try:
            data = zlib.decompress(path.read_bytes())
        except (OSError, zlib.error) as error:
            raise StorageError(f"the record {path} is missing or damaged: {error}") from error
        return data.decode("utf-8", errors="surrogateescape")

    def _path(self, ref: str) -> Path:
        return self._folder / ref[:2] / ref[2:]
