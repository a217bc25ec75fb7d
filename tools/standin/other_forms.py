"""Requests of /api/generate and /v1/chat/completions in the form of /api/chat."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from greenloop.tools.standin.refusal import Refused

_LIMITS = ("max_completion_tokens", "max_tokens")


def from_generate(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt as one message of the user; no prompt means no messages, thus load only."""
    prompt, system = body.get("prompt") or "", body.get("system") or ""
    messages: list[dict[str, Any]] = []
    if prompt:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt, "images": body.get("images")})
    return {**body, "messages": messages}


def from_openai(body: Mapping[str, Any]) -> dict[str, Any]:
    """As Ollama's own middleware does: `options` do not exist here, so the window is the default.

    Raises:
        Refused: no messages, content of an unknown kind, or arguments that are no JSON.
    """
    if not body.get("messages"):
        raise Refused(400, "[] is too short - 'messages'")
    options = {key: body[key] for key in ("seed", "temperature", "top_p") if key in body}
    limit = next((body[key] for key in _LIMITS if body.get(key)), None)
    if limit:
        options["num_predict"] = limit
    stop = body.get("stop")
    if stop:
        options["stop"] = [stop] if isinstance(stop, str) else stop
    chat = {
        "model": body.get("model"),
        "messages": [m for message in body["messages"] for m in _messages(message)],
        "stream": bool(body.get("stream")),
        "options": options,
        "tools": body.get("tools"),
        "format": _format(body.get("response_format")),
        "logprobs": body.get("logprobs"),
        "top_logprobs": body.get("top_logprobs"),
    }
    effort = body.get("reasoning_effort")
    return chat | ({"think": effort if effort != "none" else False} if effort else {})


def _messages(message: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Every part of a content is a message of its own."""
    role, content = message.get("role"), message.get("content")
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    if isinstance(content, list):
        texts = [part.get("text") for part in content if part.get("type") == "text"]
        return [{"role": role, "content": text} for text in texts]
    if content is not None and not isinstance(content, str):
        raise Refused(400, f"invalid message content type: {type(content).__name__}")
    return [{"role": role, "content": content or "", **({"tool_calls": calls} if calls else {})}]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError as error:
        raise Refused(400, "invalid tool call arguments") from error
    return {"function": {"name": function.get("name"), "arguments": arguments}}


def _format(wanted: Mapping[str, Any] | None) -> object:
    kind = (wanted or {}).get("type")
    if kind == "json_schema":
        return ((wanted or {}).get("json_schema") or {}).get("schema")
    return "json" if kind == "json_object" else None
