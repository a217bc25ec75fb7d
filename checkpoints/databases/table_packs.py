"""Snapshots in the database's own table: packs of git objects, each in parts.

Part 0 is a pack's head: 16 random bytes, by which a writer knows its own, and the length of the
rest in 8. Numbers only go up, and a number is seen only after those below it.
"""

import secrets
import struct
from collections.abc import Iterator

from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.databases.base import Database
from greenloop.errors import StorageError

PART = 4 * 1024 * 1024
"""Bytes in a row. A PostgreSQL value ends at 1 GB, SQLite's at 10^9 bytes; parts far below that
bound the memory that client and server take for one statement."""
_HEAD = struct.Struct(">16sQ")


class TablePacks:
    """Implements `PackMirror`: rows of the table `packs` of one store."""

    def __init__(self, database: Database, store: str, cipher: Cipher = PLAIN) -> None:
        self._database = database
        self._store = store
        self._cipher = cipher
        self._known = 0
        """The caller has what is in every pack up to this number."""

    def push(self, pack: bytes) -> int:
        """Keep a pack behind the others; it is on record when this returns, under that number.

        Raises:
            StorageError: it cannot be written.
        """
        return self._add(pack, replacing=False)

    def pull(self, after: int) -> Iterator[tuple[int, bytes]]:
        """The packs with a higher number, in order.

        Args:
            after: the caller has what is in the packs up to this number.

        Raises:
            StorageError: one cannot be read.
        """
        self._known = max(self._known, after)
        while (found := self._first_behind(after)) is not None:
            number, head = found
            pack = self._read(number, head)
            if pack is not None:
                yield number, pack
                after = self._known = number

    def replace(self, pack: bytes) -> int:
        """Keep this pack in place of all that were pulled and pushed here.

        All of that or nothing is done. What others pushed since the last pull stays: it is in no
        pack that the caller could have made.

        Raises:
            StorageError: it cannot be written.
        """
        return self._add(pack, replacing=True)

    def holds(self, number: int) -> bool:
        """Whether there is a pack of that number; its content is not fetched.

        Raises:
            StorageError: the database cannot be read.
        """
        found = self._first_behind(number - 1)
        return found is not None and found[0] == number

    def _add(self, pack: bytes, *, replacing: bool) -> int:
        data = self._cipher.seal(pack)
        head = _HEAD.pack(secrets.token_bytes(16), len(data))
        number = 0
        while not number:
            with self._database.transaction():
                number = self._claim(head)
                if number and replacing:
                    self._database.execute(
                        "DELETE FROM packs WHERE store = ? AND number <= ?",
                        (self._store, self._known),
                    )
                if number:
                    self._write(number, data)
        if number == self._known + 1:
            self._known = number
        return number

    def _claim(self, head: bytes) -> int:
        """Take the next number; 0 if another writer was quicker.

        A claim waits until the transaction of one that has it already is through.
        """
        number = self._last() + 1
        key = (self._store, number, 0)
        self._database.execute(
            "INSERT INTO packs (store, number, part, data) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (store, number, part) DO NOTHING",
            (*key, head),
        )
        rows = self._database.execute(
            "SELECT data FROM packs WHERE store = ? AND number = ? AND part = ?", key
        )
        return number if rows and bytes(rows[0][0]) == head else 0

    def _write(self, number: int, data: bytes) -> None:
        for part, start in enumerate(range(0, len(data), PART), 1):
            self._database.execute(
                "INSERT INTO packs (store, number, part, data) VALUES (?, ?, ?, ?)",
                (self._store, number, part, data[start : start + PART]),
            )

    def _last(self) -> int:
        ((last,),) = self._database.execute(
            "SELECT max(number) FROM packs WHERE store = ?", (self._store,)
        )
        return int(last or 0)

    def _first_behind(self, after: int) -> tuple[int, bytes] | None:
        rows = self._database.execute(
            "SELECT number, data FROM packs WHERE store = ? AND number > ? AND part = 0 "
            "ORDER BY number LIMIT 1",
            (self._store, after),
        )
        return (int(rows[0][0]), bytes(rows[0][1])) if rows else None

    def _read(self, number: int, head: bytes) -> bytes | None:
        """A pack, or None if it was replaced meanwhile.

        Raises:
            StorageError: a part is missing, or it was sealed with another key.
        """
        parts = self._database.execute(
            "SELECT data FROM packs WHERE store = ? AND number = ? AND part > 0 ORDER BY part",
            (self._store, number),
        )
        data = b"".join(bytes(part) for (part,) in parts)
        if len(head) == _HEAD.size and len(data) == _HEAD.unpack(head)[1]:
            return self._cipher.open(data)
        if self._first_behind(number - 1) != (number, head):
            return None
        raise StorageError(
            f"snapshots in {self._database.place} are damaged: pack {number} of {self._store} is "
            "not whole; restore a backup of the database"
        )
