"""From the words of a model to what the server sends: thoughts, content and tool calls apart."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Protocol

from greenloop.tools.standin.asked import Asked
from greenloop.tools.standin.replies import Reply, ToolCall, in_pieces
from greenloop.tools.standin.tool_blocks import BlockReader, CallError
from greenloop.tools.standin.tool_tags import TAGS, TagReader

_REPEATS = 31
"""Equal tokens after which the server gives up without a last line."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one line of a stream brings."""

    content: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """A reply as the server sends it."""

    parts: Sequence[Part] = ()
    last: Part = field(default_factory=Part)
    """On the last line of the stream, beside the figures."""
    failure: str = ""
    """The words of the error after the parts, when a call cannot be read."""
    said: str = ""
    """All that the model wrote, thoughts included; it counts, and it stays in the cache."""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """All calls."""
        return tuple(call for part in (*self.parts, self.last) for call in part.calls)


class _Reader(Protocol):
    def add(self, piece: str) -> tuple[str, list[ToolCall]]: ...

    def finish(self) -> tuple[str, list[ToolCall]]: ...


def read(reply: Reply, asked: Asked) -> Speech:
    """What the client of a request gets to see of a reply."""
    if reply.done_reason in ("load", "unload"):
        return Speech()
    thinking = reply.thinking if asked.thinks else ""
    pieces = reply.parts
    if reply.thinking and asked.model.think_in_content:
        pieces = (*in_pieces(f"<think>\n{reply.thinking}\n</think>\n\n"), *pieces)
        thinking = ""
    thoughts = [Part(thinking=piece) for piece in in_pieces(thinking)]
    scripted = tuple(reply.tool_calls)
    if scripted and not asked.calls_allowed:
        pieces, scripted = (*pieces, *in_pieces(as_text(scripted, asked.model.template))), ()
    parts, failure = _sorted_out(pieces, asked)
    late = asked.model.reads_calls_as == "jinja"
    if not late:
        parts += [Part(calls=(call,)) for call in scripted]
    parts += [Part(content=reply.repeat)] * (_REPEATS if reply.repeat else 0)
    said = thinking + "".join(pieces) + (as_text(scripted, asked.model.template))
    speech = Speech(
        [*thoughts, *_numbered(parts)], failure=failure, said=said + reply.repeat * _REPEATS
    )
    return _late(speech, scripted) if late else speech


def _sorted_out(pieces: Sequence[str], asked: Asked) -> tuple[list[Part], str]:
    """Content and calls, and the error at which it ended."""
    reader = _reader(asked)
    if reader is None:
        return [Part(content=piece) for piece in pieces if piece], ""
    parts: list[Part] = []
    try:
        for piece in pieces:
            parts += _as_parts(*reader.add(piece))
    except CallError as error:
        return parts, str(error)
    return parts + list(_as_parts(*reader.finish())), ""


def _as_parts(content: str, calls: Sequence[ToolCall]) -> Iterator[Part]:
    if content:
        yield Part(content=content)
    for call in calls:
        yield Part(calls=(call,))


def _reader(asked: Asked) -> _Reader | None:
    """Who looks for calls in this reply; templates only look when tools were sent."""
    kind = asked.model.reads_calls_as
    if asked.format is not None:
        return None
    if kind in ("xml", "qwen3"):
        return BlockReader(kind, asked.tools)
    if asked.tools and (kind in TAGS or kind == "jinja"):
        return TagReader(TAGS.get(kind, TAGS["qwen"]), [str(t.get("name")) for t in asked.tools])
    return None


def _numbered(parts: Sequence[Part]) -> Iterator[Part]:
    """The same parts, their calls counted from 0."""
    numbers = count()
    for part in parts:
        calls = tuple(replace(call, index=next(numbers)) for call in part.calls)
        yield replace(part, calls=calls)


def _late(speech: Speech, scripted: tuple[ToolCall, ...]) -> Speech:
    """All calls on the last line, as the path through llama-server has it."""
    (last,) = _numbered([Part(calls=(*speech.calls, *scripted))])
    return replace(speech, parts=[part for part in speech.parts if not part.calls], last=last)


def as_text(calls: Sequence[ToolCall], template: str) -> str:
    """Calls as a model writes them, for clients that did not send tools."""
    return "\n".join(_written(call.name, call.arguments, template) for call in calls)


def _written(name: str, arguments: Mapping[str, Any], template: str) -> str:
    if template == "llama":
        return json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False)
    said = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return (
        f"[TOOL_CALLS] [{said}]" if template == "mistral" else f"<tool_call>\n{said}\n</tool_call>"
    )
