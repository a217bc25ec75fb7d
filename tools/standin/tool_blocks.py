"""How Ollama's built-in parsers read `<tool_call>` blocks: what they cannot read is an error.

Behaviour of model/parsers of Ollama 0.33: qwen3-coder takes functions and parameters written as
tags, qwen3 takes JSON. They are at work without tools in the request too. A block that is never
closed is lost without a word.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from greenloop.tools.standin.replies import ToolCall

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_TAG = re.compile(
    r"<(?P<open>function|parameter)=(?P<name>[^>]+)>|</(?P<close>function|parameter)>"
)


class CallError(Exception):
    """A call that cannot be read; the words are those of the server's error."""


class BlockReader:
    """Takes a reply piece by piece, and gives calls and content apart."""

    def __init__(self, kind: str, tools: Sequence[Mapping[str, Any]]) -> None:
        self._kind = kind
        self._tools = {tool.get("name", ""): tool for tool in tools}
        self._held = ""
        self._inside = False

    def add(self, piece: str) -> tuple[str, list[ToolCall]]:
        """The content and the calls that are certain after this piece.

        Raises:
            CallError: a call that was closed cannot be read.
        """
        self._held += piece
        content: list[str] = []
        calls: list[ToolCall] = []
        while True:
            if not self._inside:
                before, tag, rest = self._held.partition(_OPEN)
                if not tag:
                    content.append(self._certain())
                    return "".join(content), calls
                content.append(before.rstrip())
                self._held, self._inside = rest, True
            block, tag, rest = self._held.partition(_CLOSE)
            if not tag:
                return "".join(content), calls
            calls.append(self._call(block))
            self._held, self._inside = rest.lstrip(), False

    def finish(self) -> tuple[str, list[ToolCall]]:
        """What is left at the end; blanks and an unfinished block are not."""
        held, self._held = self._held, ""
        return ("" if self._inside else held.rstrip()), []

    def _certain(self) -> str:
        """Content that cannot be the beginning of a tag, or blanks before one."""
        sizes = range(min(len(self._held), len(_OPEN)), 0, -1)
        overlap = next((n for n in sizes if self._held.endswith(_OPEN[:n])), 0)
        end = len(self._held[: len(self._held) - overlap].rstrip())
        certain, self._held = self._held[:end], self._held[end:]
        return certain

    def _call(self, block: str) -> ToolCall:
        if self._kind == "qwen3":
            return _from_json(block.strip())
        name, values = read_tags(block)
        shape = self._tools.get(name, {}).get("parameters") or {}
        kinds = {key: _kinds(value) for key, value in (shape.get("properties") or {}).items()}
        return ToolCall(name, {key: typed(v, kinds.get(key, ())) for key, v in values.items()})


def read_tags(block: str) -> tuple[str, Mapping[str, str]]:
    """Name and values of `<function=..><parameter=..>..</parameter></function>`.

    Raises:
        CallError: the tags do not nest; in the words of Go's encoding/xml.
    """
    open_tags: list[str] = []
    name, parameter, at = "", "", 0
    values: dict[str, str] = {}
    for tag in _TAG.finditer(block):
        if parameter and open_tags[-1:] == ["parameter"]:
            values[parameter] += block[at : tag.start()]
        at = tag.end()
        line = block.count("\n", 0, tag.start()) + 1
        if tag["close"]:
            _close(open_tags, tag["close"], line)
            if not open_tags:
                return name, values
        elif not open_tags and tag["open"] == "parameter":
            raise CallError("expected element type <function> but have <parameter>")
        else:
            open_tags.append(tag["open"])
            if tag["open"] == "parameter":
                parameter = tag["name"]
                values[parameter] = ""
            else:
                name = name or tag["name"]
    if not open_tags:
        raise CallError("EOF")
    raise CallError(f"XML syntax error on line {block.count(chr(10)) + 1}: unexpected EOF")


def _close(open_tags: list[str], closed: str, line: int) -> None:
    where = f"XML syntax error on line {line}: "
    if not open_tags:
        raise CallError(f"{where}unexpected end element </{closed}>")
    last = open_tags.pop()
    if last != closed:
        raise CallError(f"{where}element <{last}> closed by </{closed}>")


def typed(raw: str, kinds: Sequence[str]) -> object:
    """A value in the first of the declared types that it fits, text if in none."""
    text = raw.removeprefix("\n").removesuffix("\n")
    if text.lower() == "null":
        return None
    if "boolean" in kinds:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if len(kinds) == 1:
            return False
    for kind, type_ in (("integer", int), ("number", (int, float)), ("array", list)):
        value = _json(text)
        if kind in kinds and isinstance(value, type_) and not isinstance(value, bool):
            return value
    value = _json(text)
    return value if "object" in kinds and isinstance(value, dict) else text


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _kinds(shape: Mapping[str, Any]) -> Sequence[str]:
    said = [part.get("type") for part in shape.get("anyOf") or ()] or shape.get("type") or ()
    return (said,) if isinstance(said, str) else [kind for kind in said if isinstance(kind, str)]


def _from_json(block: str) -> ToolCall:
    """A call of the parser for qwen3, which takes arguments under no other name.

    Raises:
        CallError: no JSON object.
    """
    try:
        found = json.loads(block)
    except ValueError as error:
        at = getattr(error, "pos", len(block))
        reason = (
            f"invalid character '{block[at]}' looking for beginning of value"
            if at < len(block)
            else "unexpected end of JSON input"
        )
        raise CallError(f"failed to parse JSON: {reason}") from error
    if not isinstance(found, dict):
        raise CallError("failed to parse JSON: json: cannot unmarshal into Go value")
    arguments = found.get("arguments")
    return ToolCall(str(found.get("name", "")), arguments if isinstance(arguments, dict) else {})
