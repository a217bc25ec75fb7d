"""Reading the body of /api/chat, with the refusals of the true server in its own words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from greenloop.tools.standin.script import OfferedModel, Script
from greenloop.tools.standin.shelf import Shelf, keep_seconds

_INTEGERS = ("num_ctx", "num_predict", "num_keep", "seed", "top_k", "repeat_last_n", "num_batch")
_LEVELS = (True, False, None, "low", "medium", "high", "max")


class Refused(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    stream: bool
    thinks: bool
    num_ctx: int
    num_predict: int
    keep_s: float


def read_object(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Refused: it is missing or no JSON object.
    """
    if not raw:
        raise Refused(400, "missing request body")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, f"invalid character in request body: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "json: cannot unmarshal array into Go value of type api.ChatRequest")
    return body


def read_model(body: Mapping[str, Any], shelf: Shelf) -> OfferedModel:
    """The model that a body names.

    Raises:
        Refused: none is named, or it is not offered.
    """
    name = body.get("model")
    if not name:
        raise Refused(400, "model is required")
    model = shelf.find(str(name))
    if model is None:
        raise Refused(404, f"model '{name}' not found")
    return model


def read_chat(body: Mapping[str, Any], shelf: Shelf, script: Script) -> ChatRequest:
    """Check a chat request.

    Raises:
        Refused: what the server would refuse.
    """
    model = read_model(body, shelf)
    messages = body.get("messages") or []
    _check_messages(messages)
    _check_abilities(body, model)
    options = body.get("options") or {}
    for name in _INTEGERS:
        if name in options and (
            isinstance(options[name], bool) or not isinstance(options[name], int)
        ):
            raise Refused(500, f'option "{name}" must be of type integer')
    try:
        keep_s = keep_seconds(body.get("keep_alive"))
    except ValueError as error:
        raise Refused(400, str(error)) from error
    return ChatRequest(
        model=str(body["model"]),
        messages=messages,
        stream=body.get("stream") is not False,
        thinks="thinking" in model.capabilities and body.get("think") is not False,
        num_ctx=min(options.get("num_ctx", script.default_num_ctx), model.context_length),
        num_predict=options.get("num_predict", -1),
        keep_s=keep_s,
    )


def _check_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    for message in messages:
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            kind = "array" if isinstance(content, list) else "value"
            raise Refused(
                400,
                f"json: cannot unmarshal {kind} into Go struct field "
                "ChatRequest.messages.content of type string",
            )


def _check_abilities(body: Mapping[str, Any], model: OfferedModel) -> None:
    think = body.get("think")
    if think not in _LEVELS:
        raise Refused(
            400,
            f'invalid think value: "{think}" '
            '(must be "high", "medium", "low", "max", true, or false)',
        )
    if "completion" not in model.capabilities:
        raise Refused(400, f'"{model.name}" does not support chat')
    if body.get("tools") and "tools" not in model.capabilities:
        raise Refused(400, f"registry.ollama.ai/library/{model.name} does not support tools")
    if think and "thinking" not in model.capabilities:
        raise Refused(400, f'"{model.name}" does not support thinking')
