"""How many steps a plan may have, and reading them out of a numbered list."""

import re

MAX_STEPS = 6
"""A small model's longer plans repeat themselves."""
_MOST_LISTED = 20
"""Parts that a user lists are steps of their own, up to so many."""

_NUMBERED = re.compile(r"^[ \t]*\d+[.)][ \t]+(\S.*)$", re.MULTILINE)
_PART = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])[ \t]+\S", re.MULTILINE)


def parse_steps(reply: str, most: int = MAX_STEPS) -> tuple[str, ...]:
    """The numbered lines of a reply, without repeats, at most `most`."""
    return first_steps(_NUMBERED.findall(reply), most)


def first_steps(found: list[str], most: int) -> tuple[str, ...]:
    """The first different steps, without decoration."""
    steps = dict.fromkeys(" ".join(step.split()).strip("*_ ") for step in found)
    return tuple(step for step in steps if step)[:most]


def has_parts(task: str) -> bool:
    """Whether the user listed several parts: two or more numbered or bulleted lines."""
    return _parts(task) > 1


def most_steps(task: str) -> int:
    """Steps that a plan for the task may have: no fewer than the parts that the user listed."""
    return max(MAX_STEPS, min(_parts(task), _MOST_LISTED))


def _parts(task: str) -> int:
    return len(_PART.findall(task))
