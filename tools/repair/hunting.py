"""Runs the script that works inside the project's interpreter, and reads what it answers."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenloop.errors import SandboxError
from greenloop.tools.repair.candidates import Candidate
from greenloop.tools.repair.observe import Observation, read_observation
from greenloop.tools.runner import inside
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.base import Command, Limits, Sandbox

SCRIPT = Path(inside.__file__).parent / "greenloop_hunt.py"
PIVOTS = 4
"""Failing tests that a candidate must face first; the rest follow if it mends one."""
_GRACE_S = 10.0
"""Past the script's own deadline before the sandbox ends it."""
_MOST_WORKERS = 4
_SUITE_SHARE = 0.4
"""Of the time left, the most that the first run of the whole suite may take."""
_TRACE_S = 20.0
_MORE = 60
"""Candidates that are tried behind the first success, at least; twice as many at most.

A quarter of it where the failing tests hang: most candidates then hang too, up to their limit.
"""
_ENOUGH = 12
"""Successes after which no further candidate is tried."""
_TEST_LIMIT_S = 15.0

OnProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought: which candidates mend which tests."""

    fixes: tuple[tuple[int, frozenset[str]], ...] = ()
    """Number of the candidate and the failing tests that it mends, in the candidates' order."""
    tried: int = 0
    end: int = 0
    """How many of the candidates are done with: the next search may begin there."""
    stopped: str = ""
    """`deadline` when time ran out before the candidates did."""


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """The whole suite with one candidate in place."""

    number: int
    failing: tuple[str, ...]
    broken: tuple[str, ...]
    """Tests that passed before and do not now."""
    finished: bool
    seconds: float


class Hunt:
    """Observes, searches and validates in one workspace, until a common deadline."""

    def __init__(
        self, sandbox: Sandbox, command: TestCommand, workspace: Path, deadline_s: float
    ) -> None:
        self._sandbox = sandbox
        self._command = command
        self._workspace = workspace
        self._deadline = time.monotonic() + deadline_s
        self.workers = max(1, min(_MOST_WORKERS, os.cpu_count() or 1))

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self._deadline - time.monotonic())

    def observe(self, named: frozenset[str], progress: OnProgress) -> Observation:
        """Run the suite unchanged, and the failing tests line by line.

        Raises:
            SandboxError: the script could not be run in the project's interpreter.
        """
        left = self.left_s
        job = {
            "mode": "observe",
            "suite_s": left * _SUITE_SHARE,
            "trace_s": min(_TRACE_S, left * 0.2),
            "test_limit_s": min(_TEST_LIMIT_S, left * 0.05),
        }
        with self._run(job, left * 0.7, progress) as events:
            return read_observation(events, named)

    def search(
        self,
        seen: Observation,
        tried: Sequence[Candidate],
        share: float,
        progress: OnProgress,
    ) -> Found:
        """Try candidates on the failing tests, for at most `share` of the time left.

        Raises:
            SandboxError: the script could not be run in the project's interpreter.
        """
        targets = [test.test_id for test in seen.targets]
        job = {
            **_setup(seen),
            "mode": "search",
            "targets": targets,
            "hanging": seen.targets[0].slow,
            "candidates": [_candidate(c, targets, seen) for c in tried],
            "workers": self.workers,
            "pivots": PIVOTS,
            "more": _MORE // 4 if seen.targets[0].slow else _MORE,
            "enough": _ENOUGH,
        }
        fixes: dict[int, frozenset[str]] = {}
        last, count, stopped = len(tried), 0, "deadline"
        with self._run(job, self.left_s * share, progress) as events:
            for event in events:
                if event["event"] == "fixed":
                    fixes[event["i"]] = frozenset(event["fixed"])
                elif event["event"] == "searched":
                    last, count, stopped = event["last"], event["tried"], event["stopped"]
        # What was launched before a success was known would make the answer depend on luck.
        full = [i for i in sorted(fixes) if len(fixes[i]) == len(targets)]
        end = full[_ENOUGH - 1] + 1 if len(full) >= _ENOUGH else last
        kept = tuple((i, fixes[i]) for i in sorted(fixes) if i < end)
        return Found(kept, count, end, stopped)

    def validate(
        self, seen: Observation, chosen: Sequence[Candidate], progress: OnProgress
    ) -> tuple[SuiteRun, ...]:
        """Run the whole suite for each candidate until one breaks something or the time is up.

        Raises:
            SandboxError: the script could not be run in the project's interpreter.
        """
        job = {
            **_setup(seen),
            "mode": "validate",
            "targets": [],
            "protected": sorted(seen.passed),
            "candidates": [_candidate(c, [], seen) for c in chosen],
            "suite_s": 10.0 + 4 * seen.seconds,
            "test_limit_s": 2.0 + 4 * seen.slowest_s,
        }
        with self._run(job, self.left_s, progress) as events:
            return tuple(
                SuiteRun(
                    number=event["i"],
                    failing=tuple(event["failing"]),
                    broken=tuple(event["broken"]),
                    finished=event["finished"],
                    seconds=event["seconds"],
                )
                for event in events
                if event["event"] == "suite"
            )

    @contextmanager
    def _run(
        self, job: Mapping[str, Any], seconds: float, progress: OnProgress
    ) -> Iterator[list[dict[str, Any]]]:
        with tempfile.TemporaryDirectory(prefix="greenloop-") as name:
            folder = Path(name)
            result, order = folder / "result.jsonl", folder / "job.json"
            result.touch()
            argv = self._command.argv
            common = {
                "deadline_s": seconds,
                "folder": name,
                "result": str(result),
                "dash_m": argv[1:3] == ("-m", "pytest"),
                "pytest_args": list(self._command.pytest_args),
            }
            order.write_text(json.dumps({**job, **common}), encoding="utf-8")
            command = Command(
                (str(self._command.python), str(SCRIPT), str(order)),
                self._workspace,
                {**self._command.env, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
                Limits(timeout_s=seconds + _GRACE_S),
            )
            ended = self._sandbox.run(command, on_output=_by_line(progress))
            events = _events(result.read_text(encoding="utf-8"))
            if not events and ended.reason == "exit":
                said = (ended.output.strip().splitlines() or ["nothing"])[-1]
                raise SandboxError(f"the repair script failed in {argv[0]}: {said}")
            yield events


def _setup(seen: Observation) -> dict[str, Any]:
    return {
        "root": seen.root,
        "options": list(seen.options),
        "preload": list(seen.preload),
        "sources": list(seen.sources),
    }


def _candidate(candidate: Candidate, targets: list[str], seen: Observation) -> dict[str, Any]:
    edit = candidate.edit
    covering = [n for n, t in enumerate(targets) if seen.runs(t, (edit.path, edit.line))]
    return {
        "path": edit.path,
        "splices": [[s.start, s.end, s.text] for s in edit.splices],
        "tests": _pivots(covering or list(range(len(targets))), targets),
        "covering": len(covering),
    }


def _pivots(pool: list[int], targets: list[str]) -> list[int]:
    """Up to PIVOTS of the failing tests that run the edited line, different functions first."""
    first: dict[str, int] = {}
    for number in pool:
        first.setdefault(targets[number].partition("[")[0], number)
    chosen = list(first.values())[:PIVOTS]
    chosen += [n for n in pool if n not in chosen][: PIVOTS - len(chosen)]
    return sorted(chosen)


def _events(text: str) -> list[dict[str, Any]]:
    """Whole lines only: the last one may be torn when the script was ended."""
    events = []
    for line in text.splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def _by_line(progress: OnProgress) -> Callable[[bytes], None]:
    rest = b""

    def on_output(data: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            progress(line.decode(errors="replace"))

    return on_output
