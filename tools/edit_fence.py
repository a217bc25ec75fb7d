"""Fenced blocks in Markdown, as replies wrap files and calls in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from greenloop.tools.edit_paths import path_line

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})([^`]*)$")
"""Opening or closing line of a fenced block (CommonMark 0.31, section 4.5)."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A line that opens or closes a block."""

    indent: int
    mark: str
    info: str

    @property
    def language(self) -> str:
        """First word of the info string, in lower case."""
        return self.info.split()[0].lower() if self.info else ""

    def closed_by(self, line: str) -> bool:
        """Whether a line closes the block that this one opens."""
        other = fence_at(line)
        return other is not None and not other.info and self.begins(other.mark)

    def begins(self, mark: str) -> bool:
        """Whether a fence of these characters can close or nest in this one."""
        return mark[0] == self.mark[0] and len(mark) >= len(self.mark)


def fence_at(line: str) -> Fence | None:
    """The fence that a line is; None for any other line."""
    match = _FENCE.match(line)
    return Fence(len(match[1]), match[2], match[3].strip()) if match else None


def stray_fence(lines: Sequence[str], at: int, mark: str) -> bool:
    """Whether a bare fence stands below that may belong to a block already taken as closed.

    A fence with a language, or below a path, opens a block of its own, up to the next bare one.
    """
    inside, above = False, ""
    for line in lines[at:]:
        other = fence_at(line)
        if other is None or other.mark[0] != mark[0]:
            above = line if line.strip() else above
            continue
        opens = bool(other.info) or (not inside and bool(path_line(above)))
        if not opens and not inside:
            return True
        inside, above = opens, ""
    return False


def closing_line(lines: Sequence[str], opening: int, fence: Fence) -> int | None:
    """Index of the line that closes a fence; fences with a language inside it nest."""
    depth = 0
    for at in range(opening + 1, len(lines)):
        other = fence_at(lines[at])
        if other is None or not fence.begins(other.mark):
            continue
        if other.info:
            depth += 1
        elif depth:
            depth -= 1
        else:
            return at
    return None
