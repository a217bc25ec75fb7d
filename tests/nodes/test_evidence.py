"""What prompts say of failures is the same on every machine."""

from pathlib import Path

import pytest

from greenloop.nodes.evidence import feedback, standing, steady
from greenloop.state import AgentState, Review, TestFailure, TestSummary

ROOT = Path("/home/ada/shop")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("==== 1 failed, 2 passed in 0.12s ====", "==== 1 failed, 2 passed ===="),
        ("3 passed in 75.10s (0:01:15)", "3 passed"),
        ("Ran 3 tests in 0.001s", "Ran 3 tests"),
        ("0.05s call     tests/test_a.py::test_b", "call     tests/test_a.py::test_b"),
        ("<Cart object at 0x7f3a9c0d1e50>", "<Cart object at 0x...>"),
        ("/home/ada/shop/src/cart.py:7: KeyError", "src/cart.py:7: KeyError"),
        ("open('/tmp/pytest-of-ada/pytest-12/test_x0/f')", "open('tmp/test_x0/f')"),
        ("/private/var/x1/T/pytest-of-ada/pytest-3/a", "tmp/a"),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(text: str, shown: str) -> None:
    assert steady(text, ROOT) == shown


@pytest.mark.parametrize(
    "text", ["assert 'done in 3s' == 'done in 4s'", "0xdeadbeef != 0xdeadbee0", "1.25s is too long"]
)
def test_what_may_be_the_point_stays(text: str) -> None:
    assert steady(text, ROOT) == text


def test_a_long_line_takes_no_time() -> None:
    for text in ("/a" * 100_000, "1." * 100_000, "a." * 100_000):
        assert len(steady(text, ROOT)) == len(text)


def summary(**more: object) -> TestSummary:
    failures = tuple(
        TestFailure(f"t{n}", "assertion", "1 != 2", excerpt="x" * 5000) for n in range(9)
    )
    return TestSummary(3, 9, 0, "assertion", failures)


def test_what_is_left_out_of_long_failures_is_marked() -> None:
    text = feedback(summary(), ROOT)
    assert len(text) <= 6000
    assert "left out" in text or "…" in text


def test_a_green_tree_that_review_rejected_stands_for_its_reasons() -> None:
    green = TestSummary(5, 0, 0, "none")
    rejected = Review(keep=False, reasons=("a constant",), by="model")
    state: AgentState = {"report": green, "review": rejected}
    assert "- a constant" in standing(state, ROOT)
    assert standing({"report": green}, ROOT) == ""
    assert "t0: 1 != 2" in standing({**state, "report": summary()}, ROOT)
