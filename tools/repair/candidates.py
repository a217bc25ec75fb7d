"""All edits worth trying, the likeliest first: suspicion times prior times naturalness."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from greenloop.tools.repair import (
    op_calls,
    op_constants,
    op_errors,
    op_expressions,
    op_insertions,
    op_names,
    op_statements,
)
from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.localize import Suspicion
from greenloop.tools.repair.site import Hints, Operator, Site
from greenloop.tools.repair.source import FunctionNode, SourceFile

OPERATORS: tuple[Operator, ...] = (
    *op_errors.OPERATORS,
    *op_expressions.OPERATORS,
    *op_constants.OPERATORS,
    *op_names.OPERATORS,
    *op_calls.OPERATORS,
    *op_statements.OPERATORS,
    *op_insertions.OPERATORS,
)
_TOKEN = re.compile(r"\w+|[^\w\s]+")
_LEAST_SUSPICION = 0.03


@dataclass(frozen=True, slots=True)
class Candidate:
    """An edit and how promising it is."""

    edit: Edit
    score: float
    """Larger is better; comparable within one search only."""


def candidates(
    files: Mapping[str, SourceFile], scores: Suspicion, hints: Hints, most: int
) -> list[Candidate]:
    """At most `most` edits of the suspicious lines, best first, no text change twice."""
    found: dict[tuple[str, int, int, str], Candidate] = {}
    for path in sorted(files):
        source = files[path]
        habits = Habits(source)
        for node, suspicion in _suspects(source, scores):
            for edit in edits_at(Site(source, node, hints)):
                key = _key(edit, source.data)
                score = suspicion * edit.prior * habits.naturalness(edit)
                if key is not None and (key not in found or found[key].score < score):
                    found[key] = Candidate(edit, score)
    ordered = sorted(found.values(), key=lambda c: (-c.score, c.edit.path, c.edit.splices[0].start))
    return ordered[:most]


def edits_at(site: Site) -> Iterator[Edit]:
    """What every operator offers for one node."""
    if isinstance(site.node, ast.expr) and not site.source.is_sound(site.node):
        return
    for operator in OPERATORS:
        yield from operator(site)


def _suspects(source: SourceFile, scores: Suspicion) -> Iterator[tuple[ast.AST, float]]:
    for statement in ast.walk(source.tree):
        if not isinstance(statement, ast.stmt):
            continue
        nodes = list(own_nodes(statement))
        last = _last_own_line(statement)
        lines = range(statement.lineno, last + 1)
        worst = max((scores.get((source.path, n), 0.0) for n in lines), default=0.0)
        if worst >= _LEAST_SUSPICION:
            yield from ((node, worst) for node in nodes)


def _last_own_line(statement: ast.stmt) -> int:
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        return max(statement.lineno, body[0].lineno - 1)
    return statement.end_lineno or statement.lineno


def own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement and the expressions in it: no statements inside it, no annotations."""
    pending: list[ast.AST] = [statement]
    skipped = [getattr(statement, name, None) for name in ("annotation", "returns")]
    while pending:
        node = pending.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt) or child in skipped:
                continue
            if isinstance(node, ast.arg):
                continue
            pending.append(child)
    if isinstance(statement, FunctionNode):
        return


def _key(edit: Edit, data: bytes) -> tuple[str, int, int, str] | None:
    """The textual change with what stays the same at both ends left out; None for no change."""
    first, last = edit.splices[0], edit.splices[-1]
    if len(edit.splices) > 1:
        return (edit.path, first.start, last.end, "\0".join(s.text for s in edit.splices))
    old, new = data[first.start : first.end].decode(), first.text
    if " ".join(old.split()) == " ".join(new.split()) and "\n" not in old:
        return None
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    start = first.start + len(old[:head].encode())
    old, new = old[head:], new[head:]
    tail = 0
    while tail < min(len(old), len(new)) and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    end = first.end - len(old[len(old) - tail :].encode())
    return (edit.path, start, end, new[: len(new) - tail])


class Habits:
    """Which tokens stand beside each other in a file, to tell natural text from strange."""

    def __init__(self, source: SourceFile) -> None:
        self._data = source.data
        tokens = _TOKEN.findall(source.data.decode())
        self._pairs = set(pairwise(tokens))

    def naturalness(self, edit: Edit) -> float:
        """From 0.7 for token pairs that the file does not have to 1 for usual ones."""
        pairs = []
        for splice in edit.splices:
            before = _TOKEN.findall(self._data[max(0, splice.start - 40) : splice.start].decode(
                errors="ignore"))[-1:]  # fmt: skip
            after = _TOKEN.findall(
                self._data[splice.end : splice.end + 40].decode(errors="ignore")
            )[:1]
            tokens = before + _TOKEN.findall(splice.text) + after
            pairs += list(pairwise(tokens))
        known = sum(pair in self._pairs for pair in pairs)
        return 0.7 + 0.3 * known / max(1, len(pairs))
