"""The model protocol: one request, one reply. Everything that can be a brain implements it.

A request carries the prompt for brains that read, and the brief that the prompt was made from
for brains that compute. Both answer in the same text formats, so the same nodes drive them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from greenloop.state import TestFailure

Role = Literal["planner", "coder", "reviewer"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Brief:
    """The facts behind a prompt."""

    workspace: Path
    task: str
    failures: tuple[TestFailure, ...] = ()
    """Of the last test run."""
    ordinal: int = 0
    """How often the work went back to this tree; a searching brain then offers its next best."""
    diff: str = ""
    """Unified diff of the whole work so far; for the reviewer."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What is asked of a model."""

    role: Role
    messages: tuple[Message, ...]
    brief: Brief
    temperature: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a model answered; complete by construction, a cut reply is an error."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    gave_up: str = ""
    """Set by a brain that knows it has nothing more to offer: why."""


OnText = Callable[[str], None]


class ChatModel(Protocol):
    """A brain."""

    name: str
    """As the user names it."""
    reads_prompt: bool
    """False for a brain that works from the brief alone: no context is gathered for it."""

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Answer one request.

        `on_text` sees the words as they come; from a brain that computes, lines on its progress.

        Raises:
            ModelUnavailableError: no connection, or it broke or stalled.
            ModelReplyError: an empty, cut or failed reply.
            ContextError: the prompt does not fit the window.
            ModelNotFoundError: the server does not have the model.
        """
        ...


__all__ = ["Brief", "ChatModel", "Message", "ModelReply", "ModelRequest", "OnText", "Role"]
