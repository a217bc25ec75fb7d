"""SEARCH/REPLACE with a line of dots on both sides for lines that stay: taken piece by piece."""

import re

from greenloop.errors import EditError

_DOTS = re.compile(r"^[ \t]*\.\.\.[ \t]*$", re.MULTILINE)


def replace_around_dots(text: str, search: str, replace: str) -> str | None:
    """The text with each piece between the dots replaced; None where that is not certain.

    The dots must be the same lines on both sides, and every piece of SEARCH must be whole lines
    that occur once, in that order; as aider does it (`try_dotdotdots`).
    """
    if _DOTS.findall(search) != _DOTS.findall(replace) or not _DOTS.search(search):
        return None
    at = 0
    parts: list[str] = []
    for old, new in zip(_pieces(search), _pieces(replace), strict=True):
        if not old.strip() and new.strip():
            return None
        if not old.strip():
            continue
        begin = _only_place(text, old)
        if begin < at:
            return None
        parts += [text[at:begin], new]
        at = begin + len(old)
    return "".join([*parts, text[at:]])


def _pieces(half: str) -> list[str]:
    return [piece.removeprefix("\n") for piece in _DOTS.split(half)]


def _only_place(text: str, piece: str) -> int:
    """Where a piece of whole lines stands; -1 if nowhere.

    Raises:
        EditError: it stands in several places.
    """
    places = [m.start() for m in re.finditer(rf"^{re.escape(piece)}", text, re.MULTILINE)]
    if len(places) > 1:
        raise EditError(
            "a piece of SEARCH between the dots occurs several times; copy the lines in full",
            "ambiguous",
        )
    return places[0] if places else -1
