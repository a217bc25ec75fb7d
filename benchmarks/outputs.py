"""How replies that small models really wrote are read: right, refused, or wrongly carried out.

The corpus is a file of JSON lines: `raw`, `expected`, `category`, and where files matter
`file_before`. Every reply is read and carried out in a folder of its own. A refusal must have the
reason that is expected, if it is one that the reader has a name for (`tools.reader.base.Reason`).
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from greenloop.errors import EditError, GreenloopError, UserError
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edits import Edit
from greenloop.tools.files import Workspace
from greenloop.tools.reader.acts import as_edits
from greenloop.tools.reader.base import REASONS, Call
from greenloop.tools.reader.read import read_reply
from greenloop.tools.reader.registry import STANDARD

_CHANGES = frozenset({"write_file", "edit_file", "run_command"})
"""Tools whose calls leave something behind."""


@dataclass(frozen=True, slots=True)
class Category:
    """The rows of one kind."""

    rows: int
    right: int
    wrong_mutations: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found; a wrong mutation is a change that is not exactly the expected one."""

    rows: int
    right: int
    wrong_mutations: int
    categories: Mapping[str, Category]
    wrong_ids: tuple[str, ...]
    wrong_mutation_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one reply."""

    calls: tuple[Call, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Files whose bytes changed."""
    reason: str = ""
    """Why nothing was carried out; empty if something was, or nothing was asked for."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    category: str
    raw: str
    expected: Mapping[str, object]
    before: Mapping[str, str]
    cut: bool


def measure(corpus: Path) -> Measured:
    """Read every reply of a corpus and hold what becomes of it against what is expected.

    Raises:
        UserError: the file is missing or is no such corpus.
    """
    rows = _rows(corpus)
    wrong: list[str] = []
    harmful: list[str] = []
    for row in rows:
        outcome = carried_out(row.raw, row.before, cut=row.cut)
        if not _is_right(row, outcome):
            wrong.append(row.name)
        if _is_wrong_mutation(row, outcome):
            harmful.append(row.name)
    categories = {
        name: _category([row.name for row in rows if row.category == name], wrong, harmful)
        for name in dict.fromkeys(row.category for row in rows)
    }
    return Measured(
        rows=len(rows),
        right=len(rows) - len(wrong),
        wrong_mutations=len(harmful),
        categories=categories,
        wrong_ids=tuple(wrong),
        wrong_mutation_ids=tuple(harmful),
    )


def table(measured: Measured) -> str:
    """The counts by category, and which rows are not right."""
    lines = [f"{'category':<14}{'rows':>6}{'right':>7}{'wrong mutations':>17}"]
    total = Category(measured.rows, measured.right, measured.wrong_mutations)
    for name, part in [*measured.categories.items(), ("all", total)]:
        lines.append(f"{name:<14}{part.rows:>6}{part.right:>7}{part.wrong_mutations:>17}")
    if measured.wrong_ids:
        lines.append(f"not right: {', '.join(measured.wrong_ids)}")
    if measured.wrong_mutation_ids:
        lines.append(f"wrong mutations: {', '.join(measured.wrong_mutation_ids)}")
    return "\n".join(lines)


def carried_out(raw: str, before: Mapping[str, str], *, cut: bool) -> Outcome:
    """What becomes of one reply in a folder with the given files."""
    reading = read_reply(raw, STANDARD, cut=cut)
    if reading.refusal:
        return Outcome(reason=reading.refusal.reason, text=reading.text)
    edits = reading.edits or (as_edits(reading.calls) if before else ())
    if not edits:
        return Outcome(calls=reading.calls, text=reading.text)
    with tempfile.TemporaryDirectory() as folder:
        return _applied(Path(folder), before, edits, reading.calls)


def _applied(
    root: Path, before: Mapping[str, str], edits: Sequence[Edit], calls: tuple[Call, ...]
) -> Outcome:
    for path, text in before.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())
    workspace = Workspace(root)
    try:
        apply_edits(workspace, edits, lambda _path: False)
    except EditError as error:
        return Outcome(reason=error.reason)
    except GreenloopError as error:
        return Outcome(reason="unfit", text=str(error))
    after = {path: (root / path).read_bytes().decode() for path in workspace.walk()}
    changed = {path: text for path, text in after.items() if before.get(path) != text}
    kept = tuple(call for call in calls if call.tool not in ("edit_file", "write_file"))
    return Outcome(calls=kept, files=changed)


def _is_right(row: _Row, outcome: Outcome) -> bool:
    """Kinds joined by `_or_` accept either."""
    kinds = str(row.expected.get("kind", "")).split("_or_")
    return any(_fits(kind, row.expected, outcome) for kind in kinds)


def _fits(kind: str, expected: Mapping[str, object], outcome: Outcome) -> bool:
    idle = not outcome.calls and not outcome.files
    if kind == "tool_calls":
        return _same_calls(expected, outcome)
    if kind == "edit":
        return outcome.files == {str(expected["path"]): expected["file_after"]} and idle is False
    if kind == "reject":
        reason = expected.get("reason")
        # A name that the reader does not have says no more than that the reply is refused.
        return idle and bool(outcome.reason) and (reason not in REASONS or reason == outcome.reason)
    if kind == "final_text":
        said = str(expected.get("text", outcome.text)).strip()
        return idle and not outcome.reason and outcome.text.strip() == said
    return kind in ("nudge", "confirm") and idle


def _same_calls(expected: Mapping[str, object], outcome: Outcome) -> bool:
    wanted = expected.get("calls")
    found = [{"name": c.tool, "arguments": dict(c.arguments)} for c in outcome.calls]
    return not outcome.files and isinstance(wanted, list) and bool(wanted) and found == wanted


def _is_wrong_mutation(row: _Row, outcome: Outcome) -> bool:
    changes = bool(outcome.files) or any(call.tool in _CHANGES for call in outcome.calls)
    return changes and not _is_right(row, outcome)


def _category(names: Sequence[str], wrong: Sequence[str], harmful: Sequence[str]) -> Category:
    return Category(
        rows=len(names),
        right=sum(name not in wrong for name in names),
        wrong_mutations=sum(name in harmful for name in names),
    )


def _rows(corpus: Path) -> list[_Row]:
    try:
        lines = corpus.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the corpus {corpus}: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{corpus}, line {number} is no row of a corpus ({type(error).__name__}: {error})"
            ) from error
    if not rows:
        raise UserError(f"the corpus {corpus} has no rows; give a file of JSON lines")
    return rows


def _row(found: Mapping[str, object]) -> _Row:
    raw, expected, before = found["raw"], found["expected"], found.get("file_before") or {}
    if not isinstance(raw, str) or not isinstance(expected, dict) or not isinstance(before, dict):
        raise TypeError("raw must be a string, expected and file_before objects")
    if not isinstance(expected.get("kind"), str):
        raise TypeError("expected.kind must be a string")
    if "edit" in expected["kind"].split("_or_") and not {"path", "file_after"} <= set(expected):
        raise KeyError("an expected edit needs path and file_after")
    cut = found.get("done_reason") == "length" or found.get("done") is False
    return _Row(str(found["id"]), str(found["category"]), raw, expected, before, cut)
