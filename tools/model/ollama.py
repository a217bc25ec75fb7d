"""A model behind Ollama, through `ChatOllama`: what it answers is complete, or an error says why.

Ollama cuts a long prompt, ends a reply early or falls silent without calling any of it an error;
each of these is looked for here.
"""

import json
import logging
import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenloop.errors import (
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)
from greenloop.tools.model.base import Message, ModelReply, ModelRequest, OnText
from greenloop.tools.model.probe import is_loopback, without_login

if TYPE_CHECKING:
    import httpx
    from langchain_core.messages import AIMessageChunk
    from langchain_ollama import ChatOllama
    from ollama import ResponseError

CHARS_PER_TOKEN = 3.5
"""Of code and English in the tokenizers of current small models; for the check before sending."""
_LEAST_TOKENS_PER_CHAR = 1 / 12
"""Half of what the densest text has (six characters to a token); fewer means a cut."""
_TELLING_CHARS = 2000
"""Prompts shorter than this say nothing by their density."""
_THINK, _THOUGHT = "<think>", "</think>"
_OUTPUT_ERRORS = ("xml syntax", "failed to parse", "parsing tool call", "invalid tool call")
"""In errors with status 500 that are about what the model wrote, not about the server."""
_WINDOW_ERRORS = ("context length", "context size")


class _Passing(Exception):
    """A failure that another try may cure; never leaves this module."""

    def __init__(self, error: GreenloopError) -> None:
        super().__init__(str(error))
        self.error = error


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
    reads_prompt: bool = field(default=True, init=False)

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Ask once, and again after each pause where that may help and nothing was heard yet.

        Thoughts that the model writes before its answer reach neither the reply nor `on_text`.
        Token counts are the server's; our estimate where it gives none.

        Raises:
            ModelUnavailableError: no connection, or it broke, stalled or took too long.
            ModelReplyError: the prompt does not fit or was cut; the reply is empty, cut or failed.
            ModelNotFoundError: the server does not have the model.
        """
        self._check_fit(request.messages)
        began = time.monotonic()
        pauses = iter(self.pauses_s)
        while True:
            try:
                return self._try(request, on_text, began)
            except _Passing as failure:
                pause = next(pauses, None)
                if pause is None or time.monotonic() + pause > began + self.overall_s:
                    raise failure.error from failure.__cause__
            time.sleep(pause)

    def _check_fit(self, messages: Sequence[Message]) -> None:
        if not any(message.content.strip() for message in messages):
            raise ModelReplyError(f"there is nothing to ask {self.name}: the prompt is empty")
        prompt = _estimate("".join(message.content for message in messages))
        if prompt + self.num_predict > self.num_ctx:
            raise ModelReplyError(
                f"the prompt does not fit: about {prompt} tokens, and {self.num_predict} for the "
                f"reply, are more than the window of {self.num_ctx}; raise num_ctx, lower "
                "num_predict or make the task smaller"
            )

    def _try(self, request: ModelRequest, on_text: OnText | None, began: float) -> ModelReply:
        speech = _Speech(on_text)
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
            raise self._refusal(error) from error
        except httpx.HTTPError as error:
            raise self._breakdown(error, heard=heard) from error
        except (ValueError, TypeError, AttributeError) as error:
            # ChatOllama says in these words that the server only loaded the model.
            if "No generation chunks" in str(error):
                raise _Passing(self._empty("Ollama loaded it and stopped there")) from error
            raise ModelReplyError(
                f"what {self._where} sent is not Ollama's format: {_one_line(str(error))}; "
                "check the address, and what stands between"
            ) from error

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
            raise ModelReplyError(
                f"Ollama cut the prompt: {self.name} saw {seen} tokens of about "
                f"{_estimate(text)}; raise num_ctx ({self.num_ctx}), or see with `ollama ps` "
                "whether the model got a smaller window"
            )

    def _check_end(self, speech: "_Speech", end: dict[str, Any]) -> None:
        reason = end.get("done_reason")
        if not end.get("done"):
            raise ModelReplyError(
                f"the reply of {self.name} stopped without an end, as when a model only repeats "
                "itself: ask again, or choose another model"
            )
        if reason == "length":
            raise self._too_long(end.get("eval_count") or 0)
        if reason in ("load", "unload"):
            raise _Passing(self._empty(f"Ollama stopped at the {reason} of the model"))
        if reason not in (None, "stop"):
            raise ModelReplyError(f"the reply of {self.name} is cut: it ended by {reason!r}")
        if not speech.text.strip():
            if speech.thought or speech.text:
                raise self._empty("it only thought" if speech.thought else "only blanks came")
            raise _Passing(self._empty("it said nothing"))

    def _too_long(self, said: int) -> ModelReplyError:
        if said >= self.num_predict:
            cause = f"it reached num_predict ({self.num_predict} tokens)"
        else:
            cause = f"prompt and reply filled the window, num_ctx ({self.num_ctx} tokens)"
        limit = cause.partition(" (")[0].rpartition(" ")[2]
        return ModelReplyError(
            f"the reply of {self.name} is cut: {cause}; raise {limit} or make the task smaller"
        )

    def _empty(self, why: str) -> ModelReplyError:
        return ModelReplyError(
            f"the reply of {self.name} is empty: {why}; ask again, or choose another model"
        )

    @property
    def _where(self) -> str:
        return without_login(self.host)

    def _refusal(self, error: "ResponseError") -> Exception:
        """What an error in Ollama's own words means; status -1 is an error in mid-reply."""
        status, text = error.status_code, _server_text(error.error)
        if status == 404:
            return self._not_found(text)
        if any(words in text.lower() for words in _WINDOW_ERRORS):
            return ModelReplyError(
                f"the prompt does not fit the window that {self.name} got: {text}; raise num_ctx "
                f"({self.num_ctx}) or make the task smaller"
            )
        if 400 <= status < 500:
            return ModelReplyError(
                f"Ollama refused the request (HTTP {status}): {text}; see `ollama show "
                f"{self.name}`, and update Ollama if it is old"
            )
        if _is_about_output(text.lower()):
            return ModelReplyError(
                f"Ollama could not read what {self.name} wrote: {text}; ask again, or choose "
                "another model"
            )
        if status == 503:
            return _Passing(
                ModelUnavailableError(
                    f"Ollama at {self._where} is busy: {text}; try again when it has less to do"
                )
            )
        when = "in mid-reply" if status < 0 else f"HTTP {status}"
        return ModelUnavailableError(
            f"Ollama at {self._where} failed to run {self.name} ({when}): {text}; see the log of "
            "`ollama serve`, lower num_ctx or choose a smaller model"
        )

    def _not_found(self, text: str) -> GreenloopError:
        if "model" not in text:
            return ModelUnavailableError(
                f"what answers at {self._where} has no /api/chat: check the address, and that "
                "`ollama serve` runs there"
            )
        return ModelNotFoundError(
            f"Ollama at {self._where} does not have {self.name!r}: `ollama pull {self.name}`, or "
            "name another with --model"
        )

    def _breakdown(self, error: "httpx.HTTPError", *, heard: bool) -> Exception:
        """What a failure of the connection means."""
        import httpx  # noqa: PLC0415

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ModelUnavailableError(
                f"no Ollama answers at {self._where}: start it with `ollama serve`"
            )
        if isinstance(error, httpx.TimeoutException):
            return ModelUnavailableError(
                f"Ollama at {self._where} was silent for {min(self.gap_s, self.overall_s):g} s: "
                "see `ollama ps`, restart `ollama serve`, raise stall_timeout or choose a "
                "smaller model"
            )
        when = "in mid-reply" if heard else "before the reply"
        broken = ModelUnavailableError(
            f"the connection to Ollama at {self._where} broke {when} "
            f"({_one_line(str(error)) or type(error).__name__}): see that `ollama serve` still runs"
        )
        return broken if heard else _Passing(broken)


class _Speech:
    """The words of a reply as they come, without the thoughts that it may begin with."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self._said: list[str] = []
        self._held: str | None = ""
        """What may be the beginning of thoughts, or is among them; None once words came."""
        self.thought = False

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(self._said)

    def hear(self, piece: str) -> None:
        """Take the next piece."""
        if self._held is not None:
            piece = self._past_thoughts(self._held + piece)
        if piece:
            self._said.append(piece)
            if self._on_text is not None:
                self._on_text(piece)

    def finish(self) -> None:
        """Say what was held back in case it became a thought."""
        if self._held and not self.thought:
            held, self._held = self._held, None
            self.hear(held)

    def _past_thoughts(self, held: str) -> str:
        """The words in what was held; empty while there are none."""
        self._held = held
        if not self.thought:
            start = held.lstrip()
            if not start.startswith(_THINK):
                if _THINK.startswith(start):
                    return ""
                self._held = None
                return held
            self.thought = True
        _, closed, words = held.partition(_THOUGHT)
        if not closed or not words.strip():
            return ""
        self._held = None
        return words.lstrip()


def _is_about_output(text: str) -> bool:
    # The parsers of tool calls say no more than this when a call breaks off.
    return text in ("eof", "unexpected eof") or any(words in text for words in _OUTPUT_ERRORS)


def _estimate(text: str) -> int:
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def _server_text(error: object) -> str:
    """The words in an error, which may be JSON once more, as one line."""
    found = error
    if isinstance(found, str) and found.lstrip().startswith("{"):
        try:
            found = json.loads(found)
        except ValueError:
            return _one_line(str(error))
    while isinstance(found, dict):
        found = found.get("error") or found.get("message") or json.dumps(found)
    return _one_line(str(found)) or "no reason given"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]}…"
