"""Answering what a coder asks to see: briefly, since every answer is read again at every turn."""

import re

from greenloop.nodes.conversation import Conversation
from greenloop.nodes.deps import Deps
from greenloop.nodes.fitting import Part, trim
from greenloop.tools.lookups import Lookup, answer

_SHARE = 8
"""An answer adds at most one part in so many to the prompt that there is."""
_LEAST = 150
"""Tokens that an answer may have in any case: some ten lines of code."""
_MOST_CHARS = 200_000
_RUN_OF_TICKS = re.compile(r"`{3,}")


def look(deps: Deps, lookups: tuple[Lookup, ...], talk: Conversation) -> str:
    """What was asked for, each answer below its question, within what the conversation has."""
    tokens = max(_LEAST, min(talk.tokens // _SHARE, talk.left // 2))
    shown = [_shown(deps, lookup, tokens // len(lookups)) for lookup in lookups]
    deps.events.emit("lookup", ", ".join(map(str, lookups)), content="\n\n".join(shown))
    return "\n\n".join(shown)


def _shown(deps: Deps, lookup: Lookup, tokens: int) -> str:
    found = answer(deps.workspace, lookup, _MOST_CHARS)
    mark = fence(found)
    part = Part(
        "look",
        found,
        path=lookup.argument if lookup.kind == "READ" else "",
        first=lookup.start,
        before=f"{lookup}\n{mark}\n",
        after=f"\n{mark}",
        ends=False,
    )
    return trim(part, tokens, deps.model.count)


def fence(text: str) -> str:
    """Backticks that nothing in the text can close (CommonMark 0.31, section 4.5)."""
    longest = max(map(len, _RUN_OF_TICKS.findall(text)), default=2)
    return "`" * (longest + 1)
