"""Texts that a database's text column refuses, as ones that every database takes and gives back.

PostgreSQL has no NUL in texts, and no UTF-8 column holds the halves of surrogate pairs by which
Python writes file names of other bytes.
"""

import re
from collections.abc import Iterable, Sequence

from greenloop.checkpoints.databases.base import Row, Value

_MARK = "\uffff"
"""A noncharacter: Unicode keeps it free for a program's own use, so it is in no real text."""
_AWKWARD = re.compile(f"[\x00\ud800-\udfff{_MARK}]")
_WRITTEN = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def storable(text: str) -> str:
    """The text as it can be stored: awkward characters as a mark and four hexadecimal digits."""
    return _AWKWARD.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def original(text: str) -> str:
    """The text that was stored."""
    if _MARK not in text:
        return text
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), text)


def given(values: Sequence[Value]) -> tuple[Value, ...]:
    """A statement's values as they can be stored."""
    return tuple(storable(value) if isinstance(value, str) else value for value in values)


def taken(rows: Iterable[Row]) -> list[Row]:
    """Rows as they were given."""
    return [
        tuple(original(value) if isinstance(value, str) else value for value in row) for row in rows
    ]
