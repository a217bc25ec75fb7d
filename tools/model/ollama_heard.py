"""What is heard of a reply: its words, thoughts, calls and figures; and when to stop listening."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenloop.errors import ModelReplyError
from greenloop.tools.model.ollama_end import End
from greenloop.tools.model.reply_errors import UNTHOUGHT, cut_at, repeated
from greenloop.tools.model.runaway import Runaway
from greenloop.tools.model.speech import Speech
from greenloop.tools.reader.base import Call

if TYPE_CHECKING:
    from ollama import ChatResponse

THOUGHT_TOKENS = 2048
"""Longest thinking before an answer; small models that think longer seldom come to an end."""
_SPARE_CHUNKS = 16
_MOST_CHARS_PER_TOKEN = 5
"""A reply with more chunks than num_predict, and more characters than it by this, has no end."""


@dataclass(slots=True)
class Heard:
    """One reply as it comes in."""

    model: str
    num_predict: int
    count: Callable[[int], int]
    """Tokens of so many characters."""
    speech: Speech
    runaway: Runaway
    calls: list[Call] = field(default_factory=list)
    _end: Mapping[str, Any] = field(default_factory=dict)
    _chunks: int = 0
    _chars: int = 0
    _thought_chars: int = 0
    _logprobs: list[float] = field(default_factory=list)

    @property
    def end(self) -> End:
        """How it ended."""
        return End.of(self._end)

    @property
    def thought(self) -> bool:
        """Whether there were thoughts."""
        return self.speech.thought or self._thought_chars > 0

    @property
    def anything(self) -> bool:
        """Whether any part came."""
        return self._chunks > 0

    @property
    def confidence(self) -> float | None:
        """Exp of the mean log probability of what was said; None where none were sent."""
        if not self._logprobs:
            return None
        return math.exp(sum(self._logprobs) / len(self._logprobs))

    @property
    def thought_chars(self) -> int:
        """Length of the thoughts so far, of those in tags while they go on."""
        return self._thought_chars + self.speech.thinking

    def take(self, words: str, part: "ChatResponse | None") -> None:
        """Take the next part: its words, and the rest of it as the server sent it.

        Raises:
            ModelReplyError: it repeats itself, thinks too long or does not end; stop listening.
        """
        self._chunks += 1
        said = self.speech.hear(words)
        if part is not None:
            self._note(part, said=bool(said))
        if said:
            self._chars += len(said)
            self._check_runaway(self.runaway.hears(said))
        self._check_thoughts()

    def note_end(self, part: "ChatResponse") -> None:
        """Keep the figures of the last line."""
        if part.done:
            self._end = part.model_dump(exclude={"message", "logprobs"})

    def _note(self, part: "ChatResponse", *, said: bool) -> None:
        message = part.message
        self._thought_chars += len(message.thinking or "")
        for call in message.tool_calls or ():
            self.calls.append(Call(call.function.name, dict(call.function.arguments)))
        if said or message.tool_calls:
            known = (entry.logprob for entry in part.logprobs or ())
            self._logprobs += [min(value, 0.0) for value in known if math.isfinite(value)]

    def _check_runaway(self, found: str) -> None:
        if found:
            raise repeated(self.model, found)
        most = self.num_predict
        if self._chunks > most + _SPARE_CHUNKS and self._chars > most * _MOST_CHARS_PER_TOKEN:
            raise ModelReplyError(
                f"the reply of {self.model} was stopped: the server does not keep num_predict "
                f"({most} tokens); update Ollama, or make the task smaller",
                feedback=cut_at(most),
            )

    def _check_thoughts(self) -> None:
        if self.count(self.thought_chars) > THOUGHT_TOKENS:
            raise ModelReplyError(
                f"the reply of {self.model} was stopped: it thought for more than "
                f"{THOUGHT_TOKENS} tokens; ask again, or turn thinking off",
                feedback=UNTHOUGHT,
            )
