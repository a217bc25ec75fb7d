"""What a request asks for beside its words: thinking, format, lengths, likelihoods, no cut."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from greenloop.tools.standin.start import Standin, start_standin

CODER, THINKER = "qwen2.5-coder:7b", "qwen3:8b"
MODELS = [
    CODER, THINKER, "gpt-oss:20b", "deepseek-coder-v2:16b", {"name": "gguf", "template": "jinja"},
    {"name": "tags", "think_in_content": True}, {"name": "loose", "ignores_format": True},
]  # fmt: skip
REPLIES = [
    {"match": "<think>", "text": "yes", "thinking": "hm, well", "times": None},
    {"match": "<json>", "text": "Sure: {}", "formatted": '{"a": 1}', "times": None},
    {"match": "<tokens>", "text": "abcdefgh", "logprob": -0.5, "times": None},
    {"text": "one two three", "times": None},
]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    script = {"models": MODELS, "replies": REPLIES}
    with start_standin(script, tmp_path_factory.mktemp("standin")) as running:
        yield running


def ask(standin: Standin, content: str, model: str = CODER, **more: Any) -> httpx.Response:
    messages = [{"role": "user", "content": content}]
    body = {"model": model, "messages": messages, "stream": False, **more}
    return httpx.post(f"{standin.url}/api/chat", json=body, timeout=20)


@pytest.mark.parametrize(
    ("model", "think", "thinking"),
    [
        (THINKER, None, "hm, well"),  # the server thinks unless it is told not to
        (THINKER, True, "hm, well"),
        (THINKER, "low", "hm, well"),
        (THINKER, False, None),
        ("gpt-oss:20b", False, "hm, well"),  # takes no notice
        (CODER, False, None),
        (CODER, None, None),
    ],
)
def test_thinking(standin: Standin, model: str, think: Any, thinking: str | None) -> None:
    more = {} if think is None else {"think": think}
    told = ask(standin, "<think>", model, **more).json()
    assert told["message"]["content"] == "yes"
    assert told["message"].get("thinking") == thinking
    assert told["eval_count"] == (3 if thinking else 1)


def test_unknown_tags_stay_in_the_content(standin: Standin) -> None:
    message = ask(standin, "<think>", "tags").json()["message"]
    assert message == {"role": "assistant", "content": "<think>\nhm, well\n</think>\n\nyes"}


def test_thoughts_count_against_the_length(standin: Standin) -> None:
    told = ask(standin, "<think>", THINKER, options={"num_predict": 1}).json()
    assert told["message"] == {"role": "assistant", "content": "", "thinking": "hm, "}
    assert told["done_reason"] == "length"


@pytest.mark.parametrize(
    ("model", "format", "text"),
    [
        (CODER, None, "Sure: {}"),
        (CODER, "", "Sure: {}"),
        (CODER, "json", '{"a": 1}'),
        (CODER, {"type": "object"}, '{"a": 1}'),
        ("loose", {"type": "object"}, "Sure: {}"),
    ],
)
def test_format(standin: Standin, model: str, format: Any, text: str) -> None:
    assert ask(standin, "<json>", model, format=format).json()["message"]["content"] == text


@pytest.mark.parametrize("format", ["yaml", 3, ["json"]])
def test_a_format_that_is_none(standin: Standin, format: Any) -> None:
    response = ask(standin, "<json>", format=format)
    assert response.status_code == 500
    quoted = json.dumps(json.dumps(format))
    assert response.json()["error"] == (
        f'invalid format: {quoted}; expected "json" or a valid JSON Schema object'
    )


def test_stop_words_end_a_reply(standin: Standin) -> None:
    told = ask(standin, "x", options={"stop": ["three", "two"]}).json()
    assert (told["message"]["content"], told["done_reason"]) == ("one ", "stop")


def test_likelihoods(standin: Standin) -> None:
    with ollama.Client(standin.url) as client:
        messages = [{"role": "user", "content": "<tokens>"}]
        whole = client.chat(CODER, messages, logprobs=True, top_logprobs=3)
        chunks = list(client.chat(CODER, messages, logprobs=True, stream=True))
        plain = client.chat(CODER, messages)
    told = whole.logprobs or []
    assert [(t.token, t.logprob) for t in told] == [("abcd", -0.5), ("efgh", -0.5)]
    others = [t.logprob for t in told[0].top_logprobs or ()]
    assert others == sorted(others, reverse=True)
    assert len(others) == 3
    assert [t.token for c in chunks for t in c.logprobs or ()] == ["abcd", "efgh"]
    assert plain.logprobs is None
    refused = ask(standin, "<tokens>", top_logprobs=21)
    assert refused.json() == {"error": "top_logprobs must be between 0 and 20"}


LONG = "x" * 40_000


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        (CODER, {"truncate": False}, "request (10000 tokens) exceeds the available context size"),
        (CODER, {"shift": False}, "the prompt is longer than the context length currently"),
        (CODER, {"truncate": False, "shift": False}, '"type":"exceed_context_size_error"'),
        ("deepseek-coder-v2:16b", {}, "the prompt is longer than the context length currently"),
        ("gguf", {}, '"n_ctx":4096'),
    ],
)
def test_a_long_prompt_is_refused(
    standin: Standin, model: str, more: dict[str, Any], words: str
) -> None:
    response = ask(standin, LONG, model, **more)
    assert response.status_code == 400
    assert words in response.json()["error"]
    assert ask(standin, "short", model, **more).status_code == 200


@pytest.mark.parametrize(
    ("version", "status", "seen"),
    [
        ("0.12.3", 200, 4096),  # does not know the field
        ("0.24.0", 400, "the input length exceeds the context length"),
        ("0.33.0-rc2", 400, "request (10000 tokens) exceeds"),
    ],
)
def test_older_servers_and_no_cut(
    tmp_path: Path, version: str, status: int, seen: int | str
) -> None:
    script = {"models": MODELS, "replies": REPLIES, "version": version}
    with start_standin(script, tmp_path) as standin:
        response = ask(standin, LONG, truncate=False, logprobs=True)
        cut = ask(standin, LONG, logprobs=True).json()
    assert response.status_code == status
    if isinstance(seen, int):
        assert response.json()["prompt_eval_count"] == seen
        assert "logprobs" not in cut
    else:
        assert seen in response.json()["error"]
    assert cut["prompt_eval_count"] == (2050 if version > "0.3" else 4096)


def test_without_shift_the_window_ends_a_reply(standin: Standin) -> None:
    prompt = "x" * 4 * 4094
    told = ask(standin, prompt, shift=False).json()
    assert (told["eval_count"], told["done_reason"]) == (2, "length")
    assert ask(standin, prompt).json()["done_reason"] == "stop"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": "x"}, "string into Go struct field ChatRequest.messages of type"),
        ({"messages": ["x"]}, "string into Go struct field ChatRequest.messages of type"),
        (
            {"messages": [{"content": 3}]},
            "number into Go struct field ChatRequest.messages.content",
        ),
        (
            {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
            "string into Go struct field ChatRequest.messages.tool_calls.function.arguments",
        ),
        ({"options": [1]}, "array into Go struct field ChatRequest.options"),
    ],
)
def test_json_of_the_wrong_kind(standin: Standin, body: dict[str, Any], words: str) -> None:
    response = ask(standin, "x", **body)
    assert response.status_code == 400
    assert f"json: cannot unmarshal {words}" in response.json()["error"]


def test_two_abilities_are_missing(standin: Standin) -> None:
    messages = [{"role": "user", "content": "x", "images": ["aGk="]}]
    response = ask(standin, "", "deepseek-coder-v2:16b", messages=messages, tools=[{}])
    assert response.json()["error"].endswith("does not support tools\nvision")


def test_time_passes_only_when_asked(tmp_path: Path) -> None:
    script = {
        "models": [CODER],
        "replies": REPLIES,
        "load_seconds": 0.2,
        "prompt_tps": 1000,
        "reply_tps": 20,
    }
    with start_standin(script, tmp_path) as standin:
        told = ask(standin, "x" * 400).json()
        took = standin.chats()[0]["seconds"]
    assert told["load_duration"] == 200_000_000
    assert told["prompt_eval_duration"] == 100_000_000
    assert told["eval_duration"] == told["eval_count"] * 50_000_000
    assert took >= 0.2 + 0.1 + 4 * 0.05  # the wait is the subject; no upper bound
