"""Reading JSON as small models write it, without ever losing or inventing a character.

Strict JSON is tried first. Then: raw newlines, Python's and JavaScript's quotes and literals,
bare keys, comments, stray commas, concatenated strings, unknown escapes, missing final braces.
What could mean two things is read but marked as not lossless, or not read at all.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from greenloop.tools.reader.loose_strings import Unreadable, read_string, string_begins

_MAX_DEPTH = 60
_BLANK = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*|/\*[^*]{0,400}\*/)*")
_SPACE = re.compile(r"\s*")
_BARE_KEY = re.compile(r"[A-Za-z_$][\w$-]*")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z]+(?!\w)")
_WORDS: Mapping[str, object] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
    "undefined": None,
}
_END = re.compile(r"\Z|\s*(?:`{3}|~{3}|</|<\||<\uff5c|\[/)|\n[ \t]*\n|\n[ \t]*(?=[A-Z*#])")
"""What can follow a value whose last braces were forgotten."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A value that was read."""

    value: object
    end: int
    """Offset after it."""
    lossless: bool = True
    unclosed: tuple[int, ...] = ()
    """`id` of every mapping and list whose closing brace is missing."""

    def closed(self, part: object) -> bool:
        """Whether this part of the value had its own closing brace."""
        return id(part) not in self.unclosed


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing could be read."""

    at: int
    cut: bool
    """The text ended within the value."""


def after_blanks(text: str, at: int) -> int:
    """Offset of the first character from an offset on that is no white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def read_value(text: str, start: int) -> Loose | Failed:
    """The mapping, list or string that begins at an offset."""
    if text[start : start + 1] not in ("{", "["):  # a string may go on after its quote
        return _read_loosely(text, start)
    try:
        value, end = _STRICT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return _read_loosely(text, start)
    return Loose(value, end)


def _read_loosely(text: str, start: int) -> Loose | Failed:
    reader = _Reader(text)
    try:
        value, end = reader.value(start, 0)
    except Unreadable as error:
        return Failed(error.at, error.cut)
    except (ValueError, RecursionError):  # a number beyond all measure
        return Failed(start, cut=False)
    return Loose(value, end, reader.lossless, tuple(reader.unclosed))


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if any(found[key] != value for key, value in pairs):
        raise ValueError("a key with two values")
    return found


_STRICT = json.JSONDecoder(object_pairs_hook=_without_doubles)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lossless = True
        self.unclosed: list[int] = []

    def value(self, at: int, depth: int) -> tuple[object, int]:
        char = self.text[at : at + 1]
        if depth > _MAX_DEPTH:
            raise Unreadable(at, cut=False)
        if char == "{":
            return self._mapping(at + 1, depth)
        if char in ("[", "(") and (char == "[" or depth):
            return self._list(at + 1, depth, "]" if char == "[" else ")")
        if string_begins(self.text, at):
            return self._joined(at)
        return self._scalar(at)

    def _blank(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at

    def _joined(self, at: int) -> tuple[str, int]:
        """A string, or several with `+` between them."""
        parts = []
        while True:
            string = read_string(self.text, at)
            self.lossless = self.lossless and string.lossless
            parts.append(string.value)
            after = self._blank(string.end)
            if self.text[after : after + 1] != "+":
                return "".join(parts), string.end
            at = self._blank(after + 1)
            if not string_begins(self.text, at):
                raise Unreadable(at, cut=at >= len(self.text))

    def _scalar(self, at: int) -> tuple[object, int]:
        number = _NUMBER.match(self.text, at)
        if number:
            token = number.group()
            whole = re.fullmatch(r"[-+]?\d+", token)
            return (int(token) if whole else float(token)), number.end()
        word = _WORD.match(self.text, at)
        if word and word.group() in _WORDS:
            return _WORDS[word.group()], word.end()
        raise Unreadable(at, cut=at >= len(self.text))

    def _mapping(self, at: int, depth: int) -> tuple[dict[str, object], int]:
        found: dict[str, object] = {}
        while True:
            at, done = self._next(at, "}", found)
            if done:
                return found, at
            key, at = self._key(at)
            at = self._blank(at)
            if self.text[at : at + 1] not in (":", "=", "："):
                raise Unreadable(at, cut=at >= len(self.text))
            value, at = self.value(self._blank(at + 1), depth + 1)
            if key in found and found[key] != value:
                self.lossless = False
            found[key] = value
            at = self._separated(at, "}")

    def _list(self, at: int, depth: int, closing: str) -> tuple[list[object], int]:
        found: list[object] = []
        while True:
            at, done = self._next(at, closing, found)
            if done:
                return found, at
            value, at = self.value(at, depth + 1)
            found.append(value)
            at = self._separated(at, closing)

    def _next(self, at: int, closing: str, container: object) -> tuple[int, bool]:
        """Offset of the next item; or after the container, and True."""
        begin = at
        at = self._blank(at)
        while self.text[at : at + 1] in (",", "，"):
            at = self._blank(at + 1)
        if self.text[at : at + 1] == closing:
            return at + 1, True
        if container and self.text[begin : begin + 1] not in (",", "，") and self._ends(begin):
            self.unclosed.append(id(container))
            return begin, True
        return at, False

    def _ends(self, at: int) -> bool:
        while self.text[at : at + 1] in (" ", "\t"):
            at += 1
        rest = _END.match(self.text, at)
        return rest is not None or not self.text[at:].strip()

    def _separated(self, at: int, closing: str) -> int:
        """Offset of what must follow an item: a comma, the end, or where braces are missing."""
        after = self._blank(at)
        follows = self.text[after : after + 1]
        if follows in (",", "，") or follows == closing:
            return after
        if self._ends(at):
            return at
        if follows in ('"', "'") and "\n" in self.text[at:after]:
            self.lossless = False  # a comma forgotten at a line's end, or a quote not escaped
            return after
        raise Unreadable(after, cut=after >= len(self.text))

    def _key(self, at: int) -> tuple[str, int]:
        if string_begins(self.text, at):
            string = read_string(self.text, at)
            return string.value, string.end
        bare = _BARE_KEY.match(self.text, at)
        if not bare:
            raise Unreadable(at, cut=at >= len(self.text))
        return bare.group(), bare.end()
