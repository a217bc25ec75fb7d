"""One scripted answer: what is said, when it fits, and what goes wrong on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

from greenloop.tools.standin.faults import FAULTS
from greenloop.tools.standin.rules import When

PIECE = 16
"""Characters to a line of a stream, where the script does not cut the text itself."""

MOMENTS = ("before", "middle", "end")
_CUTS = (False, True, "reset", "before", "end")


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What is answered instead of the truth; also one that no Ollama would give."""

    status: int = 200
    body: str = ""
    stall: float = 0.0
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read one.

        Raises:
            ValueError: a key that means nothing.
        """
        refuse_unknown(data, {f.name for f in fields(cls)}, "raw answer")
        return cls(**data)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call as the server gives it to the client."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    index: int = 0
    """Place among the calls of the reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer; the fields are described in `script.py`."""

    text: str = ""
    pieces: Sequence[str] = ()
    thinking: str = ""
    tool_calls: Sequence[ToolCall] = ()
    formatted: str | None = None
    match: str = ""
    when: When | None = None
    times: int | None = 1
    stall: float = 0.0
    stall_mid: float = 0.0
    stall_end: float = 0.0
    delay: float = 0.0
    error: int = 0
    message: str = "scripted error"
    error_line: str = ""
    fault: str = ""
    at: str = "before"
    raw: RawAnswer | None = None
    content_type: str = ""
    junk: str = ""
    blank: bool = False
    broken: bool = False
    drip: float = 0.0
    cut: bool | str = False
    no_done: bool = False
    bare_done: bool = False
    done_reason: str = "stop"
    after: int | Literal["end"] | None = None
    split: bool = False
    endless: bool | str = False
    repeat: str = ""
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprob: float = -0.1

    @classmethod
    def parse(cls, data: str | Mapping[str, Any]) -> Self:
        """Read one entry.

        Raises:
            ValueError: a key or a value that means nothing, or text that differs from its pieces.
        """
        if isinstance(data, str):
            return cls(text=data)
        refuse_unknown(data, {f.name for f in fields(cls)}, "reply")
        given = dict(data)
        if given.get("when") is not None:
            given["when"] = When.parse(given["when"])
        if given.get("raw") is not None:
            given["raw"] = RawAnswer.parse(given["raw"])
        given["tool_calls"] = tuple(ToolCall(**call) for call in given.get("tool_calls", ()))
        reply = cls(**given)
        reply._check()
        return reply

    def _check(self) -> None:
        if self.pieces and self.text and "".join(self.pieces) != self.text:
            raise ValueError("reply: text and pieces differ")
        if self.fault and self.fault not in FAULTS:
            raise ValueError(f"reply: fault is one of {sorted(FAULTS)}, not {self.fault!r}")
        if self.at not in MOMENTS or self.cut not in _CUTS:
            raise ValueError(f"reply: at is one of {MOMENTS}, cut of {_CUTS}")

    @property
    def parts(self) -> tuple[str, ...]:
        """The text as it is streamed."""
        return tuple(self.pieces) if self.pieces else in_pieces(self.text)

    @property
    def whole(self) -> str:
        """The text as it is sent without streaming."""
        return "".join(self.parts)

    def saying(self, text: str) -> Self:
        """The same with another text."""
        return self if text == self.whole else replace(self, text=text, pieces=())


def in_pieces(text: str) -> tuple[str, ...]:
    """A text as a stream brings it."""
    return tuple(text[i : i + PIECE] for i in range(0, len(text), PIECE))


def refuse_unknown(data: Mapping[str, Any], known: set[str], what: str) -> None:
    """Hold a script to the keys that mean something.

    Raises:
        ValueError: there is another one.
    """
    unknown = sorted(data.keys() - known)
    if unknown:
        raise ValueError(f"{what}: unknown keys {unknown}")
