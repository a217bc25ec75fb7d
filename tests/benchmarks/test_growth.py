"""The growth benchmark in small: every figure is there, and compares what it should."""

import pytest

from benchmarks.growth import figures, measure, slowdown, table
from benchmarks.growth_arms import MESSAGE_CHARS, OUTPUT_CHARS, message, output

STEPS = 12


def test_the_slowdown_compares_the_end_with_the_beginning() -> None:
    assert slowdown([50.0] * 10 + [1.0] * 300 + [2.0] * 300) == 2.0
    assert slowdown([9.0, 1.0, 1.0, 3.0]) == pytest.approx(3.0)
    assert slowdown([4.0]) == 1.0


def test_texts_are_as_long_as_they_are_said_to_be_and_differ() -> None:
    assert abs(len(message(3)) / MESSAGE_CHARS - 1) < 0.1
    assert abs(len(output(3)) / OUTPUT_CHARS - 1) < 0.1
    assert len({message(step) for step in range(50)} | {output(5), output(6)}) == 52


def test_both_arms_and_the_resume_are_measured() -> None:
    growth = measure(STEPS)
    found = figures(growth)
    assert found["steps"] == found["theirs_steps"] == STEPS
    assert [point.steps for point in growth.ours.points] == [10, STEPS]
    assert [point.steps for point in growth.theirs.points] == [10, STEPS]
    # Theirs writes every text of the thread at every step; ours each text once.
    ours, theirs = growth.ours.points[-1], growth.theirs.points[-1]
    assert theirs.database_bytes > STEPS * (STEPS + 1) / 2 * OUTPUT_CHARS
    assert ours.blob_bytes < STEPS * (OUTPUT_CHARS + 3 * MESSAGE_CHARS)
    assert growth.late_imports == ()
    assert growth.resume_ms > 0
    assert all(line for line in (found["slowdown"], found["theirs_slowdown"]))
    assert "resume of the long thread" in table(growth)
