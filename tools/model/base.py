"""The model protocol: one request, one reply. Everything that can be a brain implements it.

A request carries the prompt for brains that read, and the brief that the prompt was made from
for brains that compute. Both answer in the same text formats, so the same nodes drive them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from greenloop.state import TestFailure
from greenloop.tools.model.profile import Profile
from greenloop.tools.reader.base import Call, Tool

Role = Literal["planner", "coder", "reviewer"]

Schema = Mapping[str, object]
"""A JSON schema."""

MESSAGE_TOKENS = 8
"""What a chat template puts around a message, rather too many."""
_REPLY_SHARE = 3
"""A reply never takes more than one part in so many of the window."""


@dataclass(frozen=True, slots=True)
class Window:
    """The context window of a thread, in tokens; fixed, since a change loads the model anew."""

    num_ctx: int
    """Prompt and reply together."""
    num_predict: int
    """Longest reply."""

    @property
    def room(self) -> int:
        """For the prompt: what is left when the reply has its part."""
        return self.num_ctx - self.num_predict


def window_of(num_ctx: int, num_predict: int) -> Window:
    """A window in which the reply leaves most of the room to the prompt."""
    return Window(num_ctx, min(num_predict, num_ctx // _REPLY_SHARE))


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
    tools: tuple[Tool, ...] = ()
    """Offered through the server by a brain whose profile says that this works; else ignored."""
    schema: Schema | None = None
    """The reply shall be JSON of this schema; ignored by a brain whose profile says it cannot."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a model answered; complete by construction, a cut reply is an error."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    gave_up: str = ""
    """Set by a brain that knows it has nothing more to offer: why."""
    calls: tuple[Call, ...] = ()
    """Tools called through the server, arguments as they came; the text may then be empty."""
    confidence: float | None = None
    """Geometric mean of the probabilities of the reply's tokens; None where the server is mute."""
    prompt_s: float = 0.0
    """Time the server took to read the prompt, in seconds; short when it knew the beginning."""
    reply_s: float = 0.0
    """Time the server took to write the reply, in seconds."""


OnText = Callable[[str], None]
"""Hears a reply as it comes; all of it together is the reply's text.

Where a connection broke in mid-reply and the brain asks again by itself, a line break follows,
and then the new reply from its beginning: what was heard then ends with the reply's text.
"""


class ChatModel(Protocol):
    """A brain."""

    name: str
    """As the user names it."""
    reads_prompt: bool
    """False for a brain that works from the brief alone: no context is gathered for it."""

    @property
    def window(self) -> Window:
        """What fits; of no meaning where no prompt is read."""
        ...

    @property
    def profile(self) -> Profile:
        """The formats that it keeps."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text, rather too many than too few."""
        ...

    def cancel(self) -> None:
        """Break off the reply that is being made, from any thread.

        A connection is closed within half a second; a search ends after the trial it is at.
        """
        ...

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Answer one request.

        `on_text` sees the words as they come; from a brain that computes, lines on its progress.

        Raises:
            ModelUnavailableError: no connection, or it broke or stalled.
            ModelReplyError: an empty, cut or failed reply.
            ContextError: the prompt does not fit the window.
            ModelNotFoundError: the server does not have the model.
            CancelledError: `cancel` was called.
        """
        ...


__all__ = [
    "MESSAGE_TOKENS",
    "Brief",
    "ChatModel",
    "Message",
    "ModelReply",
    "ModelRequest",
    "OnText",
    "Role",
    "Schema",
    "Window",
    "window_of",
]
