"""Running the tests and turning the report that they leave into records."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from greenloop.state import FailureClass
from greenloop.tools.runner import inside
from greenloop.tools.runner.classify import classify, classify_run
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.runner.report import Frame, Outcome, TestCase, TestReport
from greenloop.tools.sandbox.base import Command, CommandResult, Limits, Sandbox

INSIDE = Path(inside.__file__).parent
"""Folder put on the tested interpreter's path; holds nothing but our plugins."""

NOT_STARTED = (126, 127)
"""What a shell returns for a program that it cannot execute or find (POSIX sh)."""
_PHASE_KEYS = {"phase": {"id", "when", "outcome", "xfail"}}
_NO_TESTS = 5
"""pytest.ExitCode.NO_TESTS_COLLECTED."""
USAGE_ERROR = 4
"""pytest.ExitCode.USAGE_ERROR: an option or a file of the settings is wrong."""


class TestRunner:
    """Runs one project's tests in place."""

    __test__ = False  # its name would make pytest collect it

    def __init__(
        self, sandbox: Sandbox, command: TestCommand, workspace: Path, timeout_s: float
    ) -> None:
        self.command = command
        self._sandbox = sandbox
        self._workspace = workspace
        self._limits = Limits(timeout_s=timeout_s)

    def run(self) -> TestReport:
        """Run the whole command once.

        Raises:
            SandboxError: the sandbox failed.
        """
        with tempfile.TemporaryDirectory(prefix="greenloop-") as folder:
            report = Path(folder) / "report.jsonl"
            result = self._sandbox.run(self._command(report))
            if not report.exists():
                return self._without_report(result)
            lines = report.read_text(encoding="utf-8", errors="replace").splitlines()
            return _read(lines, result)

    def _command(self, report: Path) -> Command:
        env = {
            **self.command.env,
            "GREENLOOP_REPORT": str(report),
            "GREENLOOP_WORKSPACE": str(self._workspace),
            "PYTHONPATH": _joined(":", str(INSIDE), self.command.env.get("PYTHONPATH", "")),
            "PYTEST_ADDOPTS": _joined(
                " ",
                self.command.env.get("PYTEST_ADDOPTS", ""),
                "-p greenloop_report -p no:cacheprovider --continue-on-collection-errors",
            ),
        }
        return Command(self.command.argv, self._workspace, env, self._limits)

    def _without_report(self, result: CommandResult) -> TestReport:
        """The verdict of a command that is not pytest: its exit code."""
        kind: FailureClass = "none" if result.exit_code == 0 else "command"
        if result.reason == "timeout":
            kind = "timeout"
        case = TestCase(
            test_id=self.command.shown,
            outcome="passed" if kind == "none" else "failed",
            seconds=result.seconds,
            kind=kind,
            message="" if kind == "none" else _how_it_ended(result),
            excerpt="\n".join(result.output.splitlines()[-40:]),
        )
        return TestReport((case,), result.exit_code, kind, False, result.output, result.seconds)


def _joined(separator: str, *parts: str) -> str:
    return separator.join(part for part in parts if part)


def _how_it_ended(result: CommandResult) -> str:
    if result.reason == "timeout":
        return f"stopped after {result.seconds:.0f} s"
    return f"exit code {result.exit_code}"


def _read(lines: Sequence[str], result: CommandResult) -> TestReport:
    cases: dict[str, TestCase] = {}
    broken: list[TestCase] = []
    running, finished = "", False
    for line in lines:
        event = _parse(line)
        match event.get("event"):
            case "collect_error":
                broken.append(_case(event, "error", collecting=True))
            case "start":
                running = event["id"]
            case "phase":
                cases[event["id"]] = _merge(cases.get(event["id"]), event)
                running = "" if event["when"] == "teardown" else running
            case "finish":
                finished = True
    if not finished:
        _mark_unfinished(cases, running, result)
    tests = tuple(cases.values())
    kind = classify_run([*broken, *(c for c in tests if c.outcome in ("failed", "error"))])
    if kind == "none":
        kind = _kind_of_quiet_run(result, len(tests), finished)
    return TestReport(
        tests, result.exit_code, kind, True, result.output, result.seconds, tuple(broken)
    )


def _kind_of_quiet_run(result: CommandResult, ran: int, finished: bool) -> FailureClass:
    """A run without a failing test is green only if pytest itself says so too."""
    if result.reason == "timeout":
        return "timeout"
    if result.exit_code == _NO_TESTS or (finished and not ran):
        return "no_tests"
    return "none" if finished and result.exit_code == 0 else "crash"


def _parse(line: str) -> dict[str, Any]:
    """One event; a line torn by a crash, or written by somebody else, is no event."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(event, dict) or event.get("event") == "finish":
        return event if isinstance(event, dict) else {}
    return event if _PHASE_KEYS.get(str(event.get("event")), {"id"}) <= event.keys() else {}


def _mark_unfinished(cases: dict[str, TestCase], running: str, result: CommandResult) -> None:
    """The test that ran when the run was cut is the one to look at."""
    kind: FailureClass = "timeout" if result.reason == "timeout" else "crash"
    if running:
        cases[running] = TestCase(
            running, "failed", result.seconds, kind, message=_how_it_ended(result)
        )


def _case(event: dict[str, Any], outcome: Outcome, *, collecting: bool = False) -> TestCase:
    error = event.get("error", "")
    return TestCase(
        test_id=event["id"],
        outcome=outcome,
        seconds=event.get("seconds", 0.0),
        kind=classify(error, collecting=collecting) if outcome in ("failed", "error") else "none",
        error=error,
        message=event.get("message", ""),
        frames=tuple(Frame(*frame) for frame in event.get("frames", ())),
        excerpt=event.get("excerpt", ""),
    )


def _merge(known: TestCase | None, event: dict[str, Any]) -> TestCase:
    """Setup, call and teardown of one test become one outcome; the first failure stands."""
    if event["outcome"] == "failed":
        outcome: Outcome = "failed" if event["when"] == "call" else "error"
    elif event["outcome"] == "skipped":
        outcome = "xfailed" if event["xfail"] else "skipped"
    else:
        outcome = "xpassed" if event["xfail"] else "passed"
    phase = _case(event, outcome)
    if known is None:
        return phase
    seconds = known.seconds + phase.seconds
    settled = known.outcome != "passed"
    return replace(known if settled or outcome == "passed" else phase, seconds=seconds)
