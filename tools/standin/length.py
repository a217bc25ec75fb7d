"""How far a reply gets: the limit of the request, the window, a stop word, or no end at all."""

from dataclasses import replace

from greenloop.tools.standin.asked import Asked
from greenloop.tools.standin.replies import Reply
from greenloop.tools.standin.truncation import count

_WINDOWS = 10
"""Without num_predict a reply ends after so many windows."""


def as_far_as_it_gets(reply: Reply, asked: Asked, seen: int, chars_per_token: float) -> Reply:
    """The reply with its text and thoughts as long as they come.

    Args:
        reply: as scripted.
        asked: limits the length and names the stop words.
        seen: tokens of the prompt.
        chars_per_token: characters to a token.
    """
    limit = asked.num_predict if asked.num_predict > 0 else _WINDOWS * asked.num_ctx
    if not asked.shift:
        limit = min(limit, max(1, asked.num_ctx - seen))
    characters = int(limit * chars_per_token)
    if asked.format is not None and reply.formatted is not None and not asked.model.ignores_format:
        reply = reply.saying(reply.formatted)
    if reply.endless:
        return _without_end(reply, characters)
    reply = reply.saying(_before_stop(reply.whole, asked))
    thoughts = reply.thinking if asked.thinks else ""
    if count(thoughts + reply.whole, chars_per_token) <= limit:
        return reply
    left = max(0, characters - len(thoughts))
    cut = replace(reply, thinking=thoughts[:characters], done_reason="length")
    return cut.saying(reply.whole[:left])


def _without_end(reply: Reply, characters: int) -> Reply:
    def filled(text: str) -> str:
        text = text or "and so on, "
        return (text * (characters // len(text) + 1))[:characters]

    if reply.endless == "thinking":
        return replace(
            reply, thinking=filled(reply.thinking), text="", pieces=(), done_reason="length"
        )
    return replace(reply, text=filled(reply.whole), pieces=(), done_reason="length")


def _before_stop(text: str, asked: Asked) -> str:
    places = [text.find(word) for word in asked.stop if word and word in text]
    return text[: min(places)] if places else text
