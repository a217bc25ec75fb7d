"""Short words for times and texts in lists."""

import time


def short(text: str, limit: int = 60) -> str:
    """A text in one line, cut to so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def many(count: int, noun: str) -> str:
    """A count with its noun, such as `1 step` or `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def age(then: float) -> str:
    """How long ago a moment was, given in seconds since the epoch."""
    seconds = max(0, int(time.time() - then))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
