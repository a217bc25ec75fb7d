"""Replacing a piece of text that may begin and end within a line, as edit tools do."""

import re
from collections.abc import Iterator

from greenloop.errors import EditError
from greenloop.tools.edit_match import replace_once

_ESCAPED = re.compile(r"\\([\\ntr\"'])")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


def replace_inline(path: str, text: str, old: str, new: str, *, every: bool = False) -> str:
    """The text with the one place of `old` replaced, or with each where `every` is set.

    Where `old` is nowhere, one level of backslashes is taken off both, and then whole lines are
    compared as for SEARCH blocks; every time only a single place counts.

    Raises:
        EditError: the place is absent, ambiguous, or begins or ends within a word.
    """
    for before, after in _readings(old, new):
        count = text.count(before)
        if count == 0:
            continue
        if count > 1 and not every:
            raise EditError(
                f"the old text occurs {count} times in {path}; add the lines around the right one",
                "ambiguous",
            )
        if not every and _within_word(text, before):
            raise EditError(
                f"the old text is only a part of a word in {path}; copy the whole line", "not_found"
            )
        return text.replace(before, after)
    if old.strip() and new.strip() and len(new.strip()) > 3 and text.count(new) == 1:
        raise EditError(
            f"{path} already contains the new text; go on with what is still missing",
            "already_applied",
        )
    return _by_lines(path, text, old, new)


def _readings(old: str, new: str) -> Iterator[tuple[str, str]]:
    yield old, new
    if old != (plain := undoubled(old)):
        yield plain, undoubled(new)
        yield old.replace("\\\\", "\\"), new.replace("\\\\", "\\")


def undoubled(text: str) -> str:
    r"""A text with one level of backslash escapes resolved: `\\n` becomes a line break."""
    return _ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[1]), text)


def _within_word(text: str, piece: str) -> bool:
    at = text.index(piece)
    end = at + len(piece)
    before, after = text[max(at - 1, 0) : at], text[end : end + 1]
    return (_wordy(before) and _wordy(piece[:1])) or (_wordy(after) and _wordy(piece[-1:]))


def _wordy(char: str) -> bool:
    return char.isalnum() or char == "_"


def _by_lines(path: str, text: str, old: str, new: str) -> str:
    if not old.strip():
        raise EditError(f"the old text for {path} is empty; copy it from the file", "not_found")
    search, replace = (
        half if half.endswith("\n") or not half else f"{half}\n" for half in (old, new)
    )
    return replace_once(path, text, search, replace)
