"""The rows of a damaged database, told apart by their shape, and what is missing among them."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.databases.base import Database
from greenloop.checkpoints.databases.saver import NUMBER
from greenloop.checkpoints.databases.sqlite_pages import Field, SqliteFile
from greenloop.checkpoints.events import CHECKPOINTS
from greenloop.checkpoints.shape import check_state
from greenloop.errors import StorageError

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

KEYS = {
    "threads": 1,
    "events": 3,
    "journal": 3,
    "checkpoints": 3,
    "writes": 6,
    "blobs": 1,
    "packs": 3,
}
"""The tables, and by how many of its first columns a row of them is known."""
_FIRST_WIDTHS = {"threads": 12, "events": 11}
"""Columns that these tables had at first; a row of then lacks those that came later."""
_KEYED = ("events", "journal")
"""Tables WITHOUT ROWID."""
_TYPES: dict[str, tuple[type, ...]] = {
    "TEXT": (str,),
    "INTEGER": (int,),
    "REAL": (float, int),
    "BLOB": (bytes,),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table's columns, as the new database has them."""

    name: str
    columns: tuple[str, ...]
    types: tuple[tuple[type, ...], ...]
    nullable: tuple[bool, ...]

    def fits(self, row: Sequence[Field], *, keyed: bool) -> bool:
        """Whether it may be a row of this table, by its shape."""
        least = _FIRST_WIDTHS.get(self.name, len(self.columns))
        if keyed != (self.name in _KEYED) or not least <= len(row) <= len(self.columns):
            return False
        kinds = zip(row, self.types, self.nullable, strict=False)
        return all(
            isinstance(value, types) or (value is None and may) for value, types, may in kinds
        )


@dataclass(slots=True)
class Found:
    """The rows of the damaged file by table and key, and what is known to be missing."""

    rows: dict[str, dict[tuple[Field, ...], tuple[Field, ...]]] = field(
        default_factory=lambda: {name: {} for name in KEYS}
    )
    names: set[str] = field(default_factory=set)
    """Of threads, from an index: also of those whose row is lost."""
    unreadable: set[str] = field(default_factory=set)
    """Threads with a record whose content is damaged."""


def tables_of(database: Database) -> Iterator[Table]:
    """The tables as a new SQLite database has them."""
    for name in KEYS:
        info = database.execute(f"PRAGMA table_info({name})")
        yield Table(
            name,
            tuple(str(column[1]) for column in info),
            tuple(_TYPES[str(column[2])] for column in info),
            tuple(not column[3] and not column[5] for column in info),
        )


def sort_rows(file: SqliteFile, tables: list[Table]) -> Found:
    """Tell by its shape to which table a row belongs: how the pages hang together may be wrong."""
    found = Found()
    for row in file.rows():
        table = next((each for each in tables if each.fits(row.fields, keyed=row.keyed)), None)
        if table is not None:
            rows = found.rows[table.name]
            key = row.fields[: KEYS[table.name]]
            rows[key] = _newer(table, rows.get(key), _today(table, row.fields))
        elif row.keyed and len(row.fields) == 2 and isinstance(row.fields[0], str):
            found.names.add(row.fields[0])  # the index of the threads, or of the blobs
    return found


def _today(table: Table, row: tuple[Field, ...]) -> tuple[Field, ...]:
    """The row with the columns that were added since, as the migration fills them."""
    added = ["" if str in types else 0 for types in table.types[len(row) :]]
    if table.name == "events" and added and row[4] in ("finished", "undo"):
        return (*row[:5], "", *row[6:], row[5])
    return (*row, *added)


def _newer(
    table: Table, old: tuple[Field, ...] | None, new: tuple[Field, ...]
) -> tuple[Field, ...]:
    """Of two rows with one key, which only a destroyed head brings about, the later one."""
    column = {"threads": "updated", "events": "at"}.get(table.name)
    if old is None or column is None:
        return new
    at = table.columns.index(column)
    return max(old, new, key=lambda row: float(row[at] or 0))


def check_contents(found: Found, serde: "SerializerProtocol") -> None:
    """Drop records whose content cannot be decoded: SQLite keeps no checksums of its pages.

    Args:
        found: the rows; what is dropped leaves its thread's name among the unreadable.
        serde: decodes checkpoints.
    """
    for table, kind, data in (("checkpoints", 4, 5), ("writes", 7, 8)):
        for key, row in list(found.rows[table].items()):
            try:
                value = serde.loads_typed((str(row[kind]), row[data] or b""))  # type: ignore[arg-type]
                if table == "checkpoints":
                    check_state(value["channel_values"], str(key[0]))
                    json.loads(row[6])  # type: ignore[arg-type]
            except (StorageError, ValueError, TypeError, KeyError):
                del found.rows[table][key]
                found.unreadable.add(str(key[0]))
    for key, row in list(found.rows["threads"].items()):
        try:
            json.loads(str(row[5]))
        except ValueError:
            del found.rows["threads"][key]


def gaps(found: Found, threads: set[str]) -> set[str]:
    """Threads of which rows are missing, by the numbers that count them."""
    events: dict[str, list[tuple[Any, ...]]] = {name: [] for name in threads}
    checkpoints: dict[str, list[tuple[Any, ...]]] = {name: [] for name in threads}
    for table, rows in (("events", events), ("checkpoints", checkpoints)):
        for key, row in found.rows[table].items():
            rows.setdefault(str(key[0]), []).append(row)
    return {
        name
        for name in threads
        if _events_missing(events[name])
        or _checkpoints_missing(checkpoints[name], _last_step(events[name]))
    }


def _last_step(events: list[tuple[Any, ...]]) -> int:
    return max((row[1] for row in events if row[4] in CHECKPOINTS), default=0)


def _events_missing(events: list[tuple[Any, ...]]) -> bool:
    counts = Counter(row[1] for row in events)
    last: dict[int, int] = {}
    for row in events:
        last[row[1]] = max(row[2], last.get(row[1], 0))
    if any(counts[step] != last[step] + 1 for step in counts):
        return True
    ended = {row[1] for row in events if row[4] in CHECKPOINTS}
    return not set(range(1, _last_step(events) + 1)) <= ended


def _checkpoints_missing(rows: list[tuple[Any, ...]], last: int) -> bool:
    ids = {row[2] for row in rows}
    if any(row[3] is not None and row[3] not in ids for row in rows):
        return True
    numbers = {json.loads(row[6]).get(NUMBER) for row in rows}
    if None in numbers:  # from before checkpoints were numbered: the start, the input, each step
        return len(rows) < last + 1
    return not set(range(1, last + 1)) <= numbers
