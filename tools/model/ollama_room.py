"""The room of a model: whether a prompt fits, whether the server cut it, what its counts teach."""

import json
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

from greenloop.errors import ContextError, ModelUnavailableError
from greenloop.tools.model.base import MESSAGE_TOKENS, Message, Window, window_of
from greenloop.tools.model.ollama_cut import Counted, is_left, may_be_left, signs
from greenloop.tools.model.ollama_end import End
from greenloop.tools.model.ratio import Ratio
from greenloop.tools.model.reply_errors import check_fit
from greenloop.tools.model.server import Server
from greenloop.tools.model.server_records import version_number

_LOADED_ANEW_S = 0.5
"""A longer load means that the model was not in memory, and its window may be another."""
_WINDOW_S = 1.0
"""Longest wait for the window, in seconds; the reply is there already."""
_MISCOUNTS = (0, 30, 0)
"""Version of Ollama whose prompt_eval_count leaves out cached tokens; it refuses to cut."""
_REMEMBERED = 4
"""Prompts that a later one may be the continuation of."""


class Room:
    """The window of one model at one server, and how its tokens are counted."""

    def __init__(self, model: str, host: str, window: Window, chars_per_token: float) -> None:
        self._model = model
        self._host = host
        self._asked = window
        self._granted: int | None = None
        """The window that the server says the model has; None while unknown."""
        self._ratio = Ratio(chars_per_token)
        self._counted: deque[Counted] = deque(maxlen=_REMEMBERED)

    @property
    def window(self) -> Window:
        """As asked for; smaller once the server says that it grants less, so that prompts fit."""
        if self._granted is None or self._granted >= self._asked.num_ctx:
            return self._asked
        return window_of(self._granted, self._asked.num_predict)

    def count(self, text: str) -> int:
        """Tokens of a text, rather too many."""
        return self._ratio.tokens(text)

    def tokens(self, chars: int) -> int:
        """Tokens of so many characters of ASCII, rather too many."""
        return math.ceil(chars / self._ratio.value)

    def estimate(self, messages: Sequence[Message], tools: Sequence[Any]) -> int:
        """Tokens of a prompt, rather too many."""
        text = _text(messages) + _described(tools)
        return self.count(text) + MESSAGE_TOKENS * len(messages)

    def check_fit(self, messages: Sequence[Message], tools: Sequence[Any]) -> None:
        """Whether a prompt leaves room for the reply.

        Raises:
            ContextError: it does not.
            ModelReplyError: there are no words in it.
        """
        prompt, window = self.estimate(messages, tools), self.window
        check_fit(self._model, messages, prompt, window, self._in_words(window))

    def check_cut(
        self, messages: tuple[Message, ...], tools: Sequence[Any], end: End, *, told: bool
    ) -> None:
        """Learn from the server's count of a prompt.

        Args:
            messages: the prompt.
            tools: sent with it.
            end: how the reply ended.
            told: whether the request said not to cut.

        Raises:
            ContextError: it tells that the server cut the prompt.
        """
        if end.done and (self._granted is None or end.load_s > _LOADED_ANEW_S):
            self._granted = self._ask_window()
        if not end.prompt_tokens:
            return
        counted = Counted(messages, _described(tools), end.prompt_tokens)
        window = self.window.num_ctx
        why, known = signs(counted, tuple(self._counted)), may_be_left(counted, window)
        version = self._version() if why or known else (0, 0, 0)
        if why and version == _MISCOUNTS:
            return
        if not why and known and is_left(counted, window, version, told=told):
            why = "the count that a cut leaves"
        if why:
            raise ContextError(
                f"Ollama cut the prompt: {self._model} saw {end.prompt_tokens} tokens of about "
                f"{self.estimate(messages, tools)} ({why}), with {self._in_words(self.window)}; "
                "raise num_ctx, make the task smaller, or update Ollama if it is old"
            )
        self._counted.append(counted)
        self._ratio.learn(_text(messages) + counted.tools, end.prompt_tokens)

    def _ask_window(self) -> int | None:
        """What /api/ps says that the model has; None where that is not to be learnt."""
        try:
            found = Server(self._host, _WINDOW_S).running(self._model)
        except ModelUnavailableError:
            return None
        return (found.context_length or None) if found else None

    def _version(self) -> tuple[int, int, int]:
        """Of the server; zeros where that is not to be learnt."""
        try:
            return version_number(Server(self._host, _WINDOW_S).version())
        except ModelUnavailableError:
            return (0, 0, 0)

    def _in_words(self, window: Window) -> str:
        if window.num_ctx == self._asked.num_ctx:
            return f"the window, num_ctx ({window.num_ctx})"
        return f"the window of {window.num_ctx} that the server grants of {self._asked.num_ctx}"


def _text(messages: Sequence[Message]) -> str:
    return "".join(message.content for message in messages)


def _described(tools: Sequence[Any]) -> str:
    return json.dumps(tools) if tools else ""
