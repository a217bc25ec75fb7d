"""Encryption of checkpoints and blobs with the user's key: AES in EAX mode, from pycryptodome.

The key may be any words; scrypt makes it slow to guess. What is needed to derive the same key
again, but not the key, is kept beside the database.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenloop.checkpoints.cipher import PLAIN, SEALED, Cipher
from greenloop.checkpoints.databases.base import Database
from greenloop.checkpoints.private import private_folder, write_durably
from greenloop.errors import StorageError, UserError

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

KEY_FILE = "encryption.json"
"""Beside the database: the salt, the cost of the derivation, and a check of the key."""
KEY_ROW = "encryption"
"""Name of that record in the table of blobs, where a database is shared by machines."""

_N, _R, _P = 2**15, 8, 3
"""Cost of scrypt (RFC 7914): 32 MiB, three times; one of the settings that OWASP's password
storage cheat sheet asks for."""
_SALT = _NONCE = _TAG = 16
"""Bytes. LangGraph's encrypted records have the same nonce and tag, in the same order. EAX takes a
random nonce of this length for as many records as there will ever be; GCM's is shorter."""


class KeyPlace(Protocol):
    """Where the record of a store's key is kept."""

    def read(self) -> str:
        """The record; empty when the store was never encrypted."""
        ...

    def write(self, record: str) -> str:
        """Keep the record unless there is one; returns the one that is kept.

        Raises:
            StorageError: it cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Implements `KeyPlace`: a file in the data folder."""

    path: Path

    def read(self) -> str:
        """See `KeyPlace.read`."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StorageError(
                f"cannot read {self.path}: {error.strerror}; without it nothing can be decrypted"
            ) from error

    def write(self, record: str) -> str:
        """See `KeyPlace.write`."""
        fresh = self.path.with_name(f"{KEY_FILE}.{os.getpid()}")
        try:
            private_folder(self.path.parent)
            write_durably(fresh, record.encode())
            try:
                self.path.hardlink_to(fresh)  # of two processes that come at once one is first
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}") from error
        return self.read()


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Implements `KeyPlace`: a row in a database that several machines use."""

    database: Database

    def read(self) -> str:
        """See `KeyPlace.read`."""
        rows = self.database.execute("SELECT data FROM blobs WHERE ref = ?", (KEY_ROW,))
        return bytes(rows[0][0]).decode("utf-8", "replace") if rows else ""

    def write(self, record: str) -> str:
        """See `KeyPlace.write`."""
        self.database.execute(
            "INSERT INTO blobs (ref, data) VALUES (?, ?) ON CONFLICT (ref) DO NOTHING",
            (KEY_ROW, record.encode()),
        )
        return self.read()


@dataclass(frozen=True, slots=True)
class _Keys:
    """What scrypt makes of the user's key: two keys of 256 bits."""

    content: bytes
    names: bytes

    @property
    def check(self) -> str:
        """Tells a wrong key from the right one, and nothing else."""
        return hashlib.blake2b(b"check", key=self.names, digest_size=16, person=b"key").hexdigest()


def cipher_for(root: Path, key: str) -> Cipher:
    """The cipher of the store in a data folder; see `cipher_at`."""
    return cipher_at(KeyFile(root / KEY_FILE), key, str(root))


def cipher_at(place: KeyPlace, key: str, shown: str) -> Cipher:
    """The cipher of a store.

    The first key that is given to a store becomes its key: all that is written from then on is
    encrypted, and none is read or written without it. What is there already stays as it is, and
    readable.

    Args:
        place: where the record of the store's key is.
        key: the user's key or passphrase, of any length; empty for none.
        shown: the store's name for messages.

    Raises:
        UserError: the store is encrypted and no key, or another one, is given; or pycryptodome is
            not installed.
        StorageError: the record cannot be read or written.
    """
    record = place.read()
    if not key:
        if record:
            raise UserError(
                f"the store in {shown} is encrypted: set GREENLOOP_STORE_KEY to its key"
            )
        return PLAIN
    _require_package()
    if not record:
        salt = os.urandom(_SALT)
        made = {"kdf": "scrypt", "salt": salt.hex(), "n": _N, "r": _R, "p": _P}
        made["check"] = _derive(key, salt, _N, _R, _P).check
        record = place.write(json.dumps(made))
    keys, check = _keys(record, key, shown)
    if keys.check != check:
        raise UserError(
            f"GREENLOOP_STORE_KEY is not the key that the store in {shown} was encrypted with: "
            "set the one that it was, or another data_dir"
        )
    return AesCipher(keys)


def _keys(record: str, key: str, shown: str) -> tuple[_Keys, str]:
    try:
        known = json.loads(record)
        salt, cost = bytes.fromhex(known["salt"]), [int(known[name]) for name in "nrp"]
        return _derive(key, salt, *cost), str(known["check"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the record of the key of the store in {shown} is damaged ({KEY_FILE}): put it back "
            "from a backup; without it nothing can be decrypted"
        ) from error


@lru_cache(maxsize=4)
def _derive(key: str, salt: bytes, n: int, r: int, p: int) -> _Keys:
    """Slow on purpose, so once per process."""
    memory = 2 * 128 * r * (n + p)  # twice what RFC 7914 counts
    made = hashlib.scrypt(
        key.encode("utf-8", "surrogateescape"), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=64
    )
    return _Keys(made[:32], made[32:])


def _require_package() -> None:
    try:
        import Crypto.Cipher.AES  # noqa: F401, PLC0415
    except ImportError as error:
        raise UserError(
            "encryption needs a package that is not installed: "
            "pip install 'greenloop[encryption]', or unset GREENLOOP_STORE_KEY"
        ) from error


class AesCipher:
    """Implements `Cipher`: AES-256-EAX, with names that only the key's owner can compute."""

    def __init__(self, keys: _Keys) -> None:
        self._keys = keys

    def seal(self, data: bytes) -> bytes:
        """See `Cipher.seal`."""
        return SEALED + self.encrypt(data)[1]

    def open(self, data: bytes) -> bytes:
        """See `Cipher.open`; what was stored before the store had a key is not sealed."""
        if not data.startswith(SEALED):
            return data
        return self.decrypt(_NAME, data[len(SEALED) :])

    def name(self, data: bytes) -> str:
        """See `Cipher.name`: keyed BLAKE2b-128, so that nobody can tell a content by its name."""
        return hashlib.blake2b(data, key=self._keys.names, digest_size=16).hexdigest()

    def serde(self, inner: "SerializerProtocol") -> "SerializerProtocol":
        """LangGraph's own encrypted codec around the inner one, which stays as strict as it is.

        LangGraph's compiler knows this class and extends the list of allowed classes within it;
        a wrapper of another class would make it give the list up.
        """
        from langgraph.checkpoint.serde.encrypted import EncryptedSerializer  # noqa: PLC0415

        return EncryptedSerializer(self, inner)

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """LangGraph's cipher protocol: the cipher's name; nonce, tag and ciphertext.

        The very format of `EncryptedSerializer.from_pycryptodome_aes`.
        """
        from Crypto.Cipher import AES  # noqa: PLC0415

        aes = AES.new(self._keys.content, AES.MODE_EAX)
        ciphertext, tag = aes.encrypt_and_digest(plaintext)
        return _NAME, aes.nonce + tag + ciphertext

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """The bytes again.

        Raises:
            StorageError: the record is damaged or was sealed with another key.
        """
        from Crypto.Cipher import AES  # noqa: PLC0415

        nonce, tag = ciphertext[:_NONCE], ciphertext[_NONCE : _NONCE + _TAG]
        try:
            if ciphername != _NAME:
                raise ValueError(f"the cipher {ciphername!r} is unknown")
            aes = AES.new(self._keys.content, AES.MODE_EAX, nonce=nonce)
            return aes.decrypt_and_verify(ciphertext[_NONCE + _TAG :], tag)
        except ValueError as error:
            raise StorageError(
                "an encrypted record is damaged, or was sealed with another key: "
                "`greenloop doctor` looks at the whole store"
            ) from error


_NAME = "aes"
