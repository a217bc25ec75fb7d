"""A conversation within one step: it only grows, by turns that are clipped to what is left.

Its beginning stays as it was to the byte, so that the server need not read it again.
"""

from greenloop.nodes.fitting import Part, fit
from greenloop.nodes.prompting import tool_tokens, usable
from greenloop.tools.model.base import MESSAGE_TOKENS, ChatModel, Message
from greenloop.tools.reader.base import Tool

_LEAST_TURN = 120
"""Tokens below which another turn says nothing."""
NOTHING_SAID = "(no usable reply)"
"""Stands for a reply that never came: many chat templates insist on turns that alternate."""


class Conversation:
    """The messages to one role about one thing; stays empty for a brain that does not read.

    Args:
        model: who is talked to.
        system: its instructions.
        user: the first message.
        tools: what is offered through the server; it takes room in every request.
    """

    def __init__(
        self, model: ChatModel, system: str = "", user: str = "", tools: tuple[Tool, ...] = ()
    ) -> None:
        self.tools = tools
        self._model = model
        self.messages: tuple[Message, ...] = ()
        if model.reads_prompt:
            self.messages = (Message("system", system), Message("user", user))

    @property
    def tokens(self) -> int:
        """Of the prompt as it is."""
        said = sum(self._model.count(m.content) + MESSAGE_TOKENS for m in self.messages)
        return said + tool_tokens(self._model, self.tools)

    @property
    def left(self) -> int:
        """Tokens for a further turn, the reply's own words included."""
        return usable(self._model) - self.tokens - 2 * MESSAGE_TOKENS

    @property
    def fits(self) -> bool:
        """False once the server has taught that the prompt is larger, or its window smaller."""
        return self.tokens <= self._model.window.room or not self._model.reads_prompt

    def add(self, said: str, answer: str) -> bool:
        """Append a reply and the answer to it; False, and nothing changes, without room for it.

        Where it is tight the reply's own words are shortened first.
        """
        if not self._model.reads_prompt:
            return True
        if self.left < _LEAST_TURN:
            return False
        third = self.left // 3
        turn = (
            Part("said", said.strip() or NOTHING_SAID, priority=0, least=third),
            Part("answer", answer, priority=1, least=third),
        )
        slots = fit(turn, self.left, self._model.count).slots
        self.messages += (Message("assistant", slots["said"]), Message("user", slots["answer"]))
        return True
