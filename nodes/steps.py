"""Reading the steps of a plan out of a model's words."""

import re

MAX_STEPS = 6
"""A small model's longer plans repeat themselves."""

_NUMBERED = re.compile(r"^\s*\d+[.)]\s+(.+?)\s*$", re.MULTILINE)


def parse_steps(reply: str) -> tuple[str, ...]:
    """The numbered lines of a reply, without repeats, at most `MAX_STEPS`."""
    steps = dict.fromkeys(match.strip("*_ ") for match in _NUMBERED.findall(reply))
    return tuple(step for step in steps if step)[:MAX_STEPS]
