"""How a reply ended: its figures, and whether it is whole. Ollama calls none of these an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from greenloop.errors import ModelReplyError
from greenloop.tools.model.reply_errors import (
    EMPTY,
    REPEATED,
    UNTHOUGHT,
    PassingError,
    cut_at,
    empty,
    too_long,
)

if TYPE_CHECKING:
    from greenloop.tools.model.ollama_heard import Heard

_NANO = 1e-9

SWALLOWED = (
    "Your tool call could not be read. Write it in the text, as a fenced block:\n"
    '```json\n{"name": "TOOL", "arguments": {"NAME": "VALUE"}}\n```'
)


@dataclass(frozen=True, slots=True)
class End:
    """The last line of a reply. Counts are 0 where the server gives none."""

    done: bool
    reason: str
    prompt_tokens: int
    reply_tokens: int
    prompt_s: float
    reply_s: float
    load_s: float

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self:
        """Read it; an empty mapping for a stream that had none. Durations come in nanoseconds."""
        return cls(
            done=bool(line.get("done")),
            reason=str(line.get("done_reason") or ""),
            prompt_tokens=line.get("prompt_eval_count") or 0,
            reply_tokens=line.get("eval_count") or 0,
            prompt_s=(line.get("prompt_eval_duration") or 0) * _NANO,
            reply_s=(line.get("eval_duration") or 0) * _NANO,
            load_s=(line.get("load_duration") or 0) * _NANO,
        )

    @property
    def only_loaded(self) -> bool:
        """Whether the server did no more than to load the model, or to unload it."""
        return self.reason in ("load", "unload")


@dataclass(frozen=True, slots=True)
class Judge:
    """Says whether a reply is whole."""

    model: str
    num_ctx: int
    num_predict: int

    def check(self, end: End, heard: "Heard", *, offered: bool) -> None:
        """Whether it ended as a whole reply does, and says something.

        Args:
            end: of the reply.
            heard: the reply.
            offered: whether tools were sent along.

        Raises:
            ModelReplyError: it did not.
            PassingError: it did not, and another try may help.
        """
        text = heard.speech.text
        spoken = bool(text.strip())
        self._check_end(end, thought=heard.thought and not spoken)
        if spoken or heard.calls:
            return
        if heard.thought:
            raise empty(self.model, "it only thought", UNTHOUGHT)
        if text:
            raise empty(self.model, "only blanks came")
        raise self._wordless(end, offered=offered)

    def _check_end(self, end: End, *, thought: bool) -> None:
        if not end.done:
            raise ModelReplyError(
                f"the reply of {self.model} stopped without an end, as when a model only repeats "
                "itself: ask again, or choose another model",
                feedback=REPEATED,
            )
        if end.reason == "length":
            raise self._too_long(end, thought=thought)
        if end.only_loaded:
            raise PassingError(
                empty(self.model, f"Ollama stopped at the {end.reason} of the model")
            )
        if end.reason not in ("", "stop"):
            raise ModelReplyError(
                f"the reply of {self.model} is cut: it ended by {end.reason!r}; ask again, or see "
                "the log of `ollama serve`",
                feedback=EMPTY,
            )

    def _wordless(self, end: End, *, offered: bool) -> Exception:
        if not end.reply_tokens:
            return PassingError(empty(self.model, "it said nothing"))
        if offered:
            return ModelReplyError(
                f"Ollama lost a tool call that {self.model} garbled: ask again, or turn native "
                "tools off for it",
                feedback=SWALLOWED,
            )
        return empty(self.model, f"the server counts {end.reply_tokens} tokens but gave no words")

    def _too_long(self, end: End, *, thought: bool) -> ModelReplyError:
        said = end.reply_tokens or self.num_predict
        feedback = UNTHOUGHT if thought else cut_at(said)
        if end.reply_tokens >= self.num_predict:
            return too_long(self.model, self.num_predict, feedback)
        if end.prompt_tokens + end.reply_tokens >= self.num_ctx:
            cause = f"prompt and reply filled the window, num_ctx ({self.num_ctx} tokens)"
            cure = "raise num_ctx"
        else:
            cause = f"the server ended it after {said} tokens, by a limit of its own"
            cure = "see the log of `ollama serve`"
        return ModelReplyError(
            f"the reply of {self.model} is cut: {cause}; {cure} or make the task smaller",
            feedback=feedback,
        )
