"""A model behind Ollama, through `ChatOllama`: what it answers is complete, or an error says why.

Ollama cuts a long prompt, ends a reply early or falls silent without calling any of it an error;
each of these is looked for here.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from greenloop.tools.model.address import without_login
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.ollama_client import Asking, Dial, as_functions
from greenloop.tools.model.ollama_end import Judge
from greenloop.tools.model.ollama_errors import FieldRefused, Talk
from greenloop.tools.model.ollama_heard import Heard
from greenloop.tools.model.ollama_line import Line
from greenloop.tools.model.ollama_room import Room
from greenloop.tools.model.ollama_stream import Question, listen
from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.reply_errors import PassingError, priced
from greenloop.tools.model.runaway import Runaway
from greenloop.tools.model.speech import Speech


@dataclass(slots=True)
class OllamaModel:
    """A chat model in Ollama; implements `ChatModel`. Holds no connection between replies."""

    name: str
    host: str
    """Normalised, see `normalise_host`."""
    num_ctx: int
    """Context window in tokens; another value than last time makes the server load anew."""
    num_predict: int
    """Longest reply in tokens, thoughts included."""
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
    think: bool = False
    """Let a model that can think before it answers; its thoughts are left out of the reply."""
    reads_prompt: bool = field(default=True, init=False)
    _room: Room = field(init=False, repr=False, compare=False)
    _without: set[str] = field(default_factory=set, init=False, repr=False)
    """Fields that this server refused."""
    _lines: list[Line] = field(default_factory=list, init=False, repr=False, compare=False)
    """Of the replies that are being made."""
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        window = Window(self.num_ctx, self.num_predict)
        self._room = Room(self.name, self.host, window, self.profile.chars_per_token)

    @property
    def window(self) -> Window:
        """As given; smaller once the server says that it grants less, so that prompts fit."""
        return self._room.window

    def count(self, text: str) -> int:
        """By the characters to a token that the profile names, then by what the replies taught."""
        return self._room.count(text)

    def cancel(self) -> None:
        """Break off the replies that are being made; see `ChatModel.cancel`. Returns at once.

        A reply whose connection is still being opened ends when it is open or has failed, after
        `connect_s` at most for each address of the server. Between replies this does nothing.
        """
        with self._lock:
            for line in self._lines:
                line.break_off("cancelled")

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Ask once, and again after each pause where that may help.

        Where nothing was heard yet, every pause is used; a reply that broke in the middle is
        asked for once more: `on_text` then gets a line break and the new reply from its start.
        Thoughts that the model writes before its answer reach neither the reply nor `on_text`.
        Token counts are the server's; our estimate where it gives none.

        Raises:
            ModelUnavailableError: no connection, or it broke, stalled or took too long.
            ModelReplyError: the reply is empty, cut or failed.
            ContextError: the prompt does not fit the window, or the server cut it.
            ModelNotFoundError: the server does not have the model.
            CancelledError: `cancel` was called.
        """
        line = Line()
        with self._lock:
            self._lines.append(line)
        try:
            self._room.check_fit(request.messages, self._tools(request))
            with line.within(self.overall_s):
                return self._ask(request, on_text, line)
        finally:
            with self._lock:
                self._lines.remove(line)

    def _ask(self, request: ModelRequest, on_text: OnText | None, line: Line) -> ModelReply:
        began = time.monotonic()
        pauses = iter(self.pauses_s)
        broke = False
        while True:
            if line.reason:
                raise self._talk.broken_off(line.reason)
            speech = Speech(on_text)
            try:
                reply = self._try(request, speech, line, began)
                if line.cancelled:
                    raise self._talk.broken_off("cancelled")
                return reply
            except FieldRefused as refused:
                self._without.add(refused.field)
                continue
            except PassingError as failure:
                pause = None if broke and failure.once else next(pauses, None)
                if pause is None or time.monotonic() + pause > began + self.overall_s:
                    raise failure.error from failure.__cause__
                broke = broke or failure.once
            line.wait(pause)
            if on_text is not None and not (line.reason or speech.silent):
                on_text("\n")

    def _try(self, request: ModelRequest, speech: Speech, line: Line, began: float) -> ModelReply:
        prompt = "\n".join(message.content for message in request.messages)
        heard = Heard(self.name, self.num_predict, self._room.tokens, speech, Runaway(prompt))
        question, tools = self._question(request), self._tools(request)
        with priced(lambda: sum(self._spent(request, heard))):
            listen(question, heard, line, self._talk)
            end = heard.end
            told = "truncate" not in question.without
            self._room.check_cut(request.messages, tools, end, told=told)
            judge = Judge(self.name, self.num_ctx, self.num_predict)
            judge.check(end, heard, offered=bool(tools))
        tokens_in, tokens_out = self._spent(request, heard)
        return ModelReply(
            speech.text,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            seconds=time.monotonic() - began,
            calls=tuple(heard.calls),
            confidence=heard.confidence,
            prompt_s=end.prompt_s,
            reply_s=end.reply_s,
        )

    def _spent(self, request: ModelRequest, heard: Heard) -> tuple[int, int]:
        """Tokens of prompt and reply: the server's count, else our estimate."""
        end = heard.end
        if end.only_loaded:
            return 0, 0
        thoughts = self._room.tokens(heard.thought_chars)
        return (
            end.prompt_tokens or self._room.estimate(request.messages, self._tools(request)),
            end.reply_tokens or self.count(heard.speech.text) + thoughts,
        )

    def _question(self, request: ModelRequest) -> Question:
        asking = Asking(
            self.name,
            self.num_ctx,
            self.num_predict,
            request.temperature,
            request.seed,
            self.keep_alive,
            self.think,
        )
        formats: dict[str, Any] = {}
        if tools := self._tools(request):
            formats["tools"] = tools
        elif request.schema is not None and self.profile.json_schema:
            formats["format"] = dict(request.schema)
        return Question(
            Dial(self.host, self.connect_s, self._gap_s),
            asking,
            [(message.role, message.content) for message in request.messages],
            formats,
            frozenset(self._without),
        )

    def _tools(self, request: ModelRequest) -> list[dict[str, Any]]:
        return as_functions(request.tools) if self.profile.native_tools else []

    @property
    def _gap_s(self) -> float:
        return min(self.gap_s, self.overall_s)

    @property
    def _talk(self) -> Talk:
        where = without_login(self.host)
        return Talk(self.name, where, self.num_ctx, self._gap_s, self.overall_s)
