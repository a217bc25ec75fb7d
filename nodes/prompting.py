"""Rendering prompts from their templates, in the room that the window has for them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from greenloop.nodes.fitting import Count, Part, fit
from greenloop.tools.model.base import MESSAGE_TOKENS, ChatModel
from greenloop.tools.reader.base import Tool

if TYPE_CHECKING:
    from jinja2 import Environment

_MARGIN = 12
"""One part in so many of the window stays free: the count of a text is an estimate."""


def render(template: str, **values: object) -> str:
    """The template `prompts/{template}.j2` with these values; a misspelt one fails at once."""
    return _environment().get_template(f"{template}.j2").render(values).strip() + "\n"


def compose(template: str, parts: Sequence[Part], room: int, count: Count, **words: object) -> str:
    """The template with its parts fitted into `room` tokens, its own words among them.

    Args:
        template: name of the template.
        parts: one or more for each of its variables that can be long.
        room: tokens for the whole message.
        count: tokens of a text.
        words: its other variables, all short.

    Raises:
        ContextError: what must stay does not fit.
    """
    own = count(render(template, **placeholders(parts), **words))
    return render(template, **fit(parts, room - own, count).slots, **words)


def placeholders(parts: Sequence[Part]) -> dict[str, str]:
    """The least that makes a template write all of its own words."""
    filled = {part.slot for part in parts if part.text}
    return {part.slot: "." if part.slot in filled else "" for part in parts}


def usable(model: ChatModel) -> int:
    """Tokens that the messages of a request may have together, what surrounds them included."""
    return model.window.room - model.window.room // _MARGIN


def tool_tokens(model: ChatModel, tools: Sequence[Tool]) -> int:
    """Tokens of tools that are offered through the server, rather too many."""
    return model.count(json.dumps([asdict(tool) for tool in tools])) if tools else 0


def room_beside(model: ChatModel, system: str) -> int:
    """Tokens for the first user message below a system prompt, if nothing follows it."""
    return usable(model) - model.count(system) - 2 * MESSAGE_TOKENS


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415

    folder = resources.files("greenloop.nodes") / "prompts"
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # plain text for a model, not HTML
        keep_trailing_newline=True,
    )
