"""Writes an edit as SEARCH/REPLACE blocks, each with an old text that occurs once in the file."""

import difflib

from greenloop.tools.repair.edits import Edit


def blocks(edit: Edit, data: bytes) -> str:
    """One block for each changed place; whole lines, widened until the old text is unique.

    The form is the one that coding agents with search-and-replace edits share: the path on a
    line of its own, then the old and the new lines between conflict markers.
    """
    old, new = data.decode(), edit.apply(data).decode()
    before, after = _lines(old), _lines(new)
    ranges = [
        (i1, i2, j1, j2)
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
            None, before, after, autojunk=False
        ).get_opcodes()
        if tag != "equal"
    ]
    texts = []
    for i1, i2, j1, j2 in _merged([_widened(r, before, old) for r in ranges]):
        removed, added = "".join(before[i1:i2]), "".join(after[j1:j2])
        texts.append(
            f"{edit.path}\n<<<<<<< SEARCH\n{_ended(removed)}=======\n"
            f"{_ended(added)}>>>>>>> REPLACE\n"
        )
    return "\n".join(texts)


def _lines(text: str) -> list[str]:
    """Lines with their ends; a form feed or the like ends none, as in the file itself."""
    parts = text.split("\n")
    ends = [part + "\n" for part in parts[:-1]]
    return ends + ([parts[-1]] if parts[-1] else [])


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


_Range = tuple[int, int, int, int]


def _widened(place: _Range, lines: list[str], text: str) -> _Range:
    i1, i2, j1, j2 = place
    while i1 == i2 or text.count("".join(lines[i1:i2])) != 1 or not "".join(lines[i1:i2]).strip():
        if i1 > 0:
            i1, j1 = i1 - 1, j1 - 1
        if i2 < len(lines):
            i2, j2 = i2 + 1, j2 + 1
        if i1 == 0 and i2 == len(lines):
            break
    return i1, i2, j1, j2


def _merged(places: list[_Range]) -> list[_Range]:
    """Overlapping places as one."""
    merged: list[_Range] = []
    for place in places:
        if merged and place[0] <= merged[-1][1]:
            last = merged.pop()
            merged.append((last[0], max(last[1], place[1]), last[2], max(last[3], place[3])))
        else:
            merged.append(place)
    return merged
