"""From a full test report to the summary that the state keeps, and the score of a tree."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from greenloop.checkpoints.blobs import Blobs
from greenloop.state import MAX_FAILING, Score, TestFailure, TestSummary
from greenloop.tools.runner.report import TestCase, TestReport
from greenloop.tools.text import clip

_GOOD = frozenset({"passed", "xfailed", "xpassed"})
_BAD = frozenset({"failed", "error"})
_MESSAGE_CHARS = 400
_EXCERPT_CHARS = 2500
_FULL_EXCERPTS = 5
"""Failures that keep their traceback; the rest are named only."""


def summarise(report: TestReport, blobs: Blobs, baseline: TestSummary | None) -> TestSummary:
    """The numbers, the first failures, and what broke since the baseline."""
    failing = report.failing
    kind = report.kind
    if baseline and baseline.structured and not report.structured:
        kind = "crash"  # pytest wrote a report before: without one nothing is proven
    return TestSummary(
        passed=len(report.passed),
        failed=len(failing),
        skipped=sum(case.outcome == "skipped" for case in report.cases),
        kind=kind,
        failures=tuple(
            _failure(case, with_excerpt=index < _FULL_EXCERPTS)
            for index, case in enumerate(failing[:MAX_FAILING])
        ),
        structured=report.structured,
        exit_code=report.exit_code,
        seconds=round(report.seconds, 3),
        ref=blobs.put(json.dumps(asdict(report))),
        broken=count_broken(_outcomes_before(baseline, blobs), report) if baseline else 0,
    )


def score(summary: TestSummary, *, accepted: bool = False) -> Score:
    """How good the tree is that gave this summary."""
    return Score(accepted, summary.green, -summary.broken, -summary.failed)


def describe(summary: TestSummary) -> str:
    """The summary in one line."""
    if not summary.structured:
        if summary.green:
            return "the test command passes"
        return summary.failures[0].message if summary.failures else "the tests left no report"
    parts = [f"{summary.passed} passed", f"{summary.failed} failed"]
    if summary.skipped:
        parts.append(f"{summary.skipped} skipped")
    if summary.broken:
        parts.append(f"{summary.broken} broken since the start")
    if summary.kind in ("timeout", "crash"):
        parts.append(f"the run ended by a {summary.kind}")
    return ", ".join(parts)


def count_broken(before: Mapping[str, str], report: TestReport) -> int:
    """Tests that ran before and are now worse: skipped or gone, or failing though they passed.

    A test that failed before has to pass now or to fail on, since a test that is skipped has not
    been mended. Ids of parameters may differ from run to run (made from a set, an address, a time),
    so a test that is gone is made up for by one that came, passing, for the same function.

    Args:
        before: outcome by test id of the run before, skipped tests left out.
        report: the run now.
    """
    now = {case.test_id: case.outcome for case in report.cases}
    worse = sum(_is_worse(before[test_id], now[test_id]) for test_id in before.keys() & now)
    gone = Counter(_function(test_id) for test_id in before.keys() - now)
    came = Counter(
        _function(t) for t, outcome in now.items() if outcome == "passed" and t not in before
    )
    return worse + (gone - came).total()


def _is_worse(before: str, now: str) -> bool:
    if now in ("passed", "xpassed", before):
        return False
    return before in _GOOD or now not in _BAD


def _function(test_id: str) -> str:
    return test_id.partition("[")[0]


def _outcomes_before(baseline: TestSummary, blobs: Blobs) -> dict[str, str]:
    cases = json.loads(blobs.get(baseline.ref))["cases"]
    return {c["test_id"]: c["outcome"] for c in cases if c["outcome"] != "skipped"}


def _failure(case: TestCase, *, with_excerpt: bool) -> TestFailure:
    inner = case.frames[-1] if case.frames else None
    return TestFailure(
        test_id=case.test_id,
        kind=case.kind,
        message=clip(case.message, _MESSAGE_CHARS),
        path=inner.path if inner else "",
        line=inner.line if inner else 0,
        excerpt=clip(case.excerpt, _EXCERPT_CHARS) if with_excerpt else "",
    )
