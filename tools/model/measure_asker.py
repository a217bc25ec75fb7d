"""Asking the model that is probed, under the window that was found, with a look at the clock."""

from dataclasses import dataclass, field, replace

from greenloop.tools.model.base import ModelReply, ModelRequest, window_of
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.server import Server

_REPLY_TOKENS = 1024
"""For a task; the longest expected answer has a fifth of that."""
_THINKING_TOKENS = 2048
"""The same for a model that thinks: some do so whatever they are told."""
_RECALL_SHARE = 8
"""The answer to the long prompt has one part in so many of the window."""
_FAULT_CHARS = 120


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the server is asked."""

    keep_alive: str = "30m"
    """How long the model stays loaded, as a Go duration."""
    gap_s: float = 180.0
    """Longest silence, and longest load, in seconds."""
    reading_s: float = 40.0
    """Longest time to read the long prompt, in seconds; on a slow machine it is shortened."""


@dataclass(slots=True)
class Asker:
    """A model under probe."""

    server: Server
    name: str
    num_ctx: int
    """The window that it is loaded with, in tokens."""
    conditions: Conditions
    profile: Profile
    """What is known so far."""
    replies: int = 0
    """That came, of whatever quality."""
    _told: set[str] = field(default_factory=set)
    _tokens: int = 0
    _seconds: float = 0.0

    @property
    def reply_tps(self) -> float:
        """Tokens written per second, over all replies so far; 0.0 where the server is mute."""
        return round(self._tokens / self._seconds, 1) if self._seconds else 0.0

    def ask(self, request: ModelRequest) -> ModelReply:
        """One reply.

        Raises:
            GreenloopError: as `ChatModel.reply`.
        """
        # What is probed is offered, whatever the family is known for.
        profile = replace(self.profile, native_tools=bool(request.tools), json_schema=True)
        model = OllamaModel(
            self.name,
            self.server.host,
            num_ctx=self.num_ctx,
            num_predict=self._room(request),
            keep_alive=self.conditions.keep_alive,
            gap_s=self.conditions.gap_s,
            profile=profile,
        )
        reply = model.reply(request)
        self.replies += 1
        if reply.reply_s:
            self._tokens += reply.tokens_out
            self._seconds += reply.reply_s
        return reply

    def in_short(self, fault: str) -> str:
        """A fault for a line of progress: without its cure, and as a whole only the first time."""
        if fault in self._told:
            return "as before"
        self._told.add(fault)
        short = fault.partition("; ")[0]
        return short if len(short) <= _FAULT_CHARS else f"{short[:_FAULT_CHARS]}…"

    def _room(self, request: ModelRequest) -> int:
        """Tokens for the reply; the long prompt, which has no system message, leaves little."""
        usual = _THINKING_TOKENS if self.profile.thinks else _REPLY_TOKENS
        if request.messages[0].role == "user":
            return min(usual, self.num_ctx // _RECALL_SHARE)
        return window_of(self.num_ctx, usual).num_predict
