"""A brain that says what it is told to say: for tests of what is around a model, for reports."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from greenloop.errors import GreenloopError, ModelReplyError
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText, Role, Window
from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.ratio import estimate

_CHARS_PER_TOKEN = 4
_WINDOW = Window(8192, 2048)


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """One thing to say."""

    text: str
    role: Role | None = None
    """Only for requests in this role; None for any."""
    gave_up: str = ""
    error: BaseException | None = None
    """Raised instead of a reply."""


@dataclass(slots=True)
class ScriptedModel:
    """Says its replies one after the other; implements `ChatModel`.

    A request takes the first reply left that is for its role or for any. A string is a reply for
    any role; an exception is raised instead of a reply.
    """

    replies: Sequence[ScriptedReply | str | BaseException]
    name: str = "scripted"
    window: Window = _WINDOW
    profile: Profile = DEFAULT
    at_end: type[GreenloopError] = ModelReplyError
    """Raised when nothing is left to say; a `ReplayError` ends the run, others are the model's."""
    reads_prompt: bool = field(default=True, init=False)
    requests: list[ModelRequest] = field(default_factory=list, init=False)
    """What was asked so far."""
    _left: list[ScriptedReply] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._left = [_as_reply(reply) for reply in self.replies]

    def count(self, text: str) -> int:
        """Four characters of ASCII to a token."""
        return estimate(text, _CHARS_PER_TOKEN)

    def cancel(self) -> None:
        """Nothing: it speaks at once."""

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """The next reply for the request's role, word by word to `on_text`.

        Raises:
            GreenloopError: the script has nothing left for this role; see `at_end`.
            BaseException: what the script says.
        """
        self.requests.append(request)
        said = self._take(request.role)
        if said.error is not None:
            raise said.error
        if on_text is not None:
            for word in re.findall(r"\s*\S+\s*|\s+", said.text):
                on_text(word)
        asked = sum(len(message.content) for message in request.messages)
        return ModelReply(
            said.text,
            tokens_in=asked // _CHARS_PER_TOKEN,
            tokens_out=len(said.text) // _CHARS_PER_TOKEN,
            gave_up=said.gave_up,
        )

    def _take(self, role: Role) -> ScriptedReply:
        for index, reply in enumerate(self._left):
            if reply.role in (None, role):
                return self._left.pop(index)
        raise self.at_end(
            f"the script of {self.name} has no reply left for the {role} "
            f"at request {len(self.requests)}: add one"
        )


def _as_reply(entry: ScriptedReply | str | BaseException) -> ScriptedReply:
    if isinstance(entry, BaseException):
        return ScriptedReply("", error=entry)
    return ScriptedReply(entry) if isinstance(entry, str) else entry
