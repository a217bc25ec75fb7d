"""Large content by its hash in the database's own table, where no folder is shared."""

import itertools
import time
import zlib
from collections.abc import Iterable, Iterator

from greenloop.checkpoints.blobs import YOUNG_S, Stored, encode, pack, unpack
from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.databases.base import Database
from greenloop.errors import StorageError

_DIGITS = 32
"""In the name of a blob; the record of the store's key, in the same table, has another."""
_AT_ONCE = 200
"""Blobs removed by one statement."""


class TableBlobs:
    """Implements `Blobs`: rows of the table `blobs`."""

    def __init__(self, database: Database, cipher: Cipher = PLAIN) -> None:
        self._database = database
        self._cipher = cipher

    def put(self, content: str) -> str:
        """See `Blobs.put`; one statement, so that nobody can remove it in between."""
        data = encode(content)
        ref = self._cipher.name(data)
        self._database.execute(
            "INSERT INTO blobs (ref, data, at) VALUES (?, ?, ?) "
            "ON CONFLICT (ref) DO UPDATE SET at = excluded.at",
            (ref, pack(data, self._cipher), time.time()),
        )
        return ref

    def get(self, ref: str) -> str:
        """See `Blobs.get`."""
        rows = self._database.execute("SELECT data FROM blobs WHERE ref = ?", (ref,))
        where = f"the record {ref} in {self._database.place}"
        if not rows:
            raise StorageError(f"{where} is missing: restore a backup of the database")
        try:
            return unpack(bytes(rows[0][0]), self._cipher)
        except zlib.error as error:
            raise StorageError(
                f"{where} is damaged ({error}): restore a backup of the database"
            ) from error

    def stored(self) -> Iterator[Stored]:
        """See `Blobs.stored`."""
        rows = self._database.execute(
            "SELECT ref, length(data) FROM blobs WHERE length(ref) = ? ORDER BY ref", (_DIGITS,)
        )
        return (Stored(str(ref), int(size)) for ref, size in rows)

    def remove(self, refs: Iterable[str], younger: float = YOUNG_S) -> None:
        """See `Blobs.remove`; the age is looked at when the row is locked."""
        end, left = time.time() - younger, iter(refs)
        while some := tuple(itertools.islice(left, _AT_ONCE)):
            marks = ", ".join("?" * len(some))
            self._database.execute(
                f"DELETE FROM blobs WHERE ref IN ({marks}) AND at <= ?", (*some, end)
            )
