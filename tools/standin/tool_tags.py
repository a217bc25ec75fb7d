"""How Ollama finds tool calls in the replies of models whose template is written in Go.

Behaviour of the package `tools` of Ollama 0.33: a tag taken from the template, then the first
name of a tool that occurs anywhere, then the first JSON object. What does not fit is lost without
a word, or comes late as content.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from greenloop.tools.standin.replies import ToolCall

TAGS = {"qwen": "<tool_call>", "llama": "{", "mistral": "[TOOL_CALLS] ["}
_BARE = ("{", "[")
"""Tags that only count at the very beginning of a reply, and give it back when nothing parses."""


class TagReader:
    """Takes a reply piece by piece, and gives calls and content apart."""

    def __init__(self, tag: str, names: Sequence[str]) -> None:
        self._tag = tag
        self._names = names
        self._held = ""
        self._state = "looking"
        self._found = 0

    def add(self, piece: str) -> tuple[str, list[ToolCall]]:
        """The content and the calls that are certain after this piece."""
        if self._state == "done":
            return piece, []
        self._held += piece
        content = ""
        if self._state == "looking":
            content = self._before_tag()
            if self._state != "calling":
                return content, []
        calls = []
        while call := self._next_call():
            calls.append(call)
        if self._is_closed():
            content, self._held, self._state = content + self._held, "", "done"
        return content, calls

    def finish(self) -> tuple[str, list[ToolCall]]:
        """What is left at the end: content only with a bare tag and without any call."""
        kept = self._tag in _BARE and not self._found
        content, self._held = (self._held if kept else ""), ""
        return content, []

    def _before_tag(self) -> str:
        """Content that certainly is none of a call; changes the state at the tag."""
        start, whole = self._tag_at()
        content, rest = self._held[:start], self._held[start:]
        if self._tag in _BARE and content.strip():
            self._held, self._state = "", "done"
            return content + rest
        self._held = rest
        if whole:
            self._state = "calling"
        return content

    def _tag_at(self) -> tuple[int, bool]:
        """Where the tag begins, and whether all of it is there."""
        start = self._held.find(self._tag)
        if start >= 0:
            return start, True
        for size in range(min(len(self._held), len(self._tag)), 0, -1):
            if self._held.endswith(self._tag[:size]):
                return len(self._held) - size, False
        return len(self._held), False

    def _next_call(self) -> ToolCall | None:
        name, end = self._first_name()
        if not name:
            return None
        arguments, last = _first_arguments(name, self._held)
        if arguments is None:
            return None
        self._held = self._held[max(end, last) :]
        self._found += 1
        return ToolCall(name, arguments)

    def _first_name(self) -> tuple[str, int]:
        """The tool named first, the longest of those at one place; none at half a name."""
        for name in self._names:
            if any(self._held.endswith(name[:size]) for size in range(1, len(name))):
                return "", 0
        places = [(self._held.find(n), -len(n), n) for n in self._names if n in self._held]
        if not places:
            return "", 0
        start, _, name = min(places)
        return name, start + len(name)

    def _is_closed(self) -> bool:
        """Whether the brackets of a bare tag match again."""
        if self._tag not in _BARE:
            return False
        opening, closing = self._tag, {"{": "}", "[": "]"}[self._tag]
        depth = 0
        for character in self._held:
            depth += (character == opening) - (character == closing)
            if character == closing and depth == 0:
                return True
        return False


def _first_arguments(name: str, text: str) -> tuple[Mapping[str, Any] | None, int]:
    """Arguments in the first object that is valid JSON, and where that object ends."""
    for start, end in _objects(text):
        try:
            found = json.loads(text[start : end + 1], strict=True)
        except ValueError:
            continue
        known, arguments = _search(name, found)
        return (arguments if known else found), end
    return None, 0


def _objects(text: str) -> Iterator[tuple[int, int]]:
    """First and last character of each outermost pair of braces, strings left aside."""
    start, depth, quoted, escaped = -1, 0, False, False
    for index, character in enumerate(text):
        if escaped or character == "\\":
            escaped = not escaped
        elif character == '"':
            quoted = not quoted
        elif character == "{" and not quoted:
            start = start if depth else index
            depth += 1
        elif character == "}" and not quoted and depth:
            depth -= 1
            if depth == 0:
                yield start, index


def _search(name: str, found: Mapping[str, Any]) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether an object says what its arguments are, and these; an object with a name must."""
    if "name" in found:
        named = _mapping(found.get("arguments"))
        return True, named if named is not None else _mapping(found.get("parameters"))
    if (called := _mapping(found.get(name))) is not None:
        return True, called
    for value in found.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                known, arguments = _search(name, child)
                if known:
                    return True, arguments
    return False, None


def _mapping(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
