"""Whether the server cut the prompt: it says nothing of it, but its count tells.

Source: the two stages of cutting in server/prompt.go and the runner of Ollama; see `signs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from greenloop.tools.model.base import Message

_LEAST_TOKENS_PER_CHAR = 1 / 12
"""Half of what the densest text has (six characters to a token); fewer means a cut."""
_TELLING_CHARS = 2000
"""Prompts shorter than this say nothing by their density."""
_TEMPLATE_BYTES = 32
"""What a chat template puts around a message, rather too much."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A prompt that was sent, and how many tokens of it the server says the model saw."""

    messages: tuple[Message, ...]
    tools: int
    """Characters of the tools' descriptions, sent apart from the messages."""
    tokens: int

    def grew_from(self, before: "Counted") -> bool:
        """Whether this is that prompt and more: the same conversation, a turn later."""
        kept = self.messages[: len(before.messages)] == before.messages
        return kept and len(self.messages) > len(before.messages) and self.tools >= before.tools


def signs(prompt: Counted, window: int, before: Sequence[Counted]) -> str:
    """What tells that the prompt was cut; empty when nothing does.

    The counts that a cut leaves are those of Ollama's runner: num_ctx - (num_ctx - keep) / 2
    with keep 4 or 5 (0.30.9 and later), or num_ctx (0.24 and before). Whole messages that were
    left out show by too few tokens for the text, or fewer than for a part of it.

    Args:
        prompt: with a count above 0.
        window: in tokens, as far as known.
        before: earlier prompts to this model.
    """
    text = "\n".join(message.content for message in prompt.messages)
    # No tokenizer makes more tokens than bytes, so a shorter text cannot have been cut.
    most = len(text.encode()) + prompt.tools + _TEMPLATE_BYTES * (len(prompt.messages) + 1)
    if most >= window and prompt.tokens in (window // 2 + 2, window // 2 + 3, window):
        return "the count that a cut leaves"
    dense = len(" ".join(text.split()))
    if dense > _TELLING_CHARS and prompt.tokens < dense * _LEAST_TOKENS_PER_CHAR:
        return f"too few for {dense} characters"
    for earlier in before:
        if prompt.grew_from(earlier) and prompt.tokens < earlier.tokens:
            return f"fewer than the {earlier.tokens} of the conversation before its last turn"
    return ""
