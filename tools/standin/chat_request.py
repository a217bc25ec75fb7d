"""Reading the body of a request for a reply, with the refusals of the true server in its words."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from greenloop.tools.standin.asked import Asked, version_of
from greenloop.tools.standin.durations import keep_seconds
from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.script import Script
from greenloop.tools.standin.shelf import Shelf

_INTEGERS = (
    "num_ctx", "num_predict", "num_keep", "seed", "top_k", "repeat_last_n", "num_batch", "num_gpu",
    "main_gpu", "num_thread",
)  # fmt: skip
_RUNNER = ("num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap")
"""Options that the model is loaded with."""
_LEVELS = (True, False, None, "low", "medium", "high", "max")
_HAS_LOGPROBS = (0, 12, 11)
_MOST_LOGPROBS = 20


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


def read_model(
    body: Mapping[str, Any], shelf: Shelf, unknown: str = "model '{}' not found"
) -> OfferedModel:
    """The model that a body names.

    Raises:
        Refused: none is named, or it is not offered.
    """
    name = body.get("model") or body.get("name")
    if not name:
        raise Refused(400, "model is required")
    model = shelf.find(str(name))
    if model is None:
        raise Refused(404, unknown.format(name))
    return model


def read_keep(body: Mapping[str, Any]) -> float:
    """Seconds that the model stays after the request.

    Raises:
        Refused: no duration.
    """
    try:
        return keep_seconds(body.get("keep_alive"))
    except ValueError as error:
        raise Refused(400, str(error)) from error


def read_options(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a body.

    Raises:
        Refused: one that shall be an integer is none.
    """
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise Refused(400, _cannot_read(options, "options", "map[string]interface {}"))
    for name in _INTEGERS:
        if name in options and (
            isinstance(options[name], bool) or not isinstance(options[name], int)
        ):
            raise Refused(500, f'option "{name}" must be of type integer')
    return dict(options)


def read_chat(body: Mapping[str, Any], shelf: Shelf, script: Script, verb: str = "chat") -> Asked:
    """Check a request for a reply.

    Args:
        body: of /api/chat, or what another endpoint makes of its own.
        shelf: the models.
        script: for what is not in the request.
        verb: what an embedding model does not support, in the words of the refusal.

    Raises:
        Refused: what the server would refuse.
    """
    model = read_model(body, shelf)
    version = version_of(script.version)
    messages = _messages(body)
    _check_abilities(body, model, verb)
    options = read_options(body)
    return Asked(
        model=model,
        name=str(body.get("model") or body.get("name")),
        messages=messages,
        stream=body.get("stream") is not False,
        thinks=_thinks(body, model),
        num_ctx=window(options, model, script),
        num_predict=options.get("num_predict", -1),
        stop=tuple(options.get("stop") or ()),
        keep_s=read_keep(body),
        tools=[tool.get("function") or {} for tool in body.get("tools") or ()],
        format=_format(body.get("format")),
        truncate=body.get("truncate") is not False,
        shift=model.shift if body.get("shift") is None else bool(body["shift"]),
        logprobs=_logprobs(body) if version >= _HAS_LOGPROBS else None,
        runner=runner_options(options) | ({"shift": body["shift"]} if "shift" in body else {}),
        render_only=body.get("_debug_render_only") is True,
    )


def window(options: Mapping[str, Any], model: OfferedModel, script: Script) -> int:
    """The window of a request: no larger than the model was trained for."""
    wanted = options.get("num_ctx") or model.num_ctx or script.default_num_ctx
    return min(int(wanted), model.context_length)


def runner_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that the model is loaded with, besides the window."""
    return {key: options[key] for key in _RUNNER if key in options}


def _thinks(body: Mapping[str, Any], model: OfferedModel) -> bool:
    can = "thinking" in model.capabilities
    return can and (model.think_always or body.get("think") is not False)


def _format(value: object) -> object:
    """The format that is asked for; null and "" ask for none.

    Raises:
        Refused: neither "json" nor a schema.
    """
    if value is None or value == "":
        return None
    if value == "json" or isinstance(value, dict):
        return value
    said = json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)
    raise Refused(500, f'invalid format: {said}; expected "json" or a valid JSON Schema object')


def _logprobs(body: Mapping[str, Any]) -> int | None:
    most = body.get("top_logprobs") or 0
    if not isinstance(most, int) or not 0 <= most <= _MOST_LOGPROBS:
        raise Refused(400, "top_logprobs must be between 0 and 20")
    return most if body.get("logprobs") or most else None


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages, roles in lower case.

    Raises:
        Refused: something in them is of another kind than it should be.
    """
    given = body.get("messages") or []
    if not isinstance(given, list):
        raise Refused(400, _cannot_read(given, "messages", "[]api.Message"))
    for message in given:
        _check_message(message)
    return [{**message, "role": str(message.get("role", "")).lower()} for message in given]


def _check_message(message: object) -> None:
    if not isinstance(message, dict):
        raise Refused(400, _cannot_read(message, "messages", "api.Message"))
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise Refused(400, _cannot_read(content, "messages.content", "string"))
    for call in message.get("tool_calls") or ():
        arguments = (call.get("function") or {}).get("arguments")
        if arguments is not None and not isinstance(arguments, dict):
            where = "messages.tool_calls.function.arguments"
            raise Refused(400, _cannot_read(arguments, where, "api.ToolCallFunctionArguments"))


def _cannot_read(value: object, where: str, wanted: str) -> str:
    """What Go says of JSON of the wrong kind."""
    kinds = {list: "array", str: "string", dict: "object", bool: "bool"}
    kind = kinds.get(type(value), "number")
    return (
        f"json: cannot unmarshal {kind} into Go struct field ChatRequest.{where} of type {wanted}"
    )


def _check_abilities(body: Mapping[str, Any], model: OfferedModel, verb: str) -> None:
    think = body.get("think")
    if think not in _LEVELS:
        raise Refused(
            400,
            f'invalid think value: "{think}" '
            '(must be "high", "medium", "low", "max", true, or false)',
        )
    if "completion" not in model.capabilities:
        raise Refused(400, f'"{model.name}" does not support {verb}')
    lacking = [name for name, wanted in _wanted(body) if wanted and name not in model.capabilities]
    if lacking:
        shown = f"registry.ollama.ai/library/{model.name}"
        raise Refused(400, f"{shown} does not support " + "\n".join(lacking))
    if think and "thinking" not in model.capabilities:
        raise Refused(400, f'"{model.name}" does not support thinking')


def _wanted(body: Mapping[str, Any]) -> Sequence[tuple[str, bool]]:
    """Abilities that a request needs."""
    has_images = any(message.get("images") for message in body.get("messages") or ())
    return (
        ("tools", bool(body.get("tools"))),
        ("vision", has_images),
        ("insert", bool(body.get("suffix"))),
    )
