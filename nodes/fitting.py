"""Fitting the parts of a prompt into a room of tokens: what matters least is shortened first.

Nothing is cut in silence: where lines are missing a mark says how many, and how to see them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from greenloop.errors import ContextError

Count = Callable[[str], int]
"""Tokens of a text; see `ChatModel.count`."""

_JOINT = 1
"""Tokens of the blank line between two parts."""
_NOTE = 40
"""Tokens kept for the line that names what was left out as a whole."""
_WORTHWHILE = 40
"""A part that may go is left out rather than shown in fewer tokens than this."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a prompt that may be longer than its room."""

    slot: str
    """Variable of the template; several parts of one slot stand one below the other."""
    text: str
    priority: int = 0
    """The smallest gives way first."""
    least: int = 0
    """Tokens that stay; 0: it may be left out as a whole, with a mark."""
    path: str = ""
    """File that the text is from, so that a mark can say how to see the rest."""
    first: int = 1
    """Number of the text's first line in that file."""
    before: str = ""
    """Stays in front of the text, such as a path and the opening of a fence."""
    after: str = ""
    ends: bool = True
    """Whether both ends stay; else only the beginning."""

    @property
    def whole(self) -> str:
        """All of it; empty without a text."""
        return self.before + self.text + self.after if self.text else ""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a prompt gets to show."""

    slots: Mapping[str, str]
    """Text by slot; empty where nothing is shown."""
    untouched: tuple[Part, ...]
    """The parts that are shown whole."""


def fit(parts: Sequence[Part], room: int, count: Count) -> Fitted:
    """Shorten parts, the least important first, until all are in `room` tokens.

    Raises:
        ContextError: what must stay does not fit.
    """
    texts = [part.whole for part in parts]
    sizes = [_size(text, count) for text in texts]
    dropped: list[Part] = []
    for at in sorted(range(len(parts)), key=lambda at: parts[at].priority):
        over = sum(sizes) + (_NOTE if dropped else 0) - room
        if over <= 0:
            break
        texts[at] = _smaller(parts[at], sizes[at] - _JOINT - over, count)
        if parts[at].text and not texts[at]:
            dropped.append(parts[at])
        sizes[at] = _size(texts[at], count)
    needed = sum(sizes) + (_NOTE if dropped else 0)
    if needed > room:
        raise ContextError(
            f"the prompt does not fit the window: what must stay needs {needed} tokens and "
            f"{max(room, 0)} are left; raise num_ctx, lower num_predict or shorten the task"
        )
    return Fitted(
        _by_slot(parts, texts, dropped, count),
        tuple(part for part, text in zip(parts, texts, strict=True) if text == part.whole),
    )


def trim(part: Part, room: int, count: Count) -> str:
    """The part in at most `room` tokens: by whole lines, or through a line that is longer.

    Where not even the mark fits, the mark alone.
    """
    if count(part.whole) <= room:
        return part.whole
    lines = part.text.split("\n")
    kept = _most(len(lines) - 1, lambda n: count(_lines(part, lines, n)) <= room)
    if kept:
        return _lines(part, lines, kept)
    kept = _most(len(part.text), lambda n: count(_chars(part, n)) <= room)
    return _chars(part, kept)


def _size(text: str, count: Count) -> int:
    return count(text) + _JOINT if text else 0


def _smaller(part: Part, room: int, count: Count) -> str:
    """The part in about `room` tokens, but no less than it must have."""
    if not part.least and room < count(part.before + part.after) + _WORTHWHILE:
        return ""
    return trim(part, max(room, part.least), count)


def _most(top: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `top` that fits; 0 if none above it does."""
    low, high = 0, top
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _lines(part: Part, lines: Sequence[str], kept: int) -> str:
    head = (kept + 1) // 2 if part.ends else kept
    tail = kept - head
    gone = len(lines) - kept
    where = part.first + head
    see = f"; READ {part.path}:{where}-{where + gone - 1} to see them" if part.path else ""
    mark = f"... {gone} lines left out{see} ..."
    shown = [*lines[:head], mark, *(lines[-tail:] if tail else ())]
    return part.before + "\n".join(shown) + part.after


def _chars(part: Part, kept: int) -> str:
    head = (kept + 1) // 2 if part.ends else kept
    tail = kept - head
    mark = f" ... {len(part.text) - kept} characters left out ... "
    ending = part.text[-tail:] if tail else ""
    return part.before + part.text[:head] + mark + ending + part.after


def _by_slot(
    parts: Sequence[Part], texts: Sequence[str], dropped: Sequence[Part], count: Count
) -> Mapping[str, str]:
    shown: dict[str, list[str]] = {part.slot: [] for part in parts}
    for part, text in zip(parts, texts, strict=True):
        if text:
            shown[part.slot].append(text)
    if dropped:
        shown[dropped[0].slot].append(_note(dropped, count))
    return {slot: "\n\n".join(pieces) for slot, pieces in shown.items()}


def _note(dropped: Sequence[Part], count: Count) -> str:
    """Names what is left out, in no more than `_NOTE` tokens."""
    names = list(dict.fromkeys(part.path or f"the {part.slot}" for part in reversed(dropped)))
    for shown in range(len(names), 0, -1):
        rest = f" and {len(names) - shown} more" if shown < len(names) else ""
        note = f"(left out: {', '.join(names[:shown])}{rest}; READ shows a file)"
        if count(note) <= _NOTE:
            return note
    return f"({len(names)} files left out; LIST and READ show them)"
