"""From a full test report to the summary that the state keeps, and the score of a tree."""

import json
from collections import Counter
from dataclasses import asdict

from greenloop.checkpoints.blobs import BlobStore
from greenloop.state import MAX_FAILING, Score, TestFailure, TestSummary
from greenloop.tools.runner.report import TestCase, TestReport

_MESSAGE_CHARS = 400
_EXCERPT_CHARS = 2500
_FULL_EXCERPTS = 5
"""Failures that keep their traceback; the rest are named only."""


def summarise(report: TestReport, blobs: BlobStore, baseline: TestSummary | None) -> TestSummary:
    """The numbers, the first failures, and what broke since the baseline."""
    failing = report.failing
    return TestSummary(
        passed=len(report.passed),
        failed=len(failing),
        skipped=sum(case.outcome == "skipped" for case in report.cases),
        kind=report.kind,
        failures=tuple(
            _failure(case, with_excerpt=index < _FULL_EXCERPTS)
            for index, case in enumerate(failing[:MAX_FAILING])
        ),
        structured=report.structured,
        exit_code=report.exit_code,
        seconds=round(report.seconds, 3),
        ref=blobs.put(json.dumps(asdict(report))),
        broken=count_broken(_passed_before(baseline, blobs), report) if baseline else 0,
    )


def score(summary: TestSummary, *, accepted: bool = False) -> Score:
    """How good the tree is that gave this summary."""
    return Score(accepted, summary.green, -summary.broken, -summary.failed)


def count_broken(before: frozenset[str], report: TestReport) -> int:
    """Tests that passed before and now fail, are skipped or are gone.

    Ids of parameters may differ from run to run (made from a set, an address, a time), so a test
    that is gone is made up for by one that came, passing, for the same function.
    """
    known = {case.test_id for case in report.cases}
    gone = Counter(_function(test_id) for test_id in before - known)
    came = Counter(_function(test_id) for test_id in report.passed - before)
    return len((before & known) - report.passed) + (gone - came).total()


def _function(test_id: str) -> str:
    return test_id.partition("[")[0]


def _passed_before(baseline: TestSummary, blobs: BlobStore) -> frozenset[str]:
    cases = json.loads(blobs.get(baseline.ref))["cases"]
    return frozenset(c["test_id"] for c in cases if c["outcome"] in ("passed", "xfailed"))


def _failure(case: TestCase, *, with_excerpt: bool) -> TestFailure:
    inner = case.frames[-1] if case.frames else None
    return TestFailure(
        test_id=case.test_id,
        kind=case.kind,
        message=case.message[:_MESSAGE_CHARS],
        path=inner.path if inner else "",
        line=inner.line if inner else 0,
        excerpt=case.excerpt[-_EXCERPT_CHARS:] if with_excerpt else "",
    )
