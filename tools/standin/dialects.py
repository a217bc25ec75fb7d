"""One reply in the shapes of /api/chat, /api/generate and /v1/chat/completions."""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from greenloop.tools.standin.faults import Fault
from greenloop.tools.standin.reading import Part
from greenloop.tools.standin.replies import ToolCall
from greenloop.tools.standin.wire import go_json, timestamp

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
JSON = "application/json; charset=utf-8"

_IDS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended."""

    reason: str
    figures: Mapping[str, int]
    """Empty for a last line without any."""


class Dialect(Protocol):
    """How an endpoint writes a reply."""

    content_type: str

    def line(self, part: Part) -> bytes:
        """A piece of the stream."""
        ...

    def last(self, part: Part, ending: Ending) -> bytes:
        """The end of the stream."""
        ...

    def whole(self, part: Part, ending: Ending | None) -> Any:
        """The reply at once; without an ending it is one that never came to its end."""
        ...

    def failure(self, fault: Fault) -> bytes:
        """An error in mid-stream."""
        ...


@dataclass(slots=True)
class Likelihoods:
    """Made-up probabilities of the tokens of a content."""

    chars_per_token: float
    alternatives: int | None
    """How many to a token; None: no probabilities."""
    logprob: float

    def of(self, text: str) -> list[dict[str, Any]]:
        """One entry for each token; empty where they are not wanted."""
        if self.alternatives is None:
            return []
        size = max(1, math.floor(self.chars_per_token))
        return [self._entry(text[i : i + size]) for i in range(0, len(text), size)]

    def _entry(self, token: str) -> dict[str, Any]:
        entry = self._token(token, self.logprob)
        others = [(token, self.logprob)]
        others += [(f"alt{n}", self.logprob - n) for n in range(1, self.alternatives or 0)]
        if self.alternatives:
            entry["top_logprobs"] = [self._token(*other) for other in others]
        return entry

    def _token(self, token: str, logprob: float) -> dict[str, Any]:
        return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


@dataclass(slots=True)
class Chat:
    """POST /api/chat."""

    model: str
    number: int
    """Of the request; ids of calls are made from it."""
    likelihoods: Likelihoods
    has_ids: bool = True
    """Calls have ids since 0.12.10."""
    content_type: str = NDJSON

    def line(self, part: Part) -> bytes:
        """One NDJSON line."""
        return go_json(self._object(part, done=False)) + b"\n"

    def last(self, part: Part, ending: Ending) -> bytes:
        """The line with `done`."""
        return go_json(self.whole(part, ending)) + b"\n"

    def whole(self, part: Part, ending: Ending | None) -> Any:
        """Also the last line, which differs only in what it holds."""
        body = self._object(part, done=ending is not None)
        if ending is None:
            return body
        reason = {"done_reason": ending.reason} if ending.reason else {}
        return body | reason | dict(ending.figures)

    def failure(self, fault: Fault) -> bytes:
        """The line with `error`."""
        return go_json({"error": fault.text, **fault.more}) + b"\n"

    def _object(self, part: Part, *, done: bool) -> dict[str, Any]:
        body = {"model": self.model, "created_at": timestamp(), **self._said(part), "done": done}
        likely = self.likelihoods.of(part.content)
        return body | ({"logprobs": likely} if likely else {})

    def _said(self, part: Part) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": part.content}
        if part.thinking:
            message["thinking"] = part.thinking
        if part.calls:
            message["tool_calls"] = [self._call(call) for call in part.calls]
        return {"message": message}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function = {"index": call.index, "name": call.name, "arguments": dict(call.arguments)}
        named = {"id": call_id(self.number, call.index)} if self.has_ids else {}
        return {**named, "function": function}


@dataclass(slots=True)
class Generate(Chat):
    """POST /api/generate."""

    def _said(self, part: Part) -> dict[str, Any]:
        thinking = {"thinking": part.thinking} if part.thinking else {}
        return {"response": part.content, **thinking}


@dataclass(slots=True)
class OpenAI:
    """POST /v1/chat/completions, as server-sent events or as one object."""

    model: str
    number: int
    likelihoods: Likelihoods
    wants_usage: bool = False
    content_type: str = SSE
    _called: bool = False
    _began: int = field(default_factory=lambda: int(time.time()))

    def line(self, part: Part) -> bytes:
        """One event."""
        return _event(self._chunk(part, None))

    def last(self, part: Part, ending: Ending) -> bytes:
        """The reason, the usage if wanted, and the word that ends it all."""
        events = _event(self._chunk(part, self._reason(part, ending)))
        if self.wants_usage:
            empty = self._chunk(Part(), None) | {"choices": [], "usage": _usage(ending)}
            events += _event(empty)
        return events + b"data: [DONE]\n\n"

    def whole(self, part: Part, ending: Ending | None) -> Any:
        """A `chat.completion`."""
        reason = self._reason(part, ending) if ending else None
        body = self._chunk(part, reason) | {"object": "chat.completion"}
        (choice,) = body["choices"]
        choice["message"] = choice.pop("delta")
        return body | {"usage": _usage(ending)}

    def failure(self, fault: Fault) -> bytes:
        """An event with `error`."""
        return _event(openai_error(fault))

    def _reason(self, part: Part, ending: Ending) -> str:
        return (
            "tool_calls"
            if (self._called or part.calls) and ending.reason == "stop"
            else ending.reason
        )

    def _chunk(self, part: Part, reason: str | None) -> dict[str, Any]:
        delta: dict[str, Any] = {"role": "assistant", "content": part.content}
        if part.thinking:
            delta["reasoning"] = part.thinking
        if part.calls:
            self._called = True
            delta["tool_calls"] = [self._call(call) for call in part.calls]
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": reason}
        likely = self.likelihoods.of(part.content)
        if likely:
            choice["logprobs"] = {"content": likely}
        return {
            "id": f"chatcmpl-{self.number}",
            "object": "chat.completion.chunk",
            "created": self._began,
            "model": self.model,
            "system_fingerprint": "fp_ollama",
            "choices": [choice],
        }

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function = {"name": call.name, "arguments": go_json(dict(call.arguments)).decode()}
        told = {"id": call_id(self.number, call.index), "index": call.index, "type": "function"}
        return told | {"function": function}


def openai_error(fault: Fault) -> dict[str, Any]:
    """The body of an error under /v1."""
    kinds = {400: "invalid_request_error", 404: "not_found_error"}
    kind = kinds.get(fault.status, "api_error")
    return {"error": {"message": fault.text, "type": kind, "param": None, "code": None}}


def call_id(number: int, index: int) -> str:
    """`call_` and eight letters or digits; the same for the same request of a run."""
    digest = hashlib.sha256(json.dumps([number, index]).encode()).digest()
    return "call_" + "".join(_IDS[byte % len(_IDS)] for byte in digest[:8])


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + go_json(value) + b"\n\n"


def _usage(ending: Ending | None) -> dict[str, int]:
    figures = ending.figures if ending else {}
    asked, said = figures.get("prompt_eval_count", 0), figures.get("eval_count", 0)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def joined(parts: Sequence[Part]) -> Part:
    """All parts as one."""
    return Part(
        "".join(part.content for part in parts),
        "".join(part.thinking for part in parts),
        tuple(call for part in parts for call in part.calls),
    )
