"""What was found in a reply before it is checked: a call as written, or one that is broken."""

from dataclasses import dataclass, field
from typing import Literal

Form = Literal["json", "tags", "python", "line", "shell"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as the model wrote it."""

    start: int
    """Offset in the reply of its first character."""
    end: int
    """Offset after its last character."""
    name: str
    arguments: object
    """A mapping of names to values; or a list or a single value without names; or None."""
    form: Form = "json"
    lossless: bool = True
    """Every character of the arguments is as the model wrote it."""
    whole: bool = True
    """The arguments were closed: nothing of them can be missing."""
    sure: bool = True
    """Surely meant as a call; otherwise it is one only if it fits the tool's parameters."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that began like a call and could not be read."""

    start: int
    name: str
    cut: bool
    """The reply ended within it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block that is no call and names no file."""

    start: int
    language: str
    body: str
    closed: bool


@dataclass(slots=True)
class Scan:
    """What a reply holds, in order."""

    asked: list[Asked] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    thoughts: list[tuple[int, int]] = field(default_factory=list)
    """Spans that are no words for anybody."""
    open_thought: int = -1
    """Offset of a thought that is never closed; -1 if there is none."""
    mentions: list[tuple[int, int]] = field(default_factory=list)
    """Calls in the middle of a sentence: talked about, not asked for."""
