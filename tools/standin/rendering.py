"""The prompt as a template makes it from messages: markers, tools, all system messages on top.

It is a plain ChatML for every model; what matters here is which change of a request changes the
prompt, and from where on.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from greenloop.tools.standin.asked import Asked, Version
from greenloop.tools.standin.truncation import NUM_KEEP, Cut, spoken

_GARBLED = (0, 14)
"""First version whose Go templates print a tool as a Go struct instead of JSON."""


def tools_text(asked: Asked, version: Version) -> str:
    """How the tools are described to the model; empty where it does not learn of them."""
    if not asked.tools:
        return ""
    if asked.model.template == "llama" and asked.messages[-1].get("role") != "user":
        return ""  # these templates show the tools only beside a last message of the user
    is_go = asked.model.reads_calls_as in ("qwen", "llama", "mistral") and version >= _GARBLED
    described = [_as_struct(tool) if is_go else json.dumps(tool) for tool in asked.tools]
    return "# Tools\n" + "\n".join(described) + "\n"


def render(asked: Asked, seen: Cut, tools: str, chars_per_token: float) -> str:
    """The prompt that the model sees.

    Args:
        asked: the request.
        seen: what the window left of it.
        tools: the description of the tools.
        chars_per_token: characters to a token.
    """
    messages = [asked.messages[index] for index in seen.kept]
    system = [spoken(m) for m in messages if m.get("role") == "system"]
    if not messages or messages[0].get("role") != "system":
        system = system or [asked.model.system]
    late_tools = asked.model.template == "llama"
    top = "\n\n".join(system) + ("" if late_tools else tools)
    turns = _turns([m for m in messages if m.get("role") != "system"])
    if late_tools and tools and turns:
        turns[-1] = (turns[-1][0], tools + turns[-1][1])
    if top:
        turns.insert(0, ("system", top))
    text = "".join(f"<|im_start|>{role}\n{said}<|im_end|>\n" for role, said in turns)
    text += "<|im_start|>assistant\n"
    if not seen.beheaded:
        return text
    head = int(NUM_KEEP * chars_per_token)
    return text[:head] + text[len(text) - int((seen.seen - NUM_KEEP) * chars_per_token) :]


def _turns(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Messages of one role in a row are one turn; results of tools come from the user."""

    def speaker(message: Mapping[str, Any]) -> str:
        role = str(message.get("role", ""))
        return "user" if role == "tool" else role

    def said(message: Mapping[str, Any]) -> str:
        text = spoken(message)
        is_result = message.get("role") == "tool"
        return f"<tool_response>\n{text}\n</tool_response>" if is_result else text

    return [
        (role, "\n\n".join(said(message) for message in group))
        for role, group in groupby(messages, speaker)
    ]


def _as_struct(tool: Mapping[str, Any]) -> str:
    """A tool as Go prints a struct: `{name text {object <nil> <nil> [path] map}}`."""
    shape = tool.get("parameters") or {}
    required = " ".join(map(str, shape.get("required") or ()))
    properties = json.dumps(shape.get("properties") or {})
    kind = shape.get("type", "object")
    inner = f"{{{kind} <nil> <nil> [{required}] {properties}}}"
    described = f"{{{tool.get('name', '')} {tool.get('description', '')} {inner}}}"
    return f'{{"type":"function","function":{described}}}'
