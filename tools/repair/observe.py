"""What the tests do before anything is changed, as the script inside the project reports it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Line = tuple[str, int]
"""A file relative to the workspace, and a line number from 1."""


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that fails, or a file that cannot be collected."""

    test_id: str
    seconds: float = 0.0
    error: str = ""
    """Exception class name."""
    message: str = ""
    frames: tuple[Line, ...] = ()
    """Outermost first, inside the workspace only."""
    slow: bool = False
    """It was stopped at its limit."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One run of everything as it is, and the lines that the failing tests and others ran."""

    failing: tuple[FailedTest, ...] = ()
    passed: frozenset[str] = frozenset()
    failing_lines: Mapping[str, frozenset[Line]] = field(default_factory=dict)
    passing_lines: Mapping[str, frozenset[Line]] = field(default_factory=dict)
    imported: frozenset[Line] = frozenset()
    """Lines that ran while the tests were collected."""
    alone: frozenset[str] = frozenset()
    """Failing tests that pass when run with a few others: nothing to judge an edit by."""
    root: str = ""
    """pytest's rootdir, which test ids are relative to."""
    options: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    finished: bool = False
    seconds: float = 0.0
    slowest_s: float = 0.0
    """Seconds of the passing test that took longest."""

    @property
    def framed(self) -> frozenset[Line]:
        """Every line that a traceback names."""
        return frozenset(place for test in self.failing for place in test.frames)

    @property
    def targets(self) -> tuple[FailedTest, ...]:
        """What to mend: the failing tests that can be relied on, quickest first."""
        usable = (test for test in self.failing if self._is_usable(test.test_id))
        return tuple(sorted(usable, key=lambda t: (t.slow, round(t.seconds, 2), t.test_id)))

    def runs(self, test_id: str, line: Line) -> bool:
        """Whether a failing test is known to run a line."""
        return line in self.failing_lines.get(test_id, ())

    def _is_usable(self, test_id: str) -> bool:
        """Whether an edit can be judged by a test: it fails for certain, and in our code."""
        ran_nothing = test_id in self.failing_lines and not self.failing_lines[test_id]
        return test_id not in self.alone and not ran_nothing


def read_observation(events: Iterable[Mapping[str, Any]], named: frozenset[str]) -> Observation:
    """The script's answer as a record; `named` are the failing tests that are known of.

    A test that was stopped at its limit counts as failing only if it is known as failing.
    """
    tests: dict[str, Mapping[str, Any]] = {}
    setup: Mapping[str, Any] = {}
    traced: dict[str, tuple[str, frozenset[Line]]] = {}
    imported: frozenset[Line] = frozenset()
    for event in events:
        match event["event"]:
            case "test":
                tests[event["id"]] = event
            case "setup":
                setup = event
            case "imported":
                imported = _lines(event["lines"])
            case "lines":
                traced[event["id"]] = (event["outcome"], _lines(event["lines"]))
    failing = [_failed(event) for event in tests.values() if _fails(event, named)]
    bad = {test.test_id for test in failing}
    return Observation(
        failing=tuple(failing),
        passed=frozenset(t for t, e in tests.items() if e["outcome"] == "passed"),
        failing_lines={t: ls for t, (how, ls) in traced.items() if t in bad and how != "passed"},
        passing_lines={t: ls for t, (how, ls) in traced.items() if how == "passed"},
        imported=imported,
        alone=frozenset(t for t, (how, _) in traced.items() if t in bad and how == "passed"),
        root=setup.get("root", ""),
        options=tuple(setup.get("options", ())),
        preload=tuple(setup.get("preload", ())),
        sources=tuple(setup.get("sources", ())),
        finished=bool(setup.get("finished", False)),
        seconds=float(setup.get("seconds", 0.0)),
        slowest_s=max(
            (e["seconds"] for e in tests.values() if e["outcome"] == "passed"), default=0
        ),
    )


def _lines(by_path: Mapping[str, Iterable[int]]) -> frozenset[Line]:
    return frozenset((path, line) for path, lines in by_path.items() for line in lines)


def _fails(event: Mapping[str, Any], named: frozenset[str]) -> bool:
    if event["outcome"] == "slow":
        return not named or event["id"] in named
    return bool(event["outcome"] == "failed")


def _failed(event: Mapping[str, Any]) -> FailedTest:
    return FailedTest(
        test_id=event["id"],
        seconds=float(event["seconds"]),
        error=event.get("error", ""),
        message=event.get("message", ""),
        frames=tuple((str(path), int(line)) for path, line in event.get("frames", ())),
        slow=event["outcome"] == "slow",
    )
