"""What a reply asks for, whatever form the model chose: edits, a look at something, or nothing."""

import re
from dataclasses import dataclass

from greenloop.nodes.ask import Answer
from greenloop.tools.edits import Edit
from greenloop.tools.lookups import Lookup, parse_lookups
from greenloop.tools.reader.acts import as_edits, as_lookups
from greenloop.tools.reader.base import Reading, Tool
from greenloop.tools.reader.read import read_calls, read_reply
from greenloop.tools.reader.registry import CODER

LOOKING: tuple[Tool, ...] = tuple(tool for tool in CODER if not tool.mutates)
"""What is offered through a server to a model that calls tools well; edits stay text."""

_NO_EDIT = (
    "Your reply holds no edit. Write the path of the file on a line of its own, then either a "
    "SEARCH/REPLACE block or the whole file in a fenced block."
)
_LOOK = re.compile(r"^ {0,3}```look[ \t]*\n(.*?)(?:^ {0,3}```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^ {0,3}(?:`{3}|~{3}|<{5})", re.MULTILINE)
"""A line that opens a fence or an edit."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reply asks for: edits, or lookups; or why nothing of it is carried out."""

    edits: tuple[Edit, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    refusal: str = ""
    """For the model."""
    left_out: bool = False
    """An edit was written before the answer to the lookups was known; it would be a guess."""


def read(answer: Answer) -> Wish:
    """Read a reply. Calls through the server count before its text; what comes first counts.

    The prompt's own form of a look is read here, every other form of a call by the reader.
    """
    if answer.calls:
        return _wish(read_calls(answer.calls, CODER))
    inside = "\n".join(_LOOK.findall(answer.text))
    outside = _LOOK.sub("", answer.text)
    edits = _BLOCK.search(outside)
    looks = _LOOK.search(answer.text)
    if not edits or (looks and not _BLOCK.search(answer.text, 0, looks.start())):
        lookups = parse_lookups(inside) or parse_lookups(outside)
        if lookups:
            return Wish(lookups=lookups, left_out=bool(edits))
    return _wish(read_reply(outside, CODER))


def _wish(reading: Reading) -> Wish:
    if reading.refusal:
        return Wish(refusal=reading.refusal.feedback)
    edits = reading.edits or as_edits(reading.calls)
    lookups = as_lookups(reading.calls)
    if not edits and not lookups:
        return Wish(refusal=_NO_EDIT)
    return Wish(edits, () if edits else lookups, left_out=reading.dropped > 0)


def as_text(lookups: tuple[Lookup, ...]) -> str:
    """The lookups as the prompt teaches to write them."""
    return "\n".join(["```look", *map(str, lookups), "```"])
