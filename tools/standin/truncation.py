"""What Ollama does to a prompt that is longer than the window: it cuts it, and says nothing.

Source: server/prompt.go and llm/llama_server.go of Ollama 0.33, in two stages; before 0.30 the
second one kept as much as the window holds, and 0.30.0 to 0.30.8 refused instead.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from greenloop.tools.standin.asked import Asked, Version
from greenloop.tools.standin.faults import TOO_LONG, TOO_LONG_OLD, too_many_tokens
from greenloop.tools.standin.refusal import Refused

NUM_KEEP = 4
"""Tokens at the start that survive the second stage; option num_keep."""
_CAN_REFUSE = (0, 12, 4)
"""First version with `truncate` and `shift`; older ones ignore the fields."""
_NEW_RUNNER = (0, 30)
_SHIFTS_AGAIN = (0, 30, 9)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of a prompt."""

    tokens: int
    """Of the whole prompt."""
    seen: int
    """That the model gets to see."""
    dropped: int
    """Whole messages that were left out."""
    beheaded: bool
    """The beginning of what remained was lost too, the system prompt with it."""
    kept: tuple[int, ...] = ()
    """Places of the messages that are left."""


def count(text: str, chars_per_token: float) -> int:
    """Tokens of a text, roughly."""
    return math.ceil(len(text) / chars_per_token)


def cut(asked: Asked, tools: str, chars_per_token: float, version: Version) -> Cut:
    """Fit a prompt into its window the way the server does.

    Args:
        asked: the request.
        tools: how the template describes the tools; it stays whatever else is dropped.
        chars_per_token: characters to a token.
        version: of the server.

    Raises:
        Refused: the prompt is too long and may not be cut.
    """
    sizes = [count(spoken(m), chars_per_token) for m in asked.messages]
    extra = count(tools, chars_per_token)
    whole = sum(sizes) + extra
    may_cut = asked.truncate or version < _CAN_REFUSE
    kept = _kept(asked.messages, sizes, asked.num_ctx - extra) if may_cut else range(len(sizes))
    dropped = len(sizes) - len(kept)
    left = sum(sizes[i] for i in kept) + extra
    if left <= asked.num_ctx - 1:
        return Cut(whole, left, dropped, beheaded=False, kept=tuple(kept))
    refusal = _refusal(asked, left, version)
    if refusal:
        raise Refused(400, refusal)
    seen = asked.num_ctx
    if version >= _NEW_RUNNER:
        seen -= max((asked.num_ctx - NUM_KEEP) // 2, 1)
    return Cut(whole, seen, dropped, beheaded=True, kept=tuple(kept))


def spoken(message: Mapping[str, Any]) -> str:
    """What a template prints of a message: content, or else its calls, never both."""
    content = str(message.get("content") or "")
    if content or not message.get("tool_calls"):
        return content
    return json.dumps(message["tool_calls"], ensure_ascii=False)


def _kept(messages: Sequence[Mapping[str, Any]], sizes: Sequence[int], room: int) -> list[int]:
    """First stage: messages go from the front; system messages and the last one stay."""
    kept = list(range(len(messages)))
    for index, message in enumerate(messages[:-1]):
        if sum(sizes[i] for i in kept) <= room:
            break
        if message.get("role") != "system":
            kept.remove(index)
    return kept


def _refusal(asked: Asked, tokens: int, version: Version) -> str:
    """Why a prompt that is still too long is refused; empty when it is cut."""
    if version < _CAN_REFUSE:
        return ""
    if version < _NEW_RUNNER:
        return "" if asked.truncate else TOO_LONG_OLD
    if not asked.truncate or asked.model.reads_calls_as == "jinja":
        return too_many_tokens(tokens, asked.num_ctx)
    if not asked.shift or version < _SHIFTS_AGAIN:
        return TOO_LONG
    return ""
