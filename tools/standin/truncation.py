"""What Ollama does to a prompt that is longer than the window: it cuts it, and says nothing.

Source: server/prompt.go and the runner of Ollama 0.30.9 and later, in two stages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NUM_KEEP = 4
"""Tokens at the start that survive the second stage; option num_keep."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of a prompt."""

    tokens: int
    """Of the whole prompt."""
    seen: int
    """That the model gets to see: prompt_eval_count."""
    dropped: int
    """Whole messages that were left out."""
    beheaded: bool
    """The beginning of what remained was lost too, the system prompt with it."""


def count(text: str, chars_per_token: float) -> int:
    """Tokens of a text, roughly."""
    return math.ceil(len(text) / chars_per_token)


def cut(messages: Sequence[Mapping[str, Any]], num_ctx: int, chars_per_token: float) -> Cut:
    """Fit messages into a window of `num_ctx` tokens the way the server does."""
    sizes = [count(str(m.get("content") or ""), chars_per_token) for m in messages]
    whole = sum(sizes)
    kept, dropped = list(range(len(messages))), 0
    for index, message in enumerate(messages[:-1]):
        if sum(sizes[i] for i in kept) <= num_ctx:
            break
        if message.get("role") != "system":
            kept.remove(index)
            dropped += 1
    left = sum(sizes[i] for i in kept)
    if left <= num_ctx - 1:
        return Cut(whole, left, dropped, beheaded=False)
    return Cut(whole, num_ctx - (num_ctx - NUM_KEEP) // 2, dropped, beheaded=True)
