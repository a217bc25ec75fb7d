"""Bytes of a text file to text with plain newlines and back, changing only what an edit means to.

Encoding, byte order mark and the line ends of untouched lines survive the round trip exactly.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Newline = Literal["\n", "\r\n", "\r"]
_NEWLINES: tuple[Newline, ...] = ("\n", "\r\n", "\r")

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
"""The encoding declaration of PEP 263, in one of the first two lines."""
_NOT_IN_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
"""Control bytes that no text in a one-byte encoding holds."""
_MAX_DIFF_CELLS = 4_000_000
"""Lines times lines that may be compared to keep mixed line ends."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text and all that is needed to write it back in the same form."""

    text: str
    """With `\\n` as the only line end and without the byte order mark."""
    encoding: str
    newline: Newline
    """The most frequent line end; `\\n` where there is none."""
    bom: bool
    line_ends: tuple[str, ...] = ()
    """Every line's own end, only where they are mixed."""


PLAIN = Decoded(text="", encoding="utf-8", newline="\n", bom=False)
"""The form of a new file."""


def decode(data: bytes) -> Decoded | None:
    """Read bytes as text; None if they are binary.

    Tried in order: a byte order mark, UTF-8, a declared encoding (PEP 263), Windows-1252,
    Latin-1; whatever is chosen encodes back to the same bytes.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_as(data[len(mark) :], encoding, bom=True)
    decoded = _decode_as(data, "utf-8")
    if decoded is not None or _NOT_IN_TEXT.search(data):
        return decoded
    candidates = (_decode_as(data, encoding) for encoding in _legacy_encodings(data))
    return next((found for found in candidates if found is not None), None)


def encode(text: str, like: Decoded = PLAIN) -> bytes:
    """Write text in the form of an earlier content: encoding, mark and line ends.

    Lines that stayed or were changed keep their own line end; new ones get the most frequent.

    Raises:
        UnicodeEncodeError: the encoding has no such character.
    """
    text = _LINE_END.sub("\n", text).removeprefix("\ufeff")
    if like.line_ends:
        text = _with_old_line_ends(text, like)
    elif like.newline != "\n":
        text = text.replace("\n", like.newline)
    mark = next((m for m, name in _MARKS if name == like.encoding), b"") if like.bom else b""
    return mark + text.encode(like.encoding)


def _legacy_encodings(data: bytes) -> Iterator[str]:
    declared = _DECLARED.match(data)
    if declared:
        yield declared.group(1).decode("ascii")
    yield "cp1252"
    yield "latin-1"


def _decode_as(data: bytes, encoding: str, bom: bool = False) -> Decoded | None:
    try:
        raw = data.decode(encoding)
        exact = raw.encode(encoding) == data
    except (UnicodeError, LookupError):
        return None
    if not exact or "\0" in raw:
        return None
    ends = _LINE_END.findall(raw)
    counts = Counter(ends)
    newline = max(_NEWLINES, key=lambda end: counts[end])
    mixed = tuple(ends) if len(counts) > 1 else ()
    return Decoded(_LINE_END.sub("\n", raw), encoding, newline, bom, mixed)


def _with_old_line_ends(text: str, like: Decoded) -> str:
    old, new = like.text.split("\n"), text.split("\n")
    ends: list[str] = [like.newline] * len(new)
    for old_at, new_at in _same_places(old, new):
        if old_at < len(like.line_ends):
            ends[new_at] = like.line_ends[old_at]
    ends[-1] = ""
    return "".join(line + end for line, end in zip(new, ends, strict=True))


def _same_places(old: list[str], new: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of indices: lines that stayed, and lines that replaced each other."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    limit = shorter - head
    tail = next((i for i in range(limit) if old[-1 - i] != new[-1 - i]), limit)
    yield from ((at, at) for at in range(head))
    yield from ((len(old) - at, len(new) - at) for at in range(1, tail + 1))
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(old_middle) * len(new_middle) > _MAX_DIFF_CELLS:
        return
    matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
    for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        pairs = zip(range(old_start, old_end), range(new_start, new_end), strict=False)
        yield from ((head + old_at, head + new_at) for old_at, new_at in pairs)
