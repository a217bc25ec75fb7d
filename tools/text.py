"""Text on its way to a person or a model: cut to a size, and free of hidden characters."""

import re
import unicodedata
from collections.abc import Iterable

DEFAULT_MARK = "... {n} lines left out ..."

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC: titles, links
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"  # two characters and more: character sets, resets
)
"""ECMA-48 control functions, as terminals read them; a cut-off one is left for `_UNUSUAL`."""

_UNUSUAL = re.compile(r"[^\n\t\x20-\x7e]")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that show nothing or reorder what is shown."""


def clip(text: str, limit_chars: int, mark: str = DEFAULT_MARK) -> str:
    """Head and tail of a text, by whole lines, in at most `limit_chars` characters.

    `mark` stands for what is left out, with `{n}` as the number of lines. Where not even one
    line fits, the cut goes through the line and is shown by an ellipsis.
    """
    if len(text) <= limit_chars:
        return text
    lines = text.split("\n")
    room = limit_chars - len(mark.format(n=len(lines))) - 1
    head = _fitting(lines, room // 2)
    rest = lines[len(head) :]
    tail = _fitting(reversed(rest), room - sum(len(line) + 1 for line in head))[::-1]
    if not head and not tail:
        return _clip_chars(text, limit_chars)
    return "\n".join([*head, mark.format(n=len(rest) - len(tail)), *tail])


def _fitting(lines: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _clip_chars(text: str, limit_chars: int) -> str:
    keep = max(limit_chars - 1, 0)
    tail = keep // 2
    return text[: keep - tail] + "…"[:limit_chars] + text[len(text) - tail :]


def printable(text: str) -> str:
    r"""The text without terminal escapes, every other hidden character written out.

    Newlines (`\r\n` as `\n`) and tabs stay. Control, bidirectional, zero-width, private and
    surrogate characters become `\xNN`, `\uNNNN` or `\UNNNNNNNN`, so that nothing can pose as
    something else and everything can be encoded.
    """
    text = text.replace("\r\n", "\n")
    return _UNUSUAL.sub(_shown, _ESCAPE_SEQUENCE.sub("", text))


def _shown(match: re.Match[str]) -> str:
    char = match.group()
    if unicodedata.category(char) not in _HIDDEN_CATEGORIES:
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, as surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
