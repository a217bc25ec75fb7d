"""How a reply ended: its figures, and whether it is whole. Ollama calls none of these an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from greenloop.errors import ModelReplyError
from greenloop.tools.model.ollama_errors import PassingError

if TYPE_CHECKING:
    from greenloop.tools.model.ollama_heard import Heard

_NANO = 1e-9

EMPTY = "Your reply was empty or broken off. Answer in the format asked for."
UNTHOUGHT = "Your reply held only thoughts. Answer without thinking, in the format asked for."
REPEATED = "Your reply only repeated itself. Answer once more, short, and without repetition."
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
            raise self._empty("it only thought", UNTHOUGHT)
        if text:
            raise self._empty("only blanks came")
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
        if end.reason in ("load", "unload"):
            raise PassingError(self._empty(f"Ollama stopped at the {end.reason} of the model"))
        if end.reason not in ("", "stop"):
            raise ModelReplyError(
                f"the reply of {self.model} is cut: it ended by {end.reason!r}; ask again, or see "
                "the log of `ollama serve`",
                feedback=EMPTY,
            )

    def _wordless(self, end: End, *, offered: bool) -> Exception:
        if not end.reply_tokens:
            return PassingError(self._empty("it said nothing"))
        if offered:
            return ModelReplyError(
                f"Ollama lost a tool call that {self.model} garbled: ask again, or turn native "
                "tools off for it",
                feedback=SWALLOWED,
            )
        return self._empty(f"the server counts {end.reply_tokens} tokens but gave no words")

    def _empty(self, why: str, feedback: str = EMPTY) -> ModelReplyError:
        """A reply without words."""
        return ModelReplyError(
            f"the reply of {self.model} is empty: {why}; ask again, or choose another model",
            feedback=feedback,
        )

    def _too_long(self, end: End, *, thought: bool) -> ModelReplyError:
        said = end.reply_tokens or self.num_predict
        if end.reply_tokens >= self.num_predict:
            cause = f"it reached num_predict ({self.num_predict} tokens)"
            cure = "raise num_predict"
        elif end.prompt_tokens + end.reply_tokens >= self.num_ctx:
            cause = f"prompt and reply filled the window, num_ctx ({self.num_ctx} tokens)"
            cure = "raise num_ctx"
        else:
            cause = f"the server ended it after {said} tokens, by a limit of its own"
            cure = "see the log of `ollama serve`"
        return ModelReplyError(
            f"the reply of {self.model} is cut: {cause}; {cure} or make the task smaller",
            feedback=UNTHOUGHT
            if thought
            else f"Your reply was cut at {said} tokens; nothing was written. Send a smaller edit.",
        )
