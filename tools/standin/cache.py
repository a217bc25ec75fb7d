"""The prefix cache of the one slot, and which conversation a request goes on with.

llama.cpp keeps keys and values of the last prompt and its reply; of the next prompt only what
follows the longest common prefix is computed. A conversation that is taken up again after another
one finds its prefix gone.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_REMEMBERED = 64
"""Conversations whose last request is kept, to know when one goes on."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the slot knows of a prompt, and where its conversation stands."""

    prefix_chars: int
    """Characters of the prompt that were in the slot already."""
    prompt_chars: int
    conversation: int
    """Number of the conversation, from 1."""
    continues: bool
    """The messages begin with all messages of an earlier request."""
    interleaved: bool
    """It continues, but the slot has answered another conversation since."""

    def tokens(self, seen: int) -> int:
        """Of the prompt's tokens, those that need not be computed; one always is."""
        return min(max(0, seen - 1), seen * self.prefix_chars // max(1, self.prompt_chars))


@dataclass(slots=True)
class _Slot:
    text: str = ""
    conversation: int = 0
    said: dict[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


class PrefixCache:
    """One slot for each model. Used by one request at a time."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}
        self._conversations = 0

    def meet(
        self, model: str, prompt: str, messages: Sequence[Mapping[str, Any]], *, reloaded: bool
    ) -> Known:
        """Put a prompt into the slot; a model loaded anew has forgotten everything."""
        slot = self._slots.setdefault(model, _Slot())
        if reloaded:
            slot.text = ""
        number = _continued(slot.said, messages)
        continues = number is not None
        if number is None:
            self._conversations += 1
            number = self._conversations
        known = Known(
            prefix_chars=_common(slot.text, prompt),
            prompt_chars=len(prompt),
            conversation=number,
            continues=continues,
            interleaved=continues and slot.conversation != number,
        )
        slot.text, slot.conversation = prompt, number
        slot.said.pop(number, None)
        slot.said[number] = list(messages)
        if len(slot.said) > _REMEMBERED:
            del slot.said[next(iter(slot.said))]
        return known

    def extend(self, model: str, said: str) -> None:
        """Add what the model said."""
        if model in self._slots:
            self._slots[model].text += said


def _continued(
    said: Mapping[int, Sequence[Mapping[str, Any]]], messages: Sequence[Mapping[str, Any]]
) -> int | None:
    """The conversation with the longest history that these messages begin with."""
    begun = [
        (len(before), number)
        for number, before in said.items()
        if before and list(messages[: len(before)]) == before
    ]
    return max(begun)[1] if begun else None


def _common(one: str, other: str) -> int:
    """Length of the common prefix."""
    sizes = range(1, min(len(one), len(other)) + 1)
    return bisect_left(sizes, True, key=lambda size: one[:size] != other[:size])
