"""Strings in every notation that models put into JSON, read without loss or said to be doubtful."""

import re
from dataclasses import dataclass

_TRIPLES = ('"""', "'''")
_PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’"}
_MARKS = ('<|"|>', "<escape>")
"""Quotes of Gemma's own notation."""
_PREFIX = re.compile(r"[rRbBfFuU]{1,2}(?=[\"'])")
_FOLLOWS = re.compile(r"\s*(?:[,}\]):=+，：]|//|/\*|#|\Z|</|<\||`{3}|\n)")
"""What may come after a string; anything else shows that a quote inside it was not escaped."""
_ENDS_TRIPLE = re.compile(r"\s*(?:[,}\])+]|\Z)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\n|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "\n": ""}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Unreadable(ValueError):
    """The text at an offset is no value; `cut` when it ended too early."""

    def __init__(self, at: int, *, cut: bool) -> None:
        super().__init__(f"nothing readable at {at}")
        self.at = at
        self.cut = cut


@dataclass(frozen=True, slots=True)
class String:
    """A string that was read."""

    value: str
    end: int
    """Offset after its closing quote."""
    lossless: bool


def string_begins(text: str, at: int) -> bool:
    """Whether a quote, with or without Python's prefix letters, stands at an offset."""
    return (
        text[at : at + 1] in _PAIRS
        or text.startswith(_MARKS, at)
        or _PREFIX.match(text, at) is not None
    )


def read_string(text: str, at: int) -> String:
    """The string that begins at an offset.

    Raises:
        Unreadable: it is not closed, or a quote in it was not escaped.
    """
    for mark in _MARKS:
        if text.startswith(mark, at):
            return _between(text, at + len(mark), mark)
    prefix = _PREFIX.match(text, at)
    letters = prefix.group().lower() if prefix else ""
    if "f" in letters or "b" in letters:
        raise Unreadable(at, cut=False)
    at += len(letters)
    mark = text[at : at + 3]
    if mark in _TRIPLES:
        return _triple(text, at, mark)
    quote = text[at]
    end = _closing(text, at + 1, _PAIRS[quote])
    body = text[at + 1 : end]
    if quote != "`" and not _FOLLOWS.match(text, end + 1):
        raise Unreadable(end, cut=False)
    if "r" in letters:
        return String(body, end + 1, lossless=True)
    # A backslash at a line's end joins lines in some notations and is text in others.
    mixed = "\n" in body and ("\\n" in body or "\\\n" in body)
    return String(_decoded(body, quote), end + 1, lossless=not mixed)


def _between(text: str, at: int, mark: str) -> String:
    end = text.find(mark, at)
    if end < 0:
        raise Unreadable(len(text), cut=True)
    return String(text[at:end], end + len(mark), lossless=True)


def _closing(text: str, at: int, quote: str) -> int:
    stops = re.compile(r"\\|" + re.escape(quote))
    while match := stops.search(text, at):
        if match.group() == quote:
            return match.start()
        at = match.end() + 1
    raise Unreadable(len(text), cut=True)


def _triple(text: str, at: int, mark: str) -> String:
    """Up to the first closing mark that something of JSON follows; docstrings inside may pass."""
    passed = 0
    end = text.find(mark, at + 3)
    while end >= 0 and not _ENDS_TRIPLE.match(text, end + 3):
        passed += 1
        end = text.find(mark, end + 3)
    if end < 0:
        raise Unreadable(len(text), cut=True)
    body = text[at + 3 : end]
    lossless = passed % 2 == 0 and "\\" not in body
    return String(_decoded(body, mark[0]), end + 3, lossless)


def _decoded(body: str, quote: str) -> str:
    """Escapes resolved as JSON does; unknown ones keep their backslash, as patterns mean them."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) > 1:
            return chr(int(code[1:], 16))
        if code in ('"', "'", quote):
            return code
        return _SIMPLE.get(code, match.group())

    text = _ESCAPE.sub(one, body)
    return _SURROGATES.sub(lambda pair: _joined(pair.group()), text)


def _joined(pair: str) -> str:
    return pair.encode("utf-16", "surrogatepass").decode("utf-16")
