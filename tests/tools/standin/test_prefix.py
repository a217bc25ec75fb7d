"""The prefix cache and the conversations: what of a prompt was known, and what drove it out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenloop.tools.standin.start import Standin, start_standin

CODER = "qwen2.5-coder:7b"
SYSTEM = {"role": "system", "content": "You are careful. " * 50}
FIRST = [SYSTEM, {"role": "user", "content": "Look at the cart. " * 50}]
SECOND = [
    *FIRST,
    {"role": "assistant", "content": "I did."},
    {"role": "user", "content": "Mend it."},
]
OTHER = [{"role": "system", "content": "Name this. " * 50}, {"role": "user", "content": "cart"}]
REPLIES = [{"text": "I did.", "times": None}]


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Standin]:
    with start_standin({"models": [CODER], "replies": REPLIES}, tmp_path) as running:
        yield running


def ask(standin: Standin, messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    body = {"model": CODER, "messages": messages, "stream": False, **more}
    response = httpx.post(f"{standin.url}/api/chat", json=body, timeout=20)
    return dict(response.json())


def shares(standin: Standin) -> list[float]:
    return [record["prefix_chars"] / record["prompt_chars"] for record in standin.chats()]


def test_a_conversation_that_goes_on_is_known(standin: Standin) -> None:
    told = [ask(standin, messages) for messages in (FIRST, SECOND, SECOND)]
    first, second, again = standin.chats()
    assert first["prefix_tokens"] == 0
    assert second["prefix_chars"] > first["prompt_chars"]  # its reply is known too
    assert again["prefix_tokens"] == again["prompt_eval_count"] - 1
    durations = [t["prompt_eval_duration"] for t in told]
    assert durations[0] > 10 * durations[1]
    assert durations[2] == 1_000_000
    # the count has both, the known and the new
    assert [t["prompt_eval_count"] for t in told] == [
        r["prompt_tokens"] for r in (first, second, again)
    ]
    assert [r["conversation"] for r in standin.chats()] == [1, 1, 1]
    assert [r["continues"] for r in standin.chats()] == [False, True, True]


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ([{**SYSTEM, "content": "10:31 " + SYSTEM["content"]}, *SECOND[1:]], 0.05),
        ([*SECOND, {"role": "system", "content": "Be brief."}], 0.6),  # hoisted to the top
        ([SECOND[0], *SECOND[2:]], 0.95),  # something in the middle is gone
    ],
)
def test_what_breaks_the_prefix(
    standin: Standin, changed: list[dict[str, Any]], kept: float
) -> None:
    ask(standin, SECOND)
    ask(standin, changed)
    assert shares(standin)[1] < kept


def test_another_conversation_drives_it_out(standin: Standin) -> None:
    for messages in (FIRST, OTHER, SECOND, [*SECOND, SECOND[2], SECOND[3]]):
        ask(standin, messages)
    log = standin.chats()
    assert [r["conversation"] for r in log] == [1, 2, 1, 1]
    assert [r["interleaved"] for r in log] == [False, False, True, False]
    assert shares(standin)[2] < 0.1
    assert shares(standin)[3] > 0.9
    counts = standin.counts()
    assert (counts.chats, counts.interleaved, counts.reloads) == (4, 1, 1)
    assert counts.prompt_tokens == sum(r["prompt_eval_count"] for r in log)
    assert counts.prefix_tokens == sum(r["prefix_tokens"] for r in log) > 0


def test_a_model_loaded_anew_has_forgotten(standin: Standin) -> None:
    for num_ctx in (4096, 8192):
        ask(standin, FIRST, options={"num_ctx": num_ctx})
    assert shares(standin) == [0, 0]


def test_thoughts_are_stripped_from_the_history(tmp_path: Path) -> None:
    script = {
        "models": ["qwen3:8b"],
        "replies": [{"text": "I did.", "thinking": "hm", "times": None}],
    }
    with start_standin(script, tmp_path) as standin:
        for messages in (FIRST, SECOND):
            ask(standin, messages, model="qwen3:8b")
        first, second = standin.chats()
    assert second["prefix_chars"] == first["prompt_chars"]  # and not a character of the reply


@pytest.mark.parametrize(
    ("more", "uncached"),
    [({"version": "0.30.0"}, True), ({"counts_uncached_only": True}, True), ({}, False)],
)
def test_what_the_count_counts(tmp_path: Path, more: dict[str, Any], uncached: bool) -> None:
    with start_standin({"models": [CODER], "replies": REPLIES, **more}, tmp_path) as standin:
        told = [ask(standin, messages) for messages in (FIRST, SECOND)]
    assert (told[1]["prompt_eval_count"] < told[0]["prompt_eval_count"]) is uncached
