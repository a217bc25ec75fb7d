"""Unified diffs and `*** Begin Patch` as models write them: hunks that are found by their lines.

Line numbers are never trusted. A hunk becomes the lines before and after it, to be found in the
file like any SEARCH.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from greenloop.errors import EditError
from greenloop.tools.edits import SearchReplace

_OLD = re.compile(r"^--- (?!\*)(?P<path>\S.*?)(?:\t.*)?\s*$")
_NEW = re.compile(r"^\+\+\+ (?P<path>\S.*?)(?:\t.*)?\s*$")
_GIT = re.compile(
    r"^(?:diff --git |index [0-9a-f]+\.\.|new file mode |similarity index |old mode |new mode )"
)
_REFUSED = re.compile(
    r"^(?:deleted file mode |rename (?:from|to) |\*\*\* Delete File:|\*\*\* Move to:)"
)
_HUNK = re.compile(r"^(?:@@|\*\*\* \d+,|\*{15})")
_UPDATE = re.compile(r"^\*\*\* Update File:\s*(?P<path>\S.*?)\s*$")
_ADD = re.compile(r"^\*\*\* Add File:\s*(?P<path>\S.*?)\s*$")
_PATCH = re.compile(r"^\*\*\* (?:Begin|End) (?:Patch|of File)\s*$")
_NOWHERE = "/dev/null"

DIFF_LANGUAGES = frozenset({"diff", "patch", "udiff"})
"""Fence languages of diffs."""
DIFF_RECIPE = "copy two unchanged lines around the change, each with a blank before it"
_REFUSAL = "files are not deleted or renamed here; change their text instead"


def is_diff(lines: Sequence[str]) -> bool:
    """Whether a block begins as a diff does."""
    filled = [line for line in lines[:12] if line.strip()]
    if not filled:
        return False
    first = filled[0]
    paired = _OLD.match(first) and len(filled) > 1 and _NEW.match(filled[1])
    starts = _GIT.match(first) or _PATCH.match(first) or _UPDATE.match(first) or _ADD.match(first)
    hunk = first.startswith("@@") and any(line[:1] in "+-" for line in filled[1:])
    in_shell = first.startswith("apply_patch") and len(filled) > 1 and _PATCH.match(filled[1])
    return bool(paired or starts or hunk or in_shell)


def begins_diff(lines: Sequence[str], at: int) -> bool:
    """Whether a diff begins at this line, outside any fence."""
    line = lines[at]
    if _PATCH.match(line) and "Begin" in line:
        return True
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return bool(line.startswith(("diff --git ", "*** Update File:", "*** Add File:"))) or bool(
        _OLD.match(line) and _NEW.match(following)
    )


def diff_end(lines: Sequence[str], at: int) -> int:
    """The line after a diff that stands outside any fence: where the text goes on as prose."""
    end = at + 1
    for number in range(at, len(lines)):
        line = lines[number]
        if line.startswith("*** End Patch"):
            return number + 1
        if line.startswith("```"):
            return number
        if not line.strip():
            continue
        marked = line[0] in " +-@\\" or _is_header(line)
        if not marked and not lines[number - 1].strip():
            break
        end = number + 1
    return end


def _is_header(line: str) -> bool:
    return any(p.match(line) for p in (_GIT, _REFUSED, _PATCH, _UPDATE, _ADD, _HUNK))


@dataclass(slots=True)
class _Hunk:
    path: str
    creates: bool = False
    lines: list[str] = field(default_factory=list)


def diff_edits(lines: Sequence[str], path: str = "") -> tuple[SearchReplace, ...]:
    """The edits of a diff, in order.

    Args:
        lines: its lines, without a fence.
        path: the file, where the diff itself names none.

    Raises:
        EditError: a hunk has nothing to be found by, or a file is deleted or renamed.
    """
    hunks = [hunk for hunk in _hunks(lines, path) if any(x.strip() for x in hunk.lines)]
    if not hunks:
        raise EditError(f"the diff changes nothing; {DIFF_RECIPE}", "noop_edit")
    return tuple(_edit(hunk) for hunk in hunks)


def _hunks(lines: Sequence[str], path: str) -> list[_Hunk]:
    hunks: list[_Hunk] = [_Hunk(path)]
    old = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if _REFUSED.match(line):
            raise EditError(_REFUSAL)
        header = _OLD.match(line)
        if header and (_NEW.match(following) or not hunks[-1].lines):
            old = header["path"]
            new = _NEW.match(following)
            hunks.append(_from_headers(old, new["path"] if new else old))
            at += 2 if new else 1
            continue
        update, add = _UPDATE.match(line), _ADD.match(line)
        if update or add:
            named = (update or add)["path"]  # type: ignore[index]
            hunks.append(_Hunk(named, creates=add is not None))
        elif _HUNK.match(line):
            hunks.append(_Hunk(hunks[-1].path, hunks[-1].creates))
        elif not (
            _PATCH.match(line)
            or _GIT.match(line)
            or line.startswith(("\\ No newline", "apply_patch"))
        ):
            hunks[-1].lines.append(line)
        at += 1
    return hunks


def _from_headers(old: str, new: str) -> _Hunk:
    if new == _NOWHERE:
        raise EditError(_REFUSAL)
    if old == _NOWHERE:
        return _Hunk(new.removeprefix("b/"), creates=True)
    if old.startswith("a/") and new.startswith(("a/", "b/")):
        return _Hunk(new[2:])
    return _Hunk(new)


def _edit(hunk: _Hunk) -> SearchReplace:
    lines = hunk.lines
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if hunk.creates:
        return _created(hunk.path, lines)
    signs = {line[:1] for line in lines}
    if not signs & {"+", "-"}:
        raise EditError("a hunk of the diff has no + or - line; mark what changes", "noop_edit")
    readings = dict.fromkeys(_halves(lines, marking) for marking in _markings(lines))
    (search, replace), *others = readings
    if not search.strip():
        raise EditError(f"a hunk of the diff has only new lines; {DIFF_RECIPE}")
    return SearchReplace(hunk.path, search, replace, others=tuple(others))


def _created(path: str, lines: Sequence[str]) -> SearchReplace:
    if any(line[:1] == "-" for line in lines):
        raise EditError(f"{path} is called new, but the diff takes lines from it")
    marked = all(line.startswith("+") or not line.strip() for line in lines)
    text = "".join(f"{line[1:] if marked else line}\n" for line in lines)
    return SearchReplace(path, "", text)


_Marking = Literal["marked", "bare", "mixed"]
"""Whether unchanged lines carry the blank that marks them: all, none, or those indented oddly."""


def _markings(lines: Sequence[str]) -> tuple[_Marking, ...]:
    """The ways to read the unchanged lines, the likeliest first."""
    if any(line[0] not in " +-\t" for line in lines if line.strip()):
        return ("bare", "mixed")
    return ("marked", "bare", "mixed")


def _halves(lines: Sequence[str], marking: _Marking) -> tuple[str, str]:
    """The lines before and after the change."""
    before: list[str] = []
    after: list[str] = []
    for line in lines:
        sign, rest = line[:1], line[1:]
        if sign == "-":
            before.append(rest)
        elif sign == "+":
            after.append(rest)
        else:
            same = rest if _is_marked(line, marking) else line
            before.append(same)
            after.append(same)
    return _joined(before), _joined(after)


def _is_marked(line: str, marking: _Marking) -> bool:
    if marking == "mixed":
        return (len(line) - len(line.lstrip(" "))) % 2 == 1
    return marking == "marked" and line.startswith(" ")


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
