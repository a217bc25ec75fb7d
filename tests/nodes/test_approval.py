"""Proposals and verdicts as data, the steps that a user writes, and whom an answer is for."""

import pytest
from graph_bench.bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from greenloop.nodes.approval import (
    Proposal,
    Verdict,
    digest,
    plain_answer,
    proposal_text,
    read_proposal,
    read_verdict,
    verdict_text,
)
from greenloop.nodes.command_approval import command_line
from greenloop.nodes.loops import SAME_REJECTED, Watch, named
from greenloop.nodes.plan_approval import listed_steps, read_steps
from greenloop.tools.runner.command import TestCommand

_LINE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda word: not word.startswith("#")
)
_STEP = st.lists(_LINE, min_size=1, max_size=3).map("\n".join)


def test_records_survive_being_written_down() -> None:
    proposal = Proposal(
        "edits", "a\udce9.py", "diff", {"a\udce9.py": "\u2028x\r\n"}, "f", only=True
    )
    assert read_proposal(proposal_text(proposal)) == proposal
    verdict = Verdict("edit", "weil", {"a": "ü"})
    assert read_verdict(verdict_text(verdict)) == verdict
    assert set(plain_answer(verdict, "f")) == {"fingerprint", "verdict"}


@given(st.lists(_STEP, min_size=1, max_size=5).map(tuple))
def test_steps_that_are_not_edited_stay_as_they_are(steps: tuple[str, ...]) -> None:
    # A first line that itself begins like a numbered one cannot be told from a number.
    numbered = [f"do {step}" for step in steps]
    assert list(read_steps(listed_steps(numbered))) == numbered


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("1. one\n2) two\n- three\nfour\n", ("one", "two", "three", "four")),
        ("1. one\n   and more\n\n   of it\n\n2. two\n", ("one\nand more\n\nof it", "two")),
        ("# 1. not this\n1. one\r\n", ("one",)),
        ("\n   # indented\n", ("# indented",)),
        ("# nothing\n\n", ()),
    ],
)
def test_steps_as_a_user_writes_them(text: str, steps: tuple[str, ...]) -> None:
    assert read_steps(text) == steps


def test_a_digest_tells_values_apart_that_look_alike_when_joined() -> None:
    assert digest("a", "b") != digest("ab") != digest("a b")
    assert digest("a", 1) != digest("a", "1")


def test_a_rejected_change_is_remembered_over_rounds() -> None:
    first = Watch()
    assert not first.had("x")
    first.note_rejected("x")
    assert Watch(first.tried).had("x")
    assert named(SAME_REJECTED) == "a change that the user rejected"


def test_a_command_is_shown_with_its_variables() -> None:
    command = TestCommand(("pytest", "-k", "a b"), env={"MODE": "x y"})
    assert command_line(command) == "MODE='x y' pytest -k 'a b'"


def test_nobody_is_asked_about_what_was_not_wished_for(bench: Bench) -> None:
    keep = "VERDICT: keep"
    result = bench.start("colours", "answer.txt\n```\nred\nblue\n```\n", keep, approve="")
    assert (result.status, result.asked) == ("green", None)
    assert bench.texts("asked") == []
