"""A model of any provider that LangChain knows: what it answers is complete, or an error says why.

The same promises as for Ollama are kept here over `init_chat_model`, an optional extra: our time
limits and tries, a way to break off, and an end that is looked at.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from greenloop.errors import ContextError
from greenloop.tools.model.base import MESSAGE_TOKENS, ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.breakable import Breakable
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.provider_client import Access, check_access, opened
from greenloop.tools.model.provider_errors import RefusedSettingError, Talk
from greenloop.tools.model.provider_names import provider_of
from greenloop.tools.model.ratio import Ratio
from greenloop.tools.model.reply_errors import (
    UNTHOUGHT,
    PassingError,
    check_fit,
    empty,
    priced,
    repeated,
    too_long,
)
from greenloop.tools.model.runaway import Runaway
from greenloop.tools.model.speech import Speech

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from langchain_core.messages import AIMessageChunk

NUM_CTX = 16_384
"""Tokens; a window that every current model of a provider has."""
_PROFILE = Profile(json_schema=False)
_REASONS = ("finish_reason", "stop_reason", "stopReason", "done_reason")
"""Where providers say why a reply ended."""
_TOO_LONG = frozenset({"length", "max_tokens", "max_output_tokens"})
_FULL = frozenset({"model_context_window_exceeded"})
_FILTERED = frozenset({"blocklist", "content_filter", "prohibited_content", "refusal", "safety"})
_TELLS_ITS_END = frozenset({"anthropic", "azure_openai", "openai"})
"""Providers whose replies always end with a reason, so that one without is cut."""
_LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class ProviderModel:
    """A chat model of a provider; implements `ChatModel`. Holds no connection between replies."""

    name: str
    """As `provider:model`."""
    window: Window
    base_url: str = ""
    """Address of the server, as its clients expect it; empty for the provider's own."""
    connect_s: float = 10
    gap_s: float = 180
    """Longest silence, in seconds."""
    overall_s: float = 900
    """Longest time for a reply, in seconds, tries included."""
    pauses_s: Sequence[float] = (1.0, 5.0)
    """Before each further try, in seconds, unless the server asks for longer."""
    profile: Profile = _PROFILE
    reads_prompt: bool = field(default=True, init=False)
    _untold: frozenset[str] = field(default=frozenset(), init=False, repr=False)
    _ratio: Ratio = field(init=False, repr=False)
    _work: Breakable = field(default_factory=Breakable, init=False, repr=False)

    def __post_init__(self) -> None:
        self._ratio = Ratio(self.profile.chars_per_token)

    def check(self) -> None:
        """Whether the packages and the key are there; see `check_access`.

        Raises:
            ConfigError: one is missing.
        """
        check_access(self._access)

    def count(self, text: str) -> int:
        """By characters to a token, as learned from the provider's counts."""
        return self._ratio.tokens(text)

    def cancel(self) -> None:
        """Break off the reply; see `ChatModel.cancel`."""
        self._work.cancel()

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Ask once, and again after each pause where that may help and nothing was heard yet.

        A setting that the model refuses, such as a temperature, is left out from then on.
        Thoughts that the model writes before its answer reach neither the reply nor `on_text`.

        Raises:
            ModelUnavailableError: no connection, or it broke, stalled or took too long.
            ModelReplyError: the reply is empty, cut or filtered, or repeats itself.
            ContextError: the prompt does not fit the window.
            ModelNotFoundError: the provider does not have the model.
            ConfigError: a package or the key is missing, or the key is refused.
            CancelledError: `cancel` was called.
        """
        return self._work.run(self._tries(request, on_text))

    @property
    def _access(self) -> Access:
        provider, model = provider_of(self.name) or ("openai", self.name)
        gap = min(self.gap_s, self.overall_s)
        return Access(provider, model, self.base_url, self.window.num_predict, self.connect_s, gap)

    @property
    def _talk(self) -> Talk:
        return Talk(self.name, self._access, self.window.num_ctx, self._untold)

    def _check_fit(self, request: ModelRequest) -> None:
        tokens = sum(self.count(m.content) + MESSAGE_TOKENS for m in request.messages)
        words = f"the window of {self.window.num_ctx}"
        check_fit(self.name, request.messages, tokens, self.window, words)

    async def _tries(self, request: ModelRequest, on_text: OnText | None) -> ModelReply:
        self._check_fit(request)
        end = time.monotonic() + self.overall_s
        pauses = iter(self.pauses_s)
        while True:
            try:
                return await self._ask(request, on_text, end)
            except RefusedSettingError as refused:
                self._untold |= {refused.setting}
            except PassingError as failure:
                pause = max(next(pauses, math.inf), failure.after_s)
                if pause > _LONGEST_PAUSE_S or time.monotonic() + pause > end:
                    raise failure.error from failure.__cause__
                await asyncio.sleep(pause)

    async def _ask(self, request: ModelRequest, on_text: OnText | None, end: float) -> ModelReply:
        began = time.monotonic()
        speech, ending = Speech(on_text), _Ending()
        asked = "\n".join(message.content for message in request.messages)

        def spent() -> tuple[int, int]:
            """Tokens of prompt and reply: the provider's count, else our estimate."""
            written = self.count(speech.text) + self.count("x" * speech.thinking)
            return ending.tokens_in or self.count(asked), ending.tokens_out or written

        with priced(lambda: sum(spent())):
            await self._listen(request, speech, ending, end)
            self._check_end(speech, ending)
        if ending.tokens_in:
            self._ratio.learn(asked, ending.tokens_in)
        tokens_in, tokens_out = spent()
        return ModelReply(
            speech.text,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            seconds=time.monotonic() - began,
        )

    async def _listen(
        self, request: ModelRequest, speech: Speech, ending: "_Ending", end: float
    ) -> None:
        """Take in a reply to its end."""
        turns = [(message.role, message.content) for message in request.messages]
        runaway = Runaway("\n".join(content for _, content in turns))
        async with (
            opened(self._access, request, self._untold) as chat,
            aclosing(cast("AsyncGenerator[AIMessageChunk]", chat.astream(turns))) as chunks,
        ):
            while (chunk := await self._next(chunks, end, heard=ending.began)) is not None:
                ending.note(chunk)
                if found := runaway.hears(speech.hear(str(chunk.text))):
                    raise repeated(self.name, found)
        speech.finish()

    async def _next(
        self, chunks: "AsyncGenerator[AIMessageChunk]", end: float, *, heard: bool
    ) -> "AIMessageChunk | None":
        """The next piece of the reply, None at its end."""
        gap, left = self._access.gap_s, max(0.0, end - time.monotonic())
        try:
            async with asyncio.timeout(min(gap, left)) as limit:
                return await anext(chunks, None)
        except Exception as error:
            # Each provider's package raises exceptions of its own.
            if limit.expired():
                late = self._talk.endless(self.overall_s) if left < gap else self._talk.silent(gap)
                raise late from error
            raise self._talk.named(error, heard=heard) from error

    def _check_end(self, speech: Speech, ending: "_Ending") -> None:
        if ending.reason in _TOO_LONG:
            thought = speech.thought and speech.silent
            raise too_long(self.name, self.window.num_predict, UNTHOUGHT if thought else "")
        if ending.reason in _FULL:
            raise ContextError(
                f"prompt and reply filled the window of {self.name}: lower num_ctx "
                f"({self.window.num_ctx}) or make the task smaller"
            )
        if ending.reason in _FILTERED:
            raise self._talk.filtered()
        if not ending.reason and self._access.provider in _TELLS_ITS_END:
            broken = self._talk.broken("it ended without an end", heard=ending.began)
            raise broken if ending.began else PassingError(broken)
        if not speech.text.strip():
            if speech.thought:
                raise empty(self.name, "it only thought", UNTHOUGHT)
            raise empty(self.name, "it said nothing")


@dataclass(slots=True)
class _Ending:
    """What the pieces of a reply say about it."""

    began: bool = False
    reason: str = ""
    """Why it ended, in lower case."""
    tokens_in: int = 0
    tokens_out: int = 0

    def note(self, chunk: "AIMessageChunk") -> None:
        self.began = True
        facts: dict[str, Any] = chunk.response_metadata
        incomplete = facts.get("incomplete_details") or {}
        named = [facts.get(key) for key in _REASONS]
        if facts.get("status"):  # of OpenAI's newer protocol
            named += [incomplete.get("reason"), facts["status"]]
        self.reason = next((str(r).lower() for r in named if r), self.reason)
        usage = chunk.usage_metadata
        if usage:
            self.tokens_in += usage["input_tokens"]
            self.tokens_out += usage["output_tokens"]


def open_provider(
    name: str, window: Window, base_url: str, gap_s: float, overall_s: float
) -> ProviderModel:
    """A provider's model, with its packages and key looked for.

    Args:
        name: as `provider:model`.
        window: what fits.
        base_url: address of the server; empty for the provider's own.
        gap_s: longest silence, in seconds.
        overall_s: longest time for a reply, in seconds.

    Raises:
        ConfigError: a package or the key is missing.
    """
    model = ProviderModel(name, window, base_url, gap_s=gap_s, overall_s=overall_s)
    model.check()
    return model
