"""Which reply of a script answers which request: conditions on what is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

Bounds = int | Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Question:
    """What of a request the conditions look at."""

    endpoint: str
    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: bool = False
    format: bool = False
    stream: bool = True
    think: bool = False

    def texts(self, *roles: str) -> list[str]:
        """Contents of the messages with these roles; of all without roles."""
        return [
            str(message.get("content") or "")
            for message in self.messages
            if not roles or message.get("role") in roles
        ]

    @property
    def role(self) -> str:
        """Of the last message."""
        return str(self.messages[-1].get("role", "")) if self.messages else ""

    @property
    def turns(self) -> int:
        """Replies that are in the history already."""
        return sum(message.get("role") == "assistant" for message in self.messages)


@dataclass(frozen=True, slots=True)
class When:
    """Conditions; all that are set must hold. The fields are described in `script.py`."""

    endpoint: str | None = None
    model: str | None = None
    role: str | None = None
    tools: bool | None = None
    format: bool | None = None
    stream: bool | None = None
    think: bool | None = None
    messages: Bounds = None
    turns: Bounds = None
    system: str | None = None
    last: str | None = None
    contains: str | Sequence[str] = ()
    lacks: str | Sequence[str] = ()

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read the conditions of a reply.

        Raises:
            ValueError: a key that means nothing.
        """
        unknown = sorted(data.keys() - {f.name for f in fields(cls)})
        if unknown:
            raise ValueError(f"when: unknown keys {unknown}")
        return cls(**data)

    def fits(self, asked: Question) -> bool:
        """Whether a request is as described."""
        same = ("endpoint", "model", "role", "tools", "format", "stream", "think")
        if any(getattr(self, key) not in (None, getattr(asked, key)) for key in same):
            return False
        if not _within(len(asked.messages), self.messages) or not _within(asked.turns, self.turns):
            return False
        return self._words_fit(asked)

    def _words_fit(self, asked: Question) -> bool:
        said = asked.texts()
        if self.system is not None and not any(self.system in s for s in asked.texts("system")):
            return False
        if self.last is not None and not (said and self.last in said[-1]):
            return False
        if any(not any(word in text for text in said) for word in _several(self.contains)):
            return False
        return not any(word in text for word in _several(self.lacks) for text in said)


def _within(number: int, bounds: Bounds) -> bool:
    if bounds is None:
        return True
    if isinstance(bounds, int):
        return number == bounds
    low, high = bounds
    return low <= number <= high


def _several(words: str | Sequence[str]) -> Sequence[str]:
    return (words,) if isinstance(words, str) else words
