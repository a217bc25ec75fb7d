"""A brain that says what it is told to say: for tests of everything around a model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from greenloop.errors import ModelReplyError
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText, Role, Window
from greenloop.tools.model.profile import DEFAULT, Profile

_CHARS_PER_TOKEN = 4
_WINDOW = Window(8192, 2048)


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """One thing to say."""

    text: str
    role: Role | None = None
    """Only for requests in this role; None for any."""
    gave_up: str = ""


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
    reads_prompt: bool = field(default=True, init=False)
    requests: list[ModelRequest] = field(default_factory=list, init=False)
    """What was asked so far."""
    _left: list[ScriptedReply | BaseException] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._left = [ScriptedReply(r) if isinstance(r, str) else r for r in self.replies]

    def count(self, text: str) -> int:
        """Four characters to a token."""
        return -(-len(text) // _CHARS_PER_TOKEN)

    def cancel(self) -> None:
        """Nothing: it speaks at once."""

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """The next reply for the request's role, word by word to `on_text`.

        Raises:
            ModelReplyError: the script has nothing left for this role.
            BaseException: what the script says.
        """
        self.requests.append(request)
        said = self._take(request.role)
        if isinstance(said, BaseException):
            raise said
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

    def _take(self, role: Role) -> ScriptedReply | BaseException:
        for index, entry in enumerate(self._left):
            if isinstance(entry, BaseException) or entry.role in (None, role):
                return self._left.pop(index)
        raise ModelReplyError(
            f"the script of {self.name} has no reply left for the {role} "
            f"at request {len(self.requests)}: add one"
        )
