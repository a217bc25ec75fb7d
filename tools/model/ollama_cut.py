"""Whether the server cut the prompt: it says nothing of it, but its count tells.

Source: the two stages of cutting in server/prompt.go and the runner of Ollama; see `signs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from greenloop.tools.model.base import Message
from greenloop.tools.model.ratio import fewest

_LEAST_TOKENS_PER_CHAR = 1 / 12
"""Half of what the densest text has (six characters to a token); fewer means a cut."""
_TELLING_CHARS = 2000
"""Prompts shorter than this say nothing by their density."""
_TEMPLATE_BYTES = 32
"""What a chat template puts around a message, rather too much."""
_OBEYS = (0, 12, 4)
"""First version of Ollama that knows `truncate`; older ones cut whatever is sent."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A prompt that was sent, and how many tokens of it the server says the model saw."""

    messages: tuple[Message, ...]
    tools: str
    """The tools' descriptions, sent apart from the messages."""
    tokens: int

    def grew_from(self, before: "Counted") -> bool:
        """Whether this is that prompt and more: the same conversation, a turn later."""
        kept = self.messages[: len(before.messages)] == before.messages
        longer = len(self.messages) > len(before.messages)
        return kept and longer and len(self.tools) >= len(before.tools)


def may_be_left(prompt: Counted, window: int) -> bool:
    """Whether the count is one that a cut leaves, and the prompt long enough for one.

    The counts are those of Ollama's runner: num_ctx - (num_ctx - keep) / 2 with keep 4 or 5
    (0.30.9 and later), or num_ctx (0.24 and before).

    Args:
        prompt: with a count above 0.
        window: in tokens, as far as known.
    """
    # No tokenizer makes more tokens than bytes, so a shorter text cannot have been cut.
    size = len(_text(prompt).encode("utf-8", "surrogatepass")) + len(prompt.tools)
    most = size + _TEMPLATE_BYTES * (len(prompt.messages) + 1)
    return most >= window and prompt.tokens in (window // 2 + 2, window // 2 + 3, window)


def is_left(prompt: Counted, window: int, version: tuple[int, int, int], *, told: bool) -> bool:
    """Whether a count that may be what a cut left is it, and no coincidence.

    A server that was told not to cut, and knows the word, does not; something between may have
    swallowed it, but then there are fewer tokens than the text has at the least.

    Args:
        prompt: with such a count.
        window: in tokens, as far as known.
        version: of the server; zeros if unknown.
        told: whether the request carried `truncate: false`.
    """
    if any(version) and version < _OBEYS:
        return prompt.tokens == window
    if not told:
        return True
    return prompt.tokens < fewest(_text(prompt) + prompt.tools)


def signs(prompt: Counted, before: Sequence[Counted]) -> str:
    """What tells that whole messages were left out of the prompt; empty when nothing does.

    Then there are too few tokens for the text, or fewer than for a part of it.

    Args:
        prompt: with a count above 0.
        before: earlier prompts to this model.
    """
    text = _text(prompt)
    dense = len(" ".join(text.split()))
    if dense > _TELLING_CHARS and prompt.tokens < dense * _LEAST_TOKENS_PER_CHAR:
        return f"too few for {dense} characters"
    for earlier in before:
        if prompt.grew_from(earlier) and prompt.tokens < earlier.tokens:
            return f"fewer than the {earlier.tokens} of the conversation before its last turn"
    return ""


def _text(prompt: Counted) -> str:
    return "\n".join(message.content for message in prompt.messages)
