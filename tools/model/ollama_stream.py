"""Listening to one reply: the client is opened, its parts pass, and what breaks gets its name."""

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenloop.tools.model.ollama_client import Asking, Dial, Parts, open_chat
from greenloop.tools.model.ollama_errors import Talk
from greenloop.tools.model.ollama_heard import Heard
from greenloop.tools.model.ollama_line import Line

if TYPE_CHECKING:
    from langchain_ollama import ChatOllama
    from ollama import ChatResponse

    Piece = tuple[str, ChatResponse | None]
    """Words, and the part that they came in."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent, and where to."""

    dial: Dial
    asking: Asking
    turns: list[tuple[str, str]]
    formats: Mapping[str, Any]
    """Tools or a schema."""
    without: frozenset[str]
    """Fields that the server refuses."""


def listen(question: Question, heard: Heard, line: Line, talk: Talk) -> None:
    """Take in a reply to its end.

    Raises:
        GreenloopError: it failed, with cause and cure.
        PassingError: it failed, and another try may help.
        FieldRefused: it was refused for a field that can be left out.
    """
    # Closed in any case: a traceback may keep the iterator, and the connection, alive.
    with closing(_pieces(question, heard, line, talk)) as pieces:
        for words, part in pieces:
            heard.take(words, part)
    heard.speech.finish()


def _pieces(
    question: Question, heard: Heard, line: Line, talk: Talk
) -> Generator["Piece", None, None]:
    """The reply as it comes; what the listener raises does not pass through here."""
    import httpx  # noqa: PLC0415
    from ollama import ResponseError  # noqa: PLC0415

    raw: Parts = []
    try:
        chat = open_chat(question.dial, question.asking, question.without, line, raw)
        with closing(chat._client):
            yield from _spoken(chat, question, heard, line, raw)
    except ResponseError as error:
        raise _ours(line, talk) or talk.refusal(error, question.without) from error
    except httpx.HTTPError as error:
        raise _ours(line, talk) or talk.breakdown(error, heard=heard.anything) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # ChatOllama has no words for a server that only loaded the model; the end tells it.
        if line.reason or "No generation chunks" not in str(error):
            raise _ours(line, talk) or talk.rubbish(error) from error
    if line.reason == "cancelled" or (line.reason and not heard.end.done):
        raise talk.broken_off(line.reason)


def _spoken(
    chat: "ChatOllama", question: Question, heard: Heard, line: Line, raw: Parts
) -> Generator["Piece", None, None]:
    try:
        for chunk in chat.stream(question.turns, **question.formats):
            part = raw.pop() if raw else None
            if part is not None:
                heard.note_end(part)
            yield str(chunk.text), part
            if line.reason and not heard.end.done:
                return
    finally:
        # The last line of a server that only loaded the model does not come through.
        for part in raw:
            heard.note_end(part)


def _ours(line: Line, talk: Talk) -> Exception | None:
    """Why we broke it off ourselves; None if we did not."""
    return talk.broken_off(line.reason) if line.reason else None
