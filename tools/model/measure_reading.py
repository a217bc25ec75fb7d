"""Measuring how a model reads: its tokenizer, its speed, and whether its window is a true one."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from greenloop.errors import ContextError, ModelReplyError
from greenloop.tools.model.base import Brief, Message, ModelReply, ModelRequest
from greenloop.tools.model.measure_asker import Asker
from greenloop.tools.model.measure_window import Tell

_SHORT_CHARS = 6000
"""Of the first prompt, which teaches how many characters a token has."""
_SHORT_SHARE = 0.6
"""Of the window, for that prompt at most; how long its tokens are is a guess yet."""
_LONG_SHARE = 0.7
"""Of the window, for the prompt that shows whether the window is true; a cut leaves half."""
_TRUE_WITHIN = 0.15
"""How far a count may be from what the text lets expect."""
_SAFE_CHARS = 0.95
"""Of the characters to a token that were measured: rather too few than too many."""
_MOST_CHARS, _LEAST_CHARS = 20.0, 1.0


@dataclass(frozen=True, slots=True)
class Read:
    """What two prompts showed, the second one nearly as long as the window."""

    true_window: bool | None
    """Whether the long prompt was read as a whole; None when that could not be seen."""
    recalls: bool
    """Whether the model found what stands at the beginning of the long prompt."""


@dataclass(frozen=True, slots=True)
class _Marked:
    reply: ModelReply | None
    recalled: bool = False
    cut: bool = False
    """The window is smaller than the server says."""


def read(asker: Asker, tell: Tell) -> Read:
    """Have the model read; what is learnt of tokenizer and speed goes into the asker's profile.

    Raises:
        ModelUnavailableError: the server does not answer, or broke off.
        ModelNotFoundError: it does not have the model any more.
    """
    tell("reading a short prompt")
    guessed = asker.num_ctx * asker.profile.chars_per_token
    chars = min(_SHORT_CHARS, int(guessed * _SHORT_SHARE))
    short = _marked(asker, chars, tell)
    if short.reply is None or not short.reply.tokens_in:
        return Read(None, recalls=False)
    per_token = chars / short.reply.tokens_in
    safe = min(_MOST_CHARS, max(_LEAST_CHARS, _SAFE_CHARS * per_token))
    asker.profile = replace(asker.profile, chars_per_token=round(safe, 2))
    _learn_speed(asker, short.reply)
    wanted = int(asker.num_ctx * _LONG_SHARE)
    tps = asker.profile.prompt_tps
    tokens = min(wanted, int(tps * asker.conditions.reading_s)) if tps else wanted
    tell(f"reading a prompt of about {tokens} tokens")
    long = _marked(asker, int(tokens * per_token), tell)
    if long.reply is None:
        return Read(False if long.cut else None, recalls=False)
    _learn_speed(asker, long.reply)
    if abs(long.reply.tokens_in - tokens) > _TRUE_WITHIN * tokens:
        tell(f"  only {long.reply.tokens_in} arrived")
        return Read(False, long.recalled)
    return Read(True if tokens == wanted else None, long.recalled)


def _learn_speed(asker: Asker, reply: ModelReply) -> None:
    if reply.prompt_s:
        tps = round(reply.tokens_in / reply.prompt_s, 1)
        asker.profile = replace(asker.profile, prompt_tps=tps)


def _marked(asker: Asker, chars: int, tell: Tell) -> _Marked:
    marker = secrets.token_hex(3)  # new each time, so that no cache has read it already
    try:
        reply = asker.ask(_question(_code(chars), marker))
    except (ModelReplyError, ContextError) as error:
        tell(f"  {asker.in_short(str(error))}")
        return _Marked(None, cut=isinstance(error, ContextError))
    return _Marked(reply, recalled=marker in reply.text)


def _question(code: str, marker: str) -> ModelRequest:
    """A long prompt whose answer stands at its very beginning."""
    text = (
        f"The password is {marker}. Remember it.\n\n{code}\n\n"
        "What is the password that stands before the code? Answer with the password only."
    )
    return ModelRequest("coder", (Message("user", text),), Brief(Path(), "probe"), seed=1)


def _code(chars: int) -> str:
    """Python code of that length, as models are to read it: taken from this program."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    return (text * (chars // len(text) + 1))[:chars]
