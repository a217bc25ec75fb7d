"""Reads the rows out of an SQLite file page by page, without trusting how its pages hang together.

For damaged files: SQLite itself gives up at the first page that is wrong. Follows the description
of the file format, https://www.sqlite.org/fileformat2.html.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Field = str | int | float | bytes | None

MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = 4096
"""Where neither the file nor its log tells: SQLite's own default."""
_TABLE, _ROWS, _INDEX, _KEYS = 0x05, 0x0D, 0x02, 0x0A
"""Kinds of page: inner pages and leaves of tables, inner pages and leaves of indexes. A table
WITHOUT ROWID is an index whose keys are whole rows."""
_LOCK_BYTE = 1 << 30
"""The page that holds this byte is never used."""
_WAL_MAGIC = 0x377F0682
"""The last bit tells the byte order of the checksums."""
_WIDTHS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
"""Bytes of a value by its serial type, up to 9."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or one key of an index."""

    keyed: bool
    """It lies in an index, as the rows of a table WITHOUT ROWID do."""
    fields: tuple[Field, ...]


@dataclass(slots=True)
class SqliteFile:
    """The pages of a database file with its write-ahead log."""

    data: bytes
    size: int
    """Bytes of a page."""
    usable: int
    """Bytes of it that hold content."""
    newer: dict[int, bytes] = field(default_factory=dict)
    """Pages of the log that were committed, by number from 1."""
    count: int = 0
    broken: set[int] = field(default_factory=set)
    """Pages that hold something that could not be read; known when all rows were read."""
    header: bool = True
    """Whether the file's first bytes are in order; without them deleted rows may come back."""

    def rows(self) -> Iterator[Row]:
        """Every row and key on every page that is in use, in the order of the pages."""
        read = self._free()
        self.broken.clear()
        for number in range(1, self.count + 1):
            if number in read or number == _LOCK_BYTE // self.size + 1:
                read.add(number)
                continue
            page = self._page(number)
            kind = page[100] if number == 1 else page[0]
            if kind in (_TABLE, _ROWS, _INDEX, _KEYS):
                read.add(number)
                yield from self._cells(number, page, read)
        # Nothing accounts for the rest: no leaf, no free page, no part of a long row.
        self.broken |= set(range(1, self.count + 1)) - read

    def _page(self, number: int) -> bytes:
        start = (number - 1) * self.size
        found = self.newer.get(number) or self.data[start : start + self.size]
        return found.ljust(self.size, b"\0")

    def _free(self) -> set[int]:
        """Pages on the list of free ones."""
        free: set[int] = set()
        trunk = _word(self._page(1), 32) if self.header and self.count else 0
        while 0 < trunk <= self.count and trunk not in free:
            page = self._page(trunk)
            free.add(trunk)
            trunk, leaves = _word(page, 0), min(_word(page, 4), self.usable // 4 - 2)
            free.update(_word(page, 8 + 4 * each) for each in range(leaves))
        return free

    def _cells(self, number: int, page: bytes, read: set[int]) -> Iterator[Row]:
        start = 100 if number == 1 else 0
        kind = page[start]
        (cells,) = struct.unpack_from(">H", page, start + 3)
        pointers = start + (8 if kind in (_ROWS, _KEYS) else 12)
        if pointers + 2 * cells > self.usable:
            self.broken.add(number)
            return
        if kind == _TABLE:
            return
        for (pointer,) in struct.iter_unpack(">H", page[pointers : pointers + 2 * cells]):
            try:
                if pointer < pointers + 2 * cells:
                    raise ValueError("a cell within the page's own head")
                at = pointer + (4 if kind == _INDEX else 0)
                yield Row(kind != _ROWS, _fields(self._payload(page, at, kind == _ROWS, read)))
            except (ValueError, IndexError, struct.error):
                self.broken.add(number)

    def _payload(self, page: bytes, at: int, table: bool, read: set[int]) -> bytes:
        """The bytes of a row, put together from the pages that they overflow into."""
        length, at = _varint(page, at)
        if table:
            _, at = _varint(page, at)
        if length > len(self.data) + len(self.newer) * self.size:
            raise ValueError("longer than the file")
        local = self._local(length, table)
        if at + local > self.usable:
            raise ValueError("beyond the page's end")
        parts, left, used = [page[at : at + local]], length - local, []
        following = _word(page, at + local) if left else 0
        while left > 0:
            if not 1 < following <= self.count or following in used or following in read:
                raise ValueError("leads nowhere")
            used.append(following)
            more = self._page(following)
            parts.append(more[4 : min(4 + left, self.usable)])
            left -= len(parts[-1])
            following = _word(more, 0)
        read.update(used)
        return b"".join(parts)

    def _local(self, length: int, table: bool) -> int:
        """Bytes of a row that lie in its own page ("Cell Payload Overflow Pages")."""
        usable = self.usable
        most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return length
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        return local if local <= most else least


def read_sqlite(path: Path) -> SqliteFile:
    """The file and its log as they lie there; nothing is written.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    log = path.with_name(f"{path.name}-wal")
    wal = log.read_bytes() if log.exists() else b""
    newer, whole, size = _committed(wal)
    head = newer.get(1, data[:100])
    header = head[:16] == MAGIC
    if header:
        size = int.from_bytes(head[16:18], "big")
        size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        header, size = False, _PAGE_SIZE
    usable = size - (head[20] if header else 0)
    count = whole or -(-len(data) // size)
    return SqliteFile(data, size, usable, newer, count, header=header)


def _committed(wal: bytes) -> tuple[dict[int, bytes], int, int]:
    """The log's pages up to the last commit that is whole; pages of the database; page size."""
    pages: dict[int, bytes] = {}
    if len(wal) < 32:
        return pages, 0, 0
    magic, _, size = struct.unpack_from(">III", wal)
    order = ">" if magic & 1 else "<"
    sums = _checksum(wal[:24], (0, 0), order)
    if magic & ~1 != _WAL_MAGIC or sums != struct.unpack_from(">II", wal, 24) or size < 512:
        return pages, 0, 0
    waiting: dict[int, bytes] = {}
    whole = 0
    for at in range(32, len(wal) - 23 - size, 24 + size):
        page = wal[at + 24 : at + 24 + size]
        sums = _checksum(page, _checksum(wal[at : at + 8], sums, order), order)
        if wal[at + 8 : at + 16] != wal[16:24] or sums != struct.unpack_from(">II", wal, at + 16):
            break
        waiting[_word(wal, at)] = page
        if commit := _word(wal, at + 4):
            pages.update(waiting)
            waiting, whole = {}, commit
    return pages, whole, size


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """SQLite's checksum of a log ("Checksum Algorithm")."""
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}II", data):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def _fields(payload: bytes) -> tuple[Field, ...]:
    """The values of a record ("Record Format").

    Raises:
        ValueError: it is none.
    """
    end, at = _varint(payload, 0)
    if not 0 < end <= len(payload):
        raise ValueError("no record")
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values, at = [], end
    for kind in kinds:
        width = _WIDTHS[kind] if kind < 10 else (kind - 12) // 2
        if kind in (10, 11) or at + width > len(payload):
            raise ValueError("no value")
        values.append(_value(kind, payload[at : at + width]))
        at += width
    if at != len(payload):
        raise ValueError("something is left over")
    return tuple(values)


def _value(kind: int, data: bytes) -> Field:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        return float(struct.unpack(">d", data)[0])
    if kind < 7:
        return int.from_bytes(data, "big", signed=True)
    return data.decode("utf-8") if kind % 2 else data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for used in range(8):
        byte = data[at + used]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + used + 1
    return value << 8 | data[at + 8], at + 9


def _word(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])
