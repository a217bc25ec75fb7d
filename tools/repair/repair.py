"""One repair from the failing tests to a proven edit: observe, localise, search, validate."""

import ast
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from greenloop.tools.judges import is_test_file
from greenloop.tools.model.base import Brief, OnText
from greenloop.tools.repair.candidates import Candidate, candidates
from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.hunting import Found, Hunt, SuiteRun
from greenloop.tools.repair.localize import Suspicion, suspicions
from greenloop.tools.repair.observe import Observation
from greenloop.tools.repair.op_syntax import syntax_edits
from greenloop.tools.repair.patch import blocks
from greenloop.tools.repair.rank import quality
from greenloop.tools.repair.site import Hints
from greenloop.tools.repair.source import SourceFile
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.base import Sandbox

_MOST_CANDIDATES = 8000
_MOST_FILES = 60
_MOST_VALIDATED = 8
_SEARCH_SHARE = 0.8
_THOROUGH = 0.8
_LEAST_S = 5.0
"""With less time left no further search is begun."""
_TELL_EVERY_S = 3.0
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_STRING = re.compile(r"'([^'\n]{1,60})'|\"([^\"\n]{1,60})\"")


@dataclass(frozen=True, slots=True)
class Proven:
    """An edit that mends tests and breaks none."""

    candidate: Candidate
    fixed: frozenset[str]
    suite: SuiteRun


class Repair:
    """Searches one workspace once."""

    def __init__(
        self,
        sandbox: Sandbox,
        command: TestCommand,
        workspace: Path,
        deadline_s: float,
        tell: OnText,
    ) -> None:
        self._workspace = workspace
        self._hunt = Hunt(sandbox, command, workspace, deadline_s)
        self._tell = tell
        self._started = self._told = time.monotonic()
        self._texts: dict[str, bytes] = {}
        self._harmless = 0

    def propose(self, brief: Brief) -> tuple[str, str]:
        """The reply's text with the edit, or an empty text and why there is none.

        Raises:
            SandboxError: the project's interpreter could not be run.
        """
        named = frozenset(failure.test_id for failure in brief.failures)
        seen = self._hunt.observe(named, self._progress)
        if not seen.targets:
            return "", _nothing_to_mend(seen)
        files, broken = self._read(seen)
        hints = _hints(seen, files)
        scores = suspicions(seen, files)
        tried = [Candidate(e, e.prior) for e in broken]
        tried += candidates(files, scores, hints, _MOST_CANDIDATES)
        self._tell(_located(seen, scores, len(tried)))
        if not tried:
            return "", "the failing tests run no line of the project that could be changed"
        found, proven = self._search(seen, tried, hints)
        skipped = _to_skip(brief)
        if skipped and brief.diff and skipped >= len(proven):
            skipped = 0
        if len(proven) <= skipped:
            return "", self._why_none(found, len(tried), proven, scores)
        return self._answer(proven[skipped], seen, found, len(tried)), ""

    def _read(self, seen: Observation) -> tuple[dict[str, SourceFile], list[Edit]]:
        """The project's files that failing tests run; those that do not parse, as edits."""
        counted: dict[str, int] = {}
        lines = [line for ran in seen.failing_lines.values() for line in ran]
        for path, _ in [*seen.framed, *lines, *seen.imported]:
            counted[path] = counted.get(path, 0) + 1
        framed = {path for path, _ in seen.framed}
        ordered = sorted(counted, key=lambda p: (p not in framed, -counted[p], p))
        files: dict[str, SourceFile] = {}
        broken: list[Edit] = []
        for path in [p for p in ordered if is_source(p)][:_MOST_FILES]:
            try:
                data = (self._workspace / path).read_bytes()
                self._texts[path] = data
                files[path] = SourceFile(path, data)
            except SyntaxError:
                broken += syntax_edits(path, data)
            except (OSError, ValueError):
                continue
        return files, broken

    def _search(
        self, seen: Observation, tried: Sequence[Candidate], hints: Hints
    ) -> tuple[Found, list[Proven]]:
        """Search on where all that was found breaks other tests."""
        found, proven, begin = Found(), list[Proven](), 0
        while begin < len(tried) and self._hunt.left_s > _LEAST_S:
            rest = tried[begin:]
            more = self._hunt.search(seen, rest, _SEARCH_SHARE, self._progress)
            proven += self._prove(seen, rest, more, hints)
            found = Found(found.fixes + more.fixes, found.tried + more.tried, 0, more.stopped)
            if any(_thoroughness(p.candidate, p.fixed, seen) for p in proven):
                break
            begin += max(1, more.end)
        return found, self._ordered(seen, proven, hints)

    def _prove(
        self, seen: Observation, tried: Sequence[Candidate], found: Found, hints: Hints
    ) -> list[Proven]:
        """Plausible edits that break nothing, the best first."""
        most = max((len(fixed) for _, fixed in found.fixes), default=0)
        if not most:
            return []
        plausible = sorted(
            found.fixes,
            key=lambda f: (
                -_thoroughness(tried[f[0]], f[1], seen),
                -len(f[1]),
                -quality(tried[f[0]], hints),
                f[0],
            ),
        )
        room = int(self._hunt.left_s / max(0.2, 1.5 * seen.seconds))
        chosen = plausible[: max(1, min(_MOST_VALIDATED, room))]
        runs = self._hunt.validate(seen, [tried[i] for i, _ in chosen], self._progress)
        proven = []
        for run in runs:
            number, fixed = chosen[run.number]
            if run.finished and not run.broken and not fixed.intersection(run.failing):
                proven.append(Proven(tried[number], fixed, run))
        return proven

    def _ordered(self, seen: Observation, proven: list[Proven], hints: Hints) -> list[Proven]:
        return sorted(
            proven,
            key=lambda p: (
                -_thoroughness(p.candidate, p.fixed, seen),
                -len(p.fixed),
                len(p.suite.failing),
                -quality(p.candidate, hints),
            ),
        )

    def _answer(self, best: Proven, seen: Observation, found: Found, total: int) -> str:
        edit = best.candidate.edit
        names = sorted(best.fixed)
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        rest = len(seen.targets) - len(best.fixed)
        others = f" Still failing: {rest}." if rest else ""
        evidence = (
            f"Changed {edit.path}:{edit.line} ({edit.operator}), one of {total} candidate edits; "
            f"{found.tried} were tried. It fixes {shown}.{others} "
            f"The whole suite was run with it: none of the {len(seen.passed)} tests that passed "
            "before fails."
        )
        self._tell(f"{evidence}\n")
        return f"{evidence}\n\n{blocks(edit, self._texts[edit.path])}"

    def _why_none(
        self, found: Found, total: int, proven: Sequence[Proven], scores: Suspicion
    ) -> str:
        seconds = time.monotonic() - self._started
        tried = f"tried {found.tried} of {total} candidate edits in {seconds:.1f} s"
        if proven:
            return f"{tried}: all {len(proven)} edits that pass the tests were judged before"
        if found.fixes:
            return f"{tried}: {len(found.fixes)} mend a failing test, but break others"
        suspect = max(scores, key=lambda line: scores[line], default=("nothing", 0))
        late = ", until the time ran out" if found.stopped else ""
        return f"{tried}{late}: none mends a failing test (most suspect: {suspect[0]}:{suspect[1]})"

    def _progress(self, line: str) -> None:
        """Turn the script's lines into words, not more often than a person can read."""
        word, *numbers = line.split()
        now = time.monotonic()
        if word == "suite" and len(numbers) == 3:
            self._harmless += numbers[2] == "0"
            if numbers[0] == numbers[1]:
                self._tell(f"whole suite: {self._harmless} of {numbers[1]} edits break nothing\n")
                self._harmless = 0
        elif word == "tried" and numbers[:1] == ["1"]:
            self._told = now  # what came before was finding the place
        elif word == "tried" and len(numbers) == 3 and now - self._told >= _TELL_EVERY_S:
            self._told = now
            seconds = now - self._started
            self._tell(f"tried {numbers[0]} of {numbers[1]} candidates, {seconds:.1f} s\n")


def _thoroughness(candidate: Candidate, fixed: frozenset[str], seen: Observation) -> bool:
    """Whether an edit mends most of the failing tests that run its line.

    One of several faults explains all the failures of the tests that meet it, or nearly; an edit
    that mends a few of them has only bent the result for those.
    """
    line = (candidate.edit.path, candidate.edit.line)
    covering = sum(seen.runs(test.test_id, line) for test in seen.targets)
    return len(fixed) >= min(_THOROUGH * covering, len(seen.targets))


def is_source(path: str) -> bool:
    """Whether a path is the project's own code: tests and what is installed are never changed."""
    folders = path.split("/")[:-1]
    installed = any(folder == "site-packages" or folder[:1] == "." for folder in folders)
    return not installed and not is_test_file(path)


def _nothing_to_mend(seen: Observation) -> str:
    if seen.alone:
        names = ", ".join(sorted(seen.alone)[:3])
        return f"the failing tests pass when run alone, so no edit can be judged by them: {names}"
    if seen.failing:
        return "the failing tests run no line of the project that could be changed"
    if not seen.finished:
        return "the suite did not end in the time that the embedded brain has for it"
    return "no test fails: the embedded brain repairs failing tests only"


def _hints(seen: Observation, files: Mapping[str, SourceFile]) -> Hints:
    messages = tuple(dict.fromkeys(t.message for t in seen.targets))[:40]
    strings = [a or b for text in messages for a, b in _STRING.findall(text)]
    numbers = [n for text in messages for n in _NUMBER.findall(text)]
    exports: dict[str, str] = {}
    for path, source in files.items():
        module = path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/")
        for node in source.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                exports.setdefault(node.name, module.replace("/", "."))
    return Hints(
        errors=frozenset(t.error for t in seen.targets),
        messages=messages,
        strings=tuple(dict.fromkeys(strings))[:12],
        numbers=tuple(dict.fromkeys(numbers))[:12],
        exports=exports,
    )


def _located(seen: Observation, scores: Suspicion, total: int) -> str:
    worst = sorted(scores, key=lambda line: (-scores[line], line))[:3]
    places = ", ".join(f"{path}:{line}" for path, line in worst)
    tests = "1 failing test" if len(seen.targets) == 1 else f"{len(seen.targets)} failing tests"
    return f"localised {tests}: {places or 'nowhere'}; {total} candidates\n"


def _to_skip(brief: Brief) -> int:
    """How many of the best edits were judged and are not in the tree any more.

    Edits of the work so far that stayed in the tree were judged too, but cannot be found again.
    """
    stayed = sum(line.startswith("@@ ") for line in brief.diff.splitlines())
    return max(0, brief.ordinal - stayed)
