"""What a coder may ask before it edits, in lines that the smallest models can write.

READ path, READ path:10-40, LIST folder, GREP pattern: each on a line of its own.
"""

import re
from dataclasses import dataclass
from typing import Literal

from greenloop.errors import EditError, StorageError
from greenloop.tools.edit_fence import Fence, closing_line, fence_at
from greenloop.tools.files import MAX_LISTED, Workspace
from greenloop.tools.search import grep
from greenloop.tools.text import clip, printable

MAX_LOOKUPS = 5
"""Lookups taken from one reply."""
_MAX_MATCHES = 50
_LIST_DEPTH = 2

_ASKED = re.compile(r"^\s{0,3}(READ|LIST|GREP)(?::|[ \t])[ \t]*(\S.*?)\s*$|^\s{0,3}(LIST)\s*$")
_RANGE = re.compile(r":L?(\d+)(?:(-)L?(\d+)?)?$")
_LANGUAGES = frozenset({"", "look", "lookup", "lookups", "tool", "bash", "sh", "text", "txt"})
"""Of fences that small models put around lookups."""
_MORE = "... {n} lines left out; READ a range of lines to see them ..."


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question."""

    kind: Literal["READ", "LIST", "GREP"]
    argument: str
    """A path or a pattern."""
    start: int = 1
    """First line to read, from 1."""
    end: int | None = None
    """Last line, inclusive; None is the end of the file."""

    def __str__(self) -> str:
        lines = "" if (self.start, self.end) == (1, None) else f":{self.start}-{self.end or ''}"
        return f"{self.kind} {self.argument}{lines}"


def parse_lookups(reply: str) -> tuple[Lookup, ...]:
    """The first five different lookups of a reply, in order.

    Only lines that begin with the word in capitals count, outside fenced blocks or in one that
    holds nothing else; READ and LIST take one word, so that a sentence is no lookup.
    """
    found: dict[Lookup, None] = {}
    lines = reply.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        fence = fence_at(lines[at])
        if fence is None:
            inside = [lines[at]]
        else:
            end = closing_line(lines, at, fence)
            inside = _asking(lines[at + 1 : end], fence)
            at = len(lines) if end is None else end
        found.update(dict.fromkeys(filter(None, map(_lookup, inside))))
        at += 1
    return tuple(found)[:MAX_LOOKUPS]


def answer(workspace: Workspace, lookup: Lookup, limit_chars: int = 6000) -> str:
    """What was asked for, in at most `limit_chars` characters; a failure is said in words."""
    try:
        text = _ANSWERS[lookup.kind](workspace, lookup)
    except (EditError, StorageError) as error:
        text = str(error)
    return clip(printable(text), limit_chars, _MORE)


def _asking(body: list[str], fence: Fence) -> list[str]:
    """The lines of a block that holds lookups and nothing else; no line of any other."""
    filled = [line for line in body if line.strip()]
    asks = fence.language in _LANGUAGES and all(map(_lookup, filled))
    return filled if asks else []


def _lookup(line: str) -> Lookup | None:
    asked = _ASKED.match(line)
    if not asked:
        return None
    kind, argument = asked[1] or asked[3], _bare(asked[2] or ".")
    if kind == "GREP":
        return Lookup("GREP", argument)
    if " " in argument:
        return None
    if kind == "LIST":
        return Lookup("LIST", argument)
    lines = _RANGE.search(argument)
    if not lines:
        return Lookup("READ", argument)
    start = int(lines[1])
    end = int(lines[3]) if lines[3] else None if lines[2] else start
    return Lookup("READ", argument[: lines.start()], start, end)


def _bare(argument: str) -> str:
    for mark in ("`", '"', "'"):
        if len(argument) > 2 and argument[0] == argument[-1] == mark:
            return argument[1:-1].strip() or argument
    return argument


def _read(workspace: Workspace, lookup: Lookup) -> str:
    text = workspace.read_lines(lookup.argument, lookup.start, lookup.end)
    return text or f"{lookup.argument} is empty"


def _list(workspace: Workspace, lookup: Lookup) -> str:
    names = workspace.list(lookup.argument, _LIST_DEPTH)
    more = [f"... only {MAX_LISTED} names are shown; LIST a folder below"]
    text = "\n".join([*names, *(more if len(names) >= MAX_LISTED else [])])
    return text or f"{lookup.argument} is empty"


def _grep(workspace: Workspace, lookup: Lookup) -> str:
    matches = grep(workspace, lookup.argument, limit=_MAX_MATCHES + 1)
    rows = [f"{match.path}:{match.line}: {match.text.strip()}" for match in matches]
    if len(rows) > _MAX_MATCHES:
        rows[_MAX_MATCHES:] = ["... more lines match; use a narrower pattern"]
    return "\n".join(rows) or f"nothing matches {lookup.argument}"


_ANSWERS = {"READ": _read, "LIST": _list, "GREP": _grep}
