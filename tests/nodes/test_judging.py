from dataclasses import replace
from pathlib import Path

import pytest

from greenloop.checkpoints.blobs import BlobStore
from greenloop.nodes.decisions import read_verdict
from greenloop.nodes.evidence import feedback
from greenloop.nodes.summary import count_broken, score, summarise
from greenloop.nodes.test import step_is_done
from greenloop.state import FailureClass, Plan, Review, Step, TestFailure, TestSummary
from greenloop.tools.runner.report import Frame, Outcome, TestCase, TestReport


def report(*outcomes: Outcome, kind: FailureClass = "none") -> TestReport:
    cases = tuple(
        TestCase(f"t::{n}", outcome, kind="assertion" if outcome == "failed" else "none")
        for n, outcome in enumerate(outcomes)
    )
    return TestReport(cases, int(kind != "none"), kind, True, "", 0.1)


def test_a_summary_counts_and_refers_to_the_whole(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    summary = summarise(report("passed", "failed", "skipped", kind="assertion"), blobs, None)
    assert (summary.passed, summary.failed, summary.skipped) == (1, 1, 1)
    assert '"t::1"' in blobs.get(summary.ref)
    assert not summary.green


def test_a_test_that_vanished_is_broken(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    before = summarise(report("passed", "passed"), blobs, None)
    after = summarise(report("passed"), blobs, before)
    assert after.broken == 1
    assert not after.green


def test_a_test_that_is_skipped_now_is_broken(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    before = summarise(report("passed", "passed"), blobs, None)
    assert summarise(report("passed", "skipped"), blobs, before).broken == 1


@pytest.mark.parametrize(
    ("before", "now", "broken"),
    [
        ({"t::a[x1]", "t::a[x2]"}, {"t::a[y1]", "t::a[y2]"}, 0),
        ({"t::a[x1]", "t::a[x2]"}, {"t::a[y1]"}, 1),
        ({"t::a[x1]"}, {"t::b[x1]"}, 1),
        ({"t::a"}, {"t::a", "t::new"}, 0),
    ],
)
def test_ids_that_change_from_run_to_run(before: set[str], now: set[str], broken: int) -> None:
    cases = tuple(TestCase(test_id, "passed") for test_id in now)
    run = TestReport(cases, 0, "none", True, "", 0.1)
    assert count_broken(dict.fromkeys(before, "passed"), run) == broken


def test_only_some_failures_are_kept(tmp_path: Path) -> None:
    outcomes: list[Outcome] = ["failed"] * 100
    many = report(*outcomes, kind="assertion")
    summary = summarise(many, BlobStore(tmp_path), None)
    assert summary.failed == 100
    assert len(summary.failures) == 30


def test_a_failure_names_its_innermost_place(tmp_path: Path) -> None:
    frames = (Frame("tests/test_a.py", 3, "test"), Frame("src/a.py", 7, "f"))
    case = TestCase("t", "failed", kind="exception", frames=frames, message="m" * 5000)
    whole = TestReport((case,), 1, "exception", True, "", 0.1)
    (failure,) = summarise(whole, BlobStore(tmp_path), None).failures
    assert (failure.path, failure.line) == ("src/a.py", 7)
    assert len(failure.message) < 500


GREEN = TestSummary(5, 0, 0, "none")
RED = TestSummary(3, 2, 0, "assertion")


def test_scores_are_ordered_by_what_matters() -> None:
    broken = replace(GREEN, broken=1)
    ranked = [
        score(replace(RED, broken=1)),
        score(replace(RED, failed=9)),
        score(RED),
        score(broken),
        score(GREEN),
        score(GREEN, accepted=True),
    ]
    assert sorted(ranked) == [ranked[0], ranked[3], ranked[1], ranked[2], ranked[4], ranked[5]]


TWO = Plan((Step("a"), Step("b")))


@pytest.mark.parametrize(
    ("step", "summary", "done"),
    [
        (0, GREEN, True),
        (1, GREEN, True),
        (0, RED, True),
        (1, RED, False),
        (0, replace(RED, broken=1), False),
        (0, replace(RED, failed=3), False),
        (0, replace(RED, kind="syntax"), False),
        (0, replace(RED, kind="timeout"), False),
    ],
)
def test_an_early_step_must_do_no_harm_and_the_last_must_be_green(
    step: int, summary: TestSummary, done: bool
) -> None:
    assert step_is_done(TWO, step, summary, score(summary), RED) is done


def test_feedback_is_short_and_holds_the_evidence() -> None:
    failures = tuple(
        TestFailure(f"t{n}", "assertion", "1 != 2", excerpt="x" * 5000) for n in range(9)
    )
    text = feedback(replace(RED, failures=failures), Path("/repo"))
    assert "t0: 1 != 2" in text
    assert len(text) <= 6000
    assert feedback(GREEN, Path("/repo")) == ""


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Looks right.\nVERDICT: keep", Review(keep=True, by="model")),
        ("- misses None\n**VERDICT: reject**", Review(False, ("misses None",), "model")),
        ("VERDICT: reject", Review(False, ("the reviewer gave no reason",), "model")),
        ("verdict - KEEP", Review(keep=True, by="model")),
        ("I would keep it", None),
    ],
)
def test_verdicts(reply: str, verdict: Review | None) -> None:
    assert read_verdict(reply) == verdict


def test_the_last_verdict_counts() -> None:
    found = read_verdict("VERDICT: keep or reject?\nVERDICT: reject\n")
    assert found is not None
    assert not found.keep
