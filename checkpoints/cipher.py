"""What stands between records and the disk: nothing, or encryption with the user's key."""

import hashlib
from typing import TYPE_CHECKING, Protocol

from greenloop.errors import StorageError

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

SEALED = b"GLS1"
"""What a sealed blob begins with; a compressed one never does (RFC 1950)."""


class Cipher(Protocol):
    """Turns bytes into what is stored, and back."""

    def seal(self, data: bytes) -> bytes:
        """As stored."""
        ...

    def open(self, data: bytes) -> bytes:
        """The bytes again.

        Raises:
            StorageError: it was sealed with another key, or is damaged.
        """
        ...

    def name(self, data: bytes) -> str:
        """A blob's name: 32 hexadecimal digits that depend on its content alone."""
        ...

    def serde(self, inner: "SerializerProtocol") -> "SerializerProtocol":
        """A checkpoint codec that seals what the inner one writes."""
        ...


class Plain:
    """Implements `Cipher`: no encryption; the files are for their owner's eyes only."""

    def seal(self, data: bytes) -> bytes:
        """The data itself."""
        return data

    def open(self, data: bytes) -> bytes:
        """The data itself.

        Raises:
            StorageError: it is sealed.
        """
        if data.startswith(SEALED):
            raise StorageError("a record is encrypted: set GREENLOOP_STORE_KEY to its key")
        return data

    def name(self, data: bytes) -> str:
        """BLAKE2b-128 of the content."""
        return hashlib.blake2b(data, digest_size=16).hexdigest()

    def serde(self, inner: "SerializerProtocol") -> "SerializerProtocol":
        """The codec itself."""
        return inner


PLAIN = Plain()
