"""What a prompt says of failing tests: short, and the same on every machine and at every run."""

import re
from collections.abc import Sequence
from pathlib import Path

from greenloop.nodes.summary import describe
from greenloop.state import AgentState, Review, TestFailure, TestSummary
from greenloop.tools.text import clip

_SHOWN = 3
_CHARS = 6000
_ABOUT_CHARS = 2000
_WORD = re.compile(r"\w{3,}")

_VOLATILE = (
    (
        re.compile(
            r"\b(passed|failed|errors?|skipped|warnings?|deselected|xfailed|xpassed|ran|tests?)"
            r" in \d+\.\d+s(?: \(\d+:\d\d:\d\d\))?"
        ),
        r"\1",
    ),
    (re.compile(r"\b\d+\.\d+s (?=call|setup|teardown)"), ""),
    (re.compile(r"(?<= at )0x[0-9a-fA-F]{5,16}\b"), "0x..."),
    (re.compile(r"(?:/[\w.+-]{1,80}){0,8}/pytest-of-[^/\s]+/pytest-\d+"), "tmp"),
)
"""Durations, addresses and temporary folders, as pytest and Python write them."""


def feedback(summary: TestSummary, root: Path, about: str = "") -> str:
    """The run in a line and its failures, those that concern a step first; empty when green."""
    if summary.green:
        return ""
    line = steady(describe(summary), root)
    return clip(f"{line}\n\n{failures(summary.failures, root, about)}".strip(), _CHARS)


def failures(found: Sequence[TestFailure], root: Path, about: str = "") -> str:
    """Some failures with their tracebacks, those first that share words with `about`."""
    words = set(_WORD.findall(about[:_ABOUT_CHARS]))

    def strangeness(failure: TestFailure) -> int:
        return -len(words.intersection(_WORD.findall(f"{failure.test_id} {failure.excerpt}")))

    ranked = sorted(found, key=strangeness)
    shown = [_shown(failure) for failure in ranked[:_SHOWN]]
    return clip(steady("\n\n".join(shown), root), _CHARS)


def _shown(failure: TestFailure) -> str:
    """The traceback; the message only where the traceback does not say it already."""
    said = "\n".join(line.removeprefix("E").strip() for line in failure.excerpt.splitlines())
    lines = [line.strip() for line in failure.message.splitlines() if line.strip()]
    known = all(line in said for line in lines)
    return f"{failure.test_id}: {'' if known else failure.message}\n{failure.excerpt}".strip()


def steady(text: str, root: Path) -> str:
    """The text without what differs from run to run: times, addresses, places on the disk."""
    text = text.replace(f"{root}/", "")
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text


def standing(state: AgentState, root: Path) -> str:
    """What is known against the tree as it is: its failures, or else the review's reasons."""
    failing = feedback(state["report"], root)
    review = state.get("review")
    if failing or review is None or review.keep:
        return failing
    return objections(review)


def objections(review: Review) -> str:
    """A rejection in words."""
    reasons = "\n".join(f"- {reason}" for reason in review.reasons)
    return f"The tests pass, but the review sent the change back:\n{reasons}"
