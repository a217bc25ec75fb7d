"""Words of others, fit for a message of ours."""

_LONGEST = 300


def one_line(text: str) -> str:
    """A text without line breaks, and not longer than a message can be."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
