"""Replies by rule: which reply answers which request."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from greenloop.tools.standin.start import Standin, start_standin

CODER, THINKER = "qwen2.5-coder:7b", "qwen3:8b"
RULES: list[tuple[str, dict[str, Any]]] = [
    ("generate", {"endpoint": "/api/generate"}),
    ("thinks", {"model": THINKER, "think": True}),
    ("thinker", {"model": THINKER}),
    ("result", {"role": "tool"}),
    ("tools", {"tools": True}),
    ("format", {"format": True}),
    ("reviewer", {"system": "You review"}),
    ("third turn", {"turns": [2, 9], "lacks": ["stop", "halt"]}),
    ("second turn", {"turns": 1}),
    ("both", {"contains": ["cart", "price"]}),
    ("last", {"last": "cart"}),
    ("three", {"messages": 3}),
]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def user(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def turns(number: int, text: str = "go on") -> list[dict[str, str]]:
    said = {"role": "assistant", "content": "ok"}
    return [m for _ in range(number) for m in (*user("x"), said)] + user(text)


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    replies: list[Any] = [{"text": t, "when": when, "times": None} for t, when in RULES]
    once = [{"text": "once", "when": {"contains": "once"}}]
    script = {
        "models": [CODER, THINKER],
        "replies": [*once, *replies, {"text": "other", "times": None}],
    }
    with start_standin(script, tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.mark.parametrize(
    ("messages", "more", "text"),
    [
        (user("x"), {"model": THINKER}, "thinks"),
        (user("x"), {"model": THINKER, "think": False}, "thinker"),
        ([*turns(1), {"role": "tool", "content": "r"}], {"tools": TOOLS}, "result"),
        (user("x"), {"tools": TOOLS}, "tools"),
        (user("x"), {"format": "json"}, "format"),
        ([{"role": "system", "content": "You review."}, *user("x")], {}, "reviewer"),
        (turns(1), {}, "second turn"),
        (turns(2), {}, "third turn"),
        (turns(2, "halt"), {}, "other"),
        (user("a cart", "its price"), {}, "both"),
        (user("a cart"), {}, "last"),
        (user("x", "y", "z"), {}, "three"),
        (user("x"), {}, "other"),
        (user("once"), {}, "once"),
        (user("once"), {}, "other"),
    ],
)
def test_rules(standin: Standin, messages: Any, more: dict[str, Any], text: str) -> None:
    body = {"model": CODER, "messages": messages, "stream": False, **more}
    response = httpx.post(f"{standin.url}/api/chat", json=body)
    assert response.json()["message"]["content"] == text


def test_a_rule_for_an_endpoint(standin: Standin) -> None:
    body = {"model": CODER, "prompt": "x", "stream": False}
    assert httpx.post(f"{standin.url}/api/generate", json=body).json()["response"] == "generate"
