"""A model behind Ollama, through `ChatOllama`: what it answers is complete, or an error says why.

Ollama cuts a long prompt, ends a reply early or falls silent without calling any of it an error;
each of these is looked for here.
"""

import logging
import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenloop.errors import ContextError, ModelReplyError, ModelUnavailableError
from greenloop.tools.model.base import Message, ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.ollama_errors import PassingError, Talk
from greenloop.tools.model.probe import is_loopback, without_login
from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.speech import Speech

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk
    from langchain_ollama import ChatOllama

CHARS_PER_TOKEN = 3.5
"""Of code and English in the tokenizers of current small models; for the check before sending."""
_LEAST_TOKENS_PER_CHAR = 1 / 12
"""Half of what the densest text has (six characters to a token); fewer means a cut."""
_TELLING_CHARS = 2000
"""Prompts shorter than this say nothing by their density."""


@dataclass(slots=True)
class OllamaModel:
    """A chat model in Ollama; implements `ChatModel`. Holds no connection between replies."""

    name: str
    host: str
    """Normalised, see `normalise_host`."""
    num_ctx: int
    """Context window in tokens; another value than last time makes the server load anew."""
    num_predict: int
    """Longest reply in tokens."""
    keep_alive: str = "30m"
    """How long the server keeps the model loaded, as a Go duration."""
    connect_s: float = 3
    gap_s: float = 180
    """Longest silence, in seconds; before the first word it covers loading and reading."""
    overall_s: float = 900
    """Longest time for a reply, in seconds, tries included."""
    pauses_s: Sequence[float] = (0.25, 1.0)
    """Before each further try, in seconds; short, since the server is near."""
    profile: Profile = DEFAULT
    reads_prompt: bool = field(default=True, init=False)

    @property
    def window(self) -> Window:
        """As given."""
        return Window(self.num_ctx, self.num_predict)

    def count(self, text: str) -> int:
        """By the profile's characters to a token."""
        return math.ceil(len(text) / self.profile.chars_per_token)

    def cancel(self) -> None:
        """Break off the reply; see `ChatModel.cancel`."""
        raise NotImplementedError

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Ask once, and again after each pause where that may help and nothing was heard yet.

        Thoughts that the model writes before its answer reach neither the reply nor `on_text`.
        Token counts are the server's; our estimate where it gives none.

        Raises:
            ModelUnavailableError: no connection, or it broke, stalled or took too long.
            ModelReplyError: the reply is empty, cut or failed.
            ContextError: the prompt does not fit the window, or the server cut it.
            ModelNotFoundError: the server does not have the model.
        """
        self._check_fit(request.messages)
        began = time.monotonic()
        pauses = iter(self.pauses_s)
        while True:
            try:
                return self._try(request, on_text, began)
            except PassingError as failure:
                pause = next(pauses, None)
                if pause is None or time.monotonic() + pause > began + self.overall_s:
                    raise failure.error from failure.__cause__
            time.sleep(pause)

    def _check_fit(self, messages: Sequence[Message]) -> None:
        if not any(message.content.strip() for message in messages):
            raise ModelReplyError(f"there is nothing to ask {self.name}: the prompt is empty")
        prompt = _estimate("".join(message.content for message in messages))
        if prompt + self.num_predict > self.num_ctx:
            raise ContextError(
                f"the prompt does not fit: about {prompt} tokens, and {self.num_predict} for the "
                f"reply, are more than the window of {self.num_ctx}; raise num_ctx, lower "
                "num_predict or make the task smaller"
            )

    def _try(self, request: ModelRequest, on_text: OnText | None, began: float) -> ModelReply:
        speech = Speech(on_text)
        end: dict[str, Any] = {}
        with closing(self._chunks(request)) as chunks:
            for chunk in chunks:
                end |= chunk.response_metadata
                speech.hear(str(chunk.text))
                if time.monotonic() - began > self.overall_s and not end.get("done"):
                    raise ModelUnavailableError(
                        f"{self.name} was not done after {self.overall_s:g} s: raise "
                        "reply_timeout, lower num_predict or choose a smaller model"
                    )
        speech.finish()
        self._check_cut(request.messages, end.get("prompt_eval_count"))
        self._check_end(speech, end)
        asked = "".join(message.content for message in request.messages)
        return ModelReply(
            speech.text,
            tokens_in=end.get("prompt_eval_count") or _estimate(asked),
            tokens_out=end.get("eval_count") or _estimate(speech.text),
            seconds=time.monotonic() - began,
        )

    def _chunks(self, request: ModelRequest) -> Generator["AIMessageChunk", None, None]:
        """The reply as it comes; closing the iterator closes the connection."""
        import httpx  # noqa: PLC0415
        from ollama import ResponseError  # noqa: PLC0415

        heard = False
        chat = self._open(request)
        turns = [(message.role, message.content) for message in request.messages]
        try:
            with closing(chat._client):
                for chunk in chat.stream(turns):
                    heard = True
                    yield chunk
        except ResponseError as error:
            raise self._talk.refusal(error) from error
        except httpx.HTTPError as error:
            raise self._talk.breakdown(error, heard=heard) from error
        except (ValueError, TypeError, AttributeError) as error:
            # ChatOllama says in these words that the server only loaded the model.
            if "No generation chunks" in str(error):
                raise PassingError(
                    self._talk.empty("Ollama loaded it and stopped there")
                ) from error
            raise self._talk.rubbish(error) from error

    def _open(self, request: ModelRequest) -> "ChatOllama":
        """A client for one reply: nobody would close one that is kept."""
        import httpx  # noqa: PLC0415
        from langchain_ollama import ChatOllama  # noqa: PLC0415

        # It warns of what is an error here anyway, and would write into the user's terminal.
        logging.getLogger("langchain_ollama").setLevel(logging.ERROR)
        gap = min(self.gap_s, self.overall_s)
        return ChatOllama(
            model=self.name,
            base_url=self.host,
            num_ctx=self.num_ctx,
            num_predict=self.num_predict,
            temperature=request.temperature,
            seed=request.seed,
            keep_alive=self.keep_alive,
            reasoning=False,
            client_kwargs={
                "timeout": httpx.Timeout(gap, connect=self.connect_s),
                "trust_env": not is_loopback(self.host),
                "verify": self.host.startswith("https:"),
            },
        )

    def _check_cut(self, messages: Sequence[Message], seen: int | None) -> None:
        """Recognise by the server's count a prompt that it cut.

        The counts that a cut leaves are those of Ollama's runner: num_ctx - (num_ctx - keep) / 2
        with keep 4 or 5 (0.30.9 and later), or num_ctx (0.24 and before).
        """
        if seen is None:
            return
        text = "\n".join(message.content for message in messages)
        # No tokenizer makes more tokens than bytes, so a shorter text cannot have been cut.
        could_exceed = len(text.encode()) + 32 * (len(messages) + 1) >= self.num_ctx
        marks = (self.num_ctx // 2 + 2, self.num_ctx // 2 + 3, self.num_ctx)
        dense = len(" ".join(text.split()))
        sparse = dense > _TELLING_CHARS and seen < dense * _LEAST_TOKENS_PER_CHAR
        if sparse or (could_exceed and seen in marks):
            raise ContextError(
                f"Ollama cut the prompt: {self.name} saw {seen} tokens of about "
                f"{_estimate(text)}; raise num_ctx ({self.num_ctx}), or see with `ollama ps` "
                "whether the model got a smaller window"
            )

    def _check_end(self, speech: Speech, end: dict[str, Any]) -> None:
        reason = end.get("done_reason")
        if not end.get("done"):
            raise ModelReplyError(
                f"the reply of {self.name} stopped without an end, as when a model only repeats "
                "itself: ask again, or choose another model"
            )
        if reason == "length":
            raise self._too_long(end.get("eval_count") or 0)
        if reason in ("load", "unload"):
            raise PassingError(self._talk.empty(f"Ollama stopped at the {reason} of the model"))
        if reason not in (None, "stop"):
            raise ModelReplyError(f"the reply of {self.name} is cut: it ended by {reason!r}")
        if not speech.text.strip():
            if speech.thought or speech.text:
                raise self._talk.empty("it only thought" if speech.thought else "only blanks came")
            raise PassingError(self._talk.empty("it said nothing"))

    def _too_long(self, said: int) -> ModelReplyError:
        if said >= self.num_predict:
            cause = f"it reached num_predict ({self.num_predict} tokens)"
        else:
            cause = f"prompt and reply filled the window, num_ctx ({self.num_ctx} tokens)"
        limit = cause.partition(" (")[0].rpartition(" ")[2]
        return ModelReplyError(
            f"the reply of {self.name} is cut: {cause}; raise {limit} or make the task smaller"
        )

    @property
    def _talk(self) -> Talk:
        gap = min(self.gap_s, self.overall_s)
        return Talk(self.name, without_login(self.host), self.num_ctx, gap)


def _estimate(text: str) -> int:
    return math.ceil(len(text) / CHARS_PER_TOKEN)
