"""The script of the stand-in: which models it offers and what it answers, one reply at a time.

A script is a JSON object. All keys are optional; an unknown key is refused at the start.

    {
      "version": "0.33.0",
      "models": ["qwen2.5-coder:7b",            a name, or an object:
                 {"name": "qwen3:8b", "context_length": 40960,
                  "capabilities": ["completion", "tools", "thinking"]}],
      "default_num_ctx": 4096,                  window of requests that name none
      "chars_per_token": 4.0,                   how the stand-in counts tokens
      "max_queue": 512,                         requests that may wait before a 503
      "endpoints": {"/api/tags": {"status": 200, "body": "<html>", "stall": 0.0}},
                                                raw answers, instead of the true ones
      "replies": [REPLY, ...]
    }

A REPLY is a string (its text) or an object:

    text            what the model says; "" for an empty reply
    pieces          the text cut as it is to be streamed; default: 16 characters each
    thinking        streamed first, apart from the text, unless the request forbids thinking
    match           only for requests whose last user message or a system message holds this
    times           how often the reply can be used; default 1, null for ever
    stall           seconds of silence before the first byte
    stall_mid       seconds of silence in mid-stream
    delay           seconds between pieces
    error           HTTP status; with `message` as the text of the error
    error_line      error in mid-stream, with status 200
    junk            a line in mid-stream that is no JSON
    cut             true: the connection ends inside a chunk; "reset": the same by a TCP reset;
                    "before": it ends before the first byte
    no_done         the stream ends without its last line
    done_reason     "stop"; "length", "load", ...; "load" goes without text
    after           pieces before a fault in mid-stream; default: half of them
    split           the stream arrives in odd fragments of lines and of characters
    prompt_eval_count, eval_count   instead of what was counted

Replies with `match` that fit come first; otherwise those without it are taken in order. When none
is left the answer is a 500 that says so.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

PIECE = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer; the fields are described in the module."""

    text: str = ""
    pieces: Sequence[str] = ()
    thinking: str = ""
    match: str = ""
    times: int | None = 1
    stall: float = 0.0
    stall_mid: float = 0.0
    delay: float = 0.0
    error: int = 0
    message: str = "scripted error"
    error_line: str = ""
    junk: str = ""
    cut: bool | str = False
    no_done: bool = False
    done_reason: str = "stop"
    after: int | None = None
    split: bool = False
    prompt_eval_count: int | None = None
    eval_count: int | None = None

    @classmethod
    def parse(cls, data: str | Mapping[str, Any]) -> Self:
        """Read one entry.

        Raises:
            ValueError: a key that means nothing, or text that differs from its pieces.
        """
        if isinstance(data, str):
            return cls(text=data)
        _refuse_unknown(data, {f.name for f in fields(cls)}, "reply")
        reply = cls(**data)
        if reply.pieces and reply.text and "".join(reply.pieces) != reply.text:
            raise ValueError("reply: text and pieces differ")
        return reply

    @property
    def parts(self) -> tuple[str, ...]:
        """The text as it is streamed."""
        if self.pieces:
            return tuple(self.pieces)
        return tuple(self.text[i : i + PIECE] for i in range(0, len(self.text), PIECE))

    @property
    def whole(self) -> str:
        """The text as it is sent without streaming."""
        return "".join(self.parts)


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model of the stand-in."""

    name: str
    context_length: int = 32768
    capabilities: Sequence[str] = ("completion", "tools", "insert")


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What an endpoint answers instead of the truth."""

    status: int = 200
    body: str = ""
    stall: float = 0.0


@dataclass(slots=True)
class Script:
    """A whole script, and how much of it is used up."""

    models: Sequence[OfferedModel] = (OfferedModel("qwen2.5-coder:7b"),)
    replies: Sequence[Reply] = ()
    endpoints: Mapping[str, RawAnswer] = field(default_factory=dict)
    version: str = "0.33.0"
    default_num_ctx: int = 4096
    chars_per_token: float = 4.0
    max_queue: int = 512
    _used: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a script file.

        Raises:
            ValueError: no JSON, or a key that means nothing.
        """
        data = dict(json.loads(path.read_text(encoding="utf-8")))
        _refuse_unknown(data, {f.name for f in fields(cls) if not f.name.startswith("_")}, "script")
        if "models" in data:
            data["models"] = tuple(_offered(model) for model in data["models"])
        data["replies"] = tuple(Reply.parse(reply) for reply in data.get("replies", ()))
        data["endpoints"] = {
            name: RawAnswer(**raw) for name, raw in data.get("endpoints", {}).items()
        }
        return cls(**data)

    def take(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, Reply] | None:
        """The next reply to these messages and its place in the script; None when none is left."""
        said = _matchable(messages)
        with self._lock:
            left = [(i, r) for i, r in enumerate(self.replies) if self._has_left(i, r)]
            fitting = [(i, r) for i, r in left if r.match and any(r.match in text for text in said)]
            chosen = next(iter(fitting or [(i, r) for i, r in left if not r.match]), None)
            if chosen is not None:
                self._used[chosen[0]] = self._used.get(chosen[0], 0) + 1
            return chosen

    def _has_left(self, index: int, reply: Reply) -> bool:
        return reply.times is None or self._used.get(index, 0) < reply.times


def _offered(model: str | Mapping[str, Any]) -> OfferedModel:
    return OfferedModel(model) if isinstance(model, str) else OfferedModel(**model)


def _matchable(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    said = [str(m.get("content") or "") for m in messages if m.get("role") == "user"]
    return said[-1:] + [str(m.get("content") or "") for m in messages if m.get("role") == "system"]


def _refuse_unknown(data: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = sorted(data.keys() - known)
    if unknown:
        raise ValueError(f"{what}: unknown keys {unknown}")
