"""What one request asks of a model, whichever way in it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenloop.tools.standin.offered import OfferedModel

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request for a reply."""

    model: OfferedModel
    name: str
    """The model's name as the client wrote it."""
    messages: Sequence[Mapping[str, Any]]
    num_ctx: int
    keep_s: float
    stream: bool = True
    thinks: bool = False
    num_predict: int = -1
    stop: Sequence[str] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    """The `function` part of each tool."""
    format: object = None
    """`"json"`, a schema, or None."""
    truncate: bool = True
    shift: bool = True
    logprobs: int | None = None
    """How many alternatives to each token; None where no probabilities are wanted."""
    runner: Mapping[str, Any] = field(default_factory=dict)
    """Options that are part of the load: other ones than last time load the model anew."""
    render_only: bool = False

    @property
    def calls_allowed(self) -> bool:
        """Whether a call can reach the client as one: a grammar for the format forbids it."""
        has_parser = self.model.reads_calls_as in ("xml", "qwen3", "harmony")
        return self.format is None and (bool(self.tools) or has_parser)


def version_of(text: str) -> Version:
    """A version as numbers: `0.30.0-rc1` is (0, 30, 0)."""
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) if number.isdigit() else 0 for number in numbers)
