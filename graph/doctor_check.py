"""What a check of the surroundings finds: a level, one line, and the cure."""

import re
from dataclasses import dataclass
from typing import Literal

from greenloop.errors import GreenloopError

Level = Literal["ok", "warning", "problem"]
Brain = Literal["model", "embedded"]
"""Runs with a model, and runs with the embedded brain."""

BOTH: tuple[Brain, ...] = ("model", "embedded")
GIB = 1024**3
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    """`problem` for what blocks a run."""
    found: str
    """One line: how it is."""
    advice: str = ""
    """One line: what to do; empty when there is nothing to do."""
    blocks: tuple[Brain, ...] = ()
    """Which kinds of run cannot work as it is."""
    falls_back: bool = False
    """Whether a run whose command names no model takes the embedded brain for it."""


_CURE = re.compile(r"(?P<found>.*)[:;] (?P<advice>.*)", re.DOTALL)


def gib(count: int) -> str:
    """Bytes in GiB with one digit after the point; in MiB where that would say nothing."""
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / _MIB:.1f} MiB"


def check_of(name: str, level: Level, error: GreenloopError, blocks: tuple[Brain, ...]) -> Check:
    """An error as a check: our messages say what happened and then what to do."""
    line = " ".join(str(error).split())
    parts = _CURE.fullmatch(line)
    if parts is None:
        return Check(name, level, line, blocks=blocks)
    return Check(name, level, parts["found"], parts["advice"], blocks=blocks)
