"""Finding the lines that a SEARCH means, although small models copy them inexactly.

Tried in order, and only a unique place is taken: the exact lines; the same but for trailing
blanks; the same but for one change of indentation. All of it again without blank lines at the
edges, then without a gutter of line numbers.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches

from greenloop.errors import EditError
from greenloop.tools.edit_dots import replace_around_dots

MAX_SHOWN = 12
"""Lines of the file shown to the model when its SEARCH is nowhere."""
_MAX_COMPARED = 20_000

_GUTTER = re.compile(r"^\s*\d+(?:\s*\| ?|\t|:)")
"""Line numbers as in `  12| text`, `cat -n` and `grep -n`."""
_PIPE_GUTTER = re.compile(r"^\s*\d+\s*\| ?")

_Lines = list[str]
_Shift = Callable[[str], str | None]


def lines_of(text: str) -> list[str]:
    """Lines without their ends; a final newline ends the last line, it does not begin another."""
    return text.removesuffix("\n").split("\n") if text else []


def replace_once(path: str, text: str, search: str, replace: str) -> str:
    """The text with the one place that `search`, as whole lines, means replaced.

    Lines that `replace` keeps from `search` stay as they are in the file.

    Raises:
        EditError: the place is absent or ambiguous; the message is for the model.
    """
    lines, wanted, new = lines_of(text), lines_of(search), lines_of(replace)
    if not any(map(str.strip, wanted)):
        raise EditError(
            f"the SEARCH for {path} is empty; copy the lines to replace into it", "not_found"
        )
    for old_form, new_form in _variants(lines, wanted, new):
        found = _find(path, lines, old_form, new_form)
        if found is not None:
            start, inserted = found
            changed = [*lines[:start], *inserted, *lines[start + len(old_form) :]]
            end = "\n" if changed and (text.endswith("\n") or not lines) else ""
            return "\n".join(changed) + end
    around = replace_around_dots(text, search, replace)
    if around is not None:
        return around
    raise _not_found(path, lines, wanted, new)


def places(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where exactly these lines follow each other, as indices from 0."""
    size = len(wanted)
    return [i for i in range(len(lines) - size + 1) if lines[i : i + size] == wanted]


def _variants(lines: _Lines, wanted: _Lines, new: _Lines) -> Iterator[tuple[_Lines, _Lines]]:
    if not any(map(_PIPE_GUTTER.match, [*wanted, *lines])):
        # Numbers only in REPLACE: written to the file they would spoil it.
        new = _without_gutter(new, _PIPE_GUTTER) or new
    yield wanted, new
    yield _without_blank_edges(wanted, new)
    bare = _without_gutter(wanted, _GUTTER)
    if bare:
        new = [_GUTTER.sub("", line, count=1) for line in new]
        yield bare, new
        yield _without_blank_edges(bare, new)


def _without_gutter(lines: _Lines, gutter: re.Pattern[str]) -> _Lines:
    """The lines without line numbers; empty if some line has none."""
    if all(gutter.match(line) for line in lines if line.strip()):
        return [gutter.sub("", line, count=1) for line in lines]
    return []


def _without_blank_edges(wanted: _Lines, new: _Lines) -> tuple[_Lines, _Lines]:
    filled = [i for i, line in enumerate(wanted) if line.strip()]
    before, after = filled[0], len(wanted) - 1 - filled[-1]
    return wanted[before : len(wanted) - after], _cut_blanks(new, before, after)


def _cut_blanks(lines: _Lines, before: int, after: int) -> _Lines:
    """Take blank lines off both ends, at most as many as were taken off the other side."""
    start, end = 0, len(lines)
    while start < min(before, end) and not lines[start].strip():
        start += 1
    while end > max(start, len(lines) - after) and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _find(path: str, lines: _Lines, wanted: _Lines, new: _Lines) -> tuple[int, _Lines] | None:
    exact = _only(path, places(lines, wanted))
    if exact is not None:
        return exact, new
    trimmed, target = [line.rstrip() for line in lines], [line.rstrip() for line in wanted]
    at = _only(path, places(trimmed, target))
    if at is not None:
        return at, _keeping(lines[at : at + len(wanted)], target, new)
    return _find_shifted(path, lines, wanted, new)


def _only(path: str, found: Sequence[int]) -> int | None:
    if len(found) > 1:
        shown = ", ".join(str(at + 1) for at in found[:8])
        raise EditError(
            f"the SEARCH occurs {len(found)} times in {path} (at lines {shown}); "
            "add the lines around the right one to SEARCH and REPLACE",
            "ambiguous",
        )
    return found[0] if found else None


def _find_shifted(
    path: str, lines: _Lines, wanted: _Lines, new: _Lines
) -> tuple[int, _Lines] | None:
    stripped, target = [line.strip() for line in lines], [line.strip() for line in wanted]
    size = len(wanted)
    shifts = {at: _shift(wanted, lines[at : at + size]) for at in places(stripped, target)}
    at = _only(path, [at for at, shift in shifts.items() if shift is not None])
    shift = None if at is None else shifts[at]
    if at is None or shift is None:
        return None
    moved = [shift(line) if line.strip() else line for line in new]
    if None in moved:  # REPLACE is less indented than SEARCH, and the file leaves no room
        return None
    old_form = [shift(line) or line for line in wanted]
    inserted = _keeping(
        lines[at : at + size], old_form, [line for line in moved if line is not None]
    )
    return at, inserted


def _keeping(in_file: _Lines, wanted: _Lines, new: _Lines) -> _Lines:
    """The new lines, with those that SEARCH had too as they are in the file."""
    old_keys, new_keys = [x.rstrip() for x in wanted], [x.rstrip() for x in new]
    kept = list(new)
    for block in SequenceMatcher(None, old_keys, new_keys, autojunk=False).get_matching_blocks():
        kept[block.b : block.b + block.size] = in_file[block.a : block.a + block.size]
    return kept


def _shift(wanted: _Lines, in_file: _Lines) -> _Shift | None:
    """The one change of indentation that turns the wanted lines into the file's, if there is."""
    pairs = {(_indent(a), _indent(b)) for a, b in zip(wanted, in_file, strict=True) if a.strip()}
    added = {b.removesuffix(a) for a, b in pairs if b.endswith(a)}
    if len(added) == 1 and all(b.endswith(a) for a, b in pairs):
        prefix = added.pop()
        return lambda line: prefix + line
    cut = {a.removesuffix(b) for a, b in pairs if a.endswith(b)}
    if len(cut) == 1 and all(a.endswith(b) for a, b in pairs):
        surplus = cut.pop()
        return lambda line: line.removeprefix(surplus) if line.startswith(surplus) else None
    return _tab_shift(pairs)


def _tab_shift(pairs: set[tuple[str, str]]) -> _Shift | None:
    for old, new in ((" ", "\t"), ("\t", " ")):
        if any(a.strip(old) or b.strip(new) or bool(a) != bool(b) for a, b in pairs):
            continue
        widths = {_width(a, b) for a, b in pairs if a}
        if len(widths) == 1 and (width := widths.pop()):
            tabs = width if old == " " else 1
            spaces = 1 if old == " " else width
            return lambda line: _reindented(line, old, tabs, new * spaces)
    return None


def _width(a: str, b: str) -> int:
    """Spaces per tab when one indentation is written in spaces and the other in tabs."""
    longer, shorter = max(len(a), len(b)), min(len(a), len(b))
    return longer // shorter if longer % shorter == 0 else 0


def _reindented(line: str, old: str, per_level: int, level: str) -> str:
    levels, rest = divmod(len(line) - len(line.lstrip(old)), per_level)
    return level * levels + old * rest + line.lstrip(old)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _not_found(path: str, lines: _Lines, wanted: _Lines, new: _Lines) -> EditError:
    if sum(map(len, map(str.strip, new))) > 3 and len(places(lines, new)) == 1:
        return EditError(
            f"{path} already contains the REPLACE text; go on with what is still missing",
            "already_applied",
        )
    shown = _nearest(lines, wanted)
    if not shown:
        message = f"the SEARCH is not in {path}; copy the lines to replace exactly from the file"
    else:
        nearest = "\n".join(shown)
        message = f"the SEARCH is not in {path}; copy it exactly. The nearest lines are:\n{nearest}"
    return EditError(message, "not_found")


def _nearest(lines: _Lines, wanted: _Lines) -> _Lines:
    """The part of the file that is most like the wanted lines, at most MAX_SHOWN lines."""
    targets = [line.strip() for line in wanted if line.strip()]
    stripped = [line.strip() for line in lines[:_MAX_COMPARED]]
    size = min(len(wanted) + 2, MAX_SHOWN)
    starts = _windows_by_shared_lines(stripped, set(targets), size)
    if not starts:
        longest = max(targets, key=len)
        close = get_close_matches(longest, stripped, n=1, cutoff=0.5)
        if not close:
            return []
        at = stripped.index(close[0]) - targets.index(longest) - 1
        return lines[max(at, 0) : max(at, 0) + size]

    def likeness(start: int) -> float:
        window = "\n".join(stripped[start : start + size])
        return SequenceMatcher(None, window, "\n".join(targets), autojunk=False).ratio()

    best = max(starts, key=likeness)
    return lines[best : best + size]


def _windows_by_shared_lines(stripped: _Lines, targets: set[str], size: int) -> list[int]:
    """Starts of the few windows that share most lines with the target."""
    shared = Counter[int]()
    for at, line in enumerate(stripped):
        if line in targets:
            for start in range(max(at - size + 1, 0), at + 1):
                shared[start] += 1
    top = max(shared.values(), default=0)
    return [start for start, count in shared.items() if count == top][:40]
