"""Which of several plausible edits to offer first: over-fitting is the enemy here."""

from greenloop.tools.repair.candidates import Candidate
from greenloop.tools.repair.site import Hints

_DOUBTS = {
    "statement deleted": 0.45,
    "branch never taken": 0.3,
    "branch always taken": 0.3,
    "condition dropped": 0.7,
    "condition removed": 0.5,
    "call unwrapped": 0.8,
    "method call dropped": 0.7,
    "attribute dropped": 0.4,
    "subscript dropped": 0.5,
    "operand dropped": 0.8,
    "argument dropped": 0.7,
    "result replaced": 0.5,
    "constant taken from nearby": 0.7,
    "string constant changed": 0.9,
    "guard added": 0.5,
    "statement copied": 0.6,
    "condition added": 0.6,
    "condition taken from nearby": 0.6,
    "exception also caught": 0.6,
    "other exception caught": 0.6,
    "update added": 0.7,
    "assignment added": 0.5,
    "result negated": 0.6,
    "value wrapped": 0.8,
    "filter dropped": 0.7,
    "call dropped": 0.4,
}
"""How far to believe an edit that passes the tests, where its kind often passes them by chance."""
_EXPECTED = 0.3
"""For a new constant that is what a failing test expects or passes in."""


def quality(candidate: Candidate, hints: Hints) -> float:
    """How far to believe that an edit which passes the tests is right; larger is better."""
    edit = candidate.edit
    value = candidate.score * _DOUBTS.get(edit.operator, 1.0)
    if any(_is_expected(splice.text, hints) for splice in edit.splices):
        value *= _EXPECTED
    return value


def _is_expected(text: str, hints: Hints) -> bool:
    literal = text.strip().removeprefix("return ").strip("\"'")
    if text.strip() in ("0", "1", "-1", "") or not literal:
        return False
    return literal in hints.numbers or literal in hints.strings
