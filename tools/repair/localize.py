"""Where the fault may be: a suspicion for every line that a failing test ran."""

import ast
import math
from collections import Counter
from collections.abc import Mapping

from greenloop.tools.repair.observe import Line, Observation
from greenloop.tools.repair.source import FunctionNode, SourceFile

_FRAME_BONUS = 0.6
"""For the innermost frame of a traceback; halved for each caller."""
_BY_NAME = 0.45
"""Part of a function's suspicion that goes to a constant or attribute that it names."""
_WHOLE_FUNCTION = 0.25
"""Part of its function's highest suspicion that every line of it gets that ran."""

Suspicion = dict[Line, float]


def suspicions(seen: Observation, files: Mapping[str, SourceFile]) -> Suspicion:
    """Suspicion of each line by path and number, from 0 (sound) to about 1.5.

    Ochiai's coefficient (Abreu et al., 2006) over the traced tests, its root taken so that lines
    which many passing tests share stay in reach, and a bonus for the frames of tracebacks.
    """
    failing = Counter(line for lines in seen.failing_lines.values() for line in lines)
    passing = Counter(line for lines in seen.passing_lines.values() for line in lines)
    count = max(1, sum(bool(lines) for lines in seen.failing_lines.values()))
    scores: Suspicion = {}
    for line, ef in failing.items():
        ochiai = ef / math.sqrt(count * (ef + passing[line]))
        alone = 0.7 / math.sqrt(1 + passing[line])  # several faults: each has tests of its own
        scores[line] = math.sqrt(max(ochiai, alone)) * 0.85
    _add_frames(scores, seen, files)
    for path, source in files.items():
        _spread(scores, path, source)
    _add_named(scores, seen, files)
    return scores


def _add_frames(scores: Suspicion, seen: Observation, files: Mapping[str, SourceFile]) -> None:
    bonus: Suspicion = {}
    for test in seen.failing:
        own = [place for place in reversed(test.frames) if place[0] in files]
        for depth, place in enumerate(own[:4]):
            bonus[place] = max(bonus.get(place, 0.0), _FRAME_BONUS / 2**depth)
    for place, more in bonus.items():
        scores[place] = scores.get(place, 0.3) + more


def _spread(scores: Suspicion, path: str, source: SourceFile) -> None:
    """Raise a function's lines towards its worst; give its head, for defaults, a part of it."""
    for node in ast.walk(source.tree):
        if not isinstance(node, FunctionNode):
            continue
        first = node.body[0].lineno
        lines = [(path, n) for n in range(first, (node.end_lineno or first) + 1)]
        worst = max((scores.get(line, 0.0) for line in lines), default=0.0)
        if not worst:
            continue
        for line in lines:
            if line in scores:
                scores[line] = max(scores[line], _WHOLE_FUNCTION * worst)
        head = (path, node.lineno)
        scores[head] = max(scores.get(head, 0.0), 0.6 * worst)


def _add_named(scores: Suspicion, seen: Observation, files: Mapping[str, SourceFile]) -> None:
    """Module and class level assignments, by the suspicion of the code that names them."""
    weights: dict[str, float] = {}
    for path, source in files.items():
        for node in ast.walk(source.tree):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if isinstance(name, str):
                score = scores.get((path, getattr(node, "lineno", 0)), 0.0)
                weights[name] = max(weights.get(name, 0.0), score)
    for path, source in files.items():
        worst = max((s for (p, _), s in scores.items() if p == path), default=0.0)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and source.function_of(node) is None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [str(getattr(t, "id", "") or getattr(t, "attr", "")) for t in targets]
                named = max((weights.get(n, 0.0) for n in names), default=0.0)
                score = max(_BY_NAME * named, 0.05 * worst)
                for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    scores[path, number] = max(scores.get((path, number), 0.0), score)
