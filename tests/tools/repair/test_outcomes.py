"""A test counts as passed only when it was seen to its end: children are killed at any time."""

from typing import Any

import pytest

from greenloop.tools.runner.inside.greenloop_outcomes import is_fixed, outcomes


def phase(when: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    known = {"event": "phase", "id": "t", "when": when, "outcome": outcome, "xfail": False}
    return {**known, "seconds": 0.1, **more}


START = {"event": "start", "id": "t"}


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([START], "failed"),
        ([START, phase("setup")], "failed"),
        ([START, phase("setup"), phase("call")], "failed"),
        ([START, phase("setup"), phase("call"), phase("teardown")], "passed"),
        ([START, phase("setup"), phase("call", "failed"), phase("teardown")], "failed"),
        ([START, phase("setup"), phase("call"), phase("teardown", "failed")], "failed"),
        ([START, phase("setup", "skipped"), phase("teardown")], "skipped"),
        ([START, phase("setup"), phase("call", "failed", slow=True), phase("teardown")], "slow"),
        (
            [START, phase("setup"), phase("call", "skipped", xfail=True), phase("teardown")],
            "passed",
        ),
    ],
)
def test_an_outcome_needs_all_three_phases(events: list[dict[str, Any]], outcome: str) -> None:
    found = outcomes(events)
    assert found["t"]["outcome"] == outcome
    assert is_fixed("t", found) == (outcome == "passed")


def test_a_file_that_could_not_be_collected_is_mended_by_a_passing_test_of_it() -> None:
    found = outcomes(
        [
            {"event": "start", "id": "test_m.py::test_a"},
            {**phase("call"), "id": "test_m.py::test_a"},
            {**phase("teardown"), "id": "test_m.py::test_a"},
        ]
    )
    assert is_fixed("test_m.py", found)
    broken = outcomes([{"event": "collect_error", "id": "test_m.py", "message": ""}])
    assert not is_fixed("test_m.py", broken)
