"""The other endpoints: generate, embed, pull, delete, and the one that OpenAI's client speaks."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import openai
import pytest

from greenloop.tools.standin.start import Standin, start_standin

CODER, EMBEDDER = "qwen2.5-coder:7b", "nomic-embed-text"
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "read_file", "description": "d", "parameters": {}}}
]
CALL = {"name": "read_file", "arguments": {"path": "a<b"}}
REPLIES = [
    {"match": "call", "tool_calls": [CALL], "times": None},
    {"match": "think", "text": "yes", "thinking": "hm", "times": None},
    {"match": "broken", "fault": "xml", "at": "middle", "text": "x" * 64, "times": None},
    {"match": "count", "text": "one two three four", "times": None},
    {"text": "hello", "times": None},
]  # fmt: skip


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    script = {
        "models": [CODER, EMBEDDER, "qwen3:8b"],
        "replies": REPLIES,
        "registry": ["llama3.1:8b"],
        "default_num_ctx": 2048,
    }
    with start_standin(script, tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture
def client(standin: Standin) -> Iterator[ollama.Client]:
    with ollama.Client(standin.url) as opened:
        yield opened


@pytest.fixture
def other(standin: Standin) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{standin.url}/v1", api_key="x", max_retries=0) as opened:
        yield opened


def test_generate(client: ollama.Client) -> None:
    whole = client.generate(CODER, "hi", system="be brief")
    chunks = list(client.generate("qwen3:8b", "think", stream=True))
    assert (whole.response, whole.done_reason, whole.eval_count) == ("hello", "stop", 2)
    assert "".join(c.response or "" for c in chunks) == "yes"
    assert "".join(c.thinking or "" for c in chunks) == "hm"
    assert chunks[-1].done


def test_generate_without_a_prompt_only_loads(client: ollama.Client) -> None:
    told = client.generate(CODER, "")
    assert (told.done, told.done_reason, told.response) == (True, "load", "")
    assert CODER in [m.model for m in client.ps().models]
    assert client.generate(CODER, "", keep_alive=0).done_reason == "unload"
    assert CODER not in [m.model for m in client.ps().models]


def test_generate_with_a_model_that_cannot(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="does not support generate"):
        client.generate(EMBEDDER, "hi")
    with pytest.raises(ollama.ResponseError, match="qwen3:8b does not support insert"):
        client.generate("qwen3:8b", "hi", suffix="there")


def test_embeddings_of_like_texts_are_alike(client: ollama.Client) -> None:
    texts = ["add an item to the cart", "the cart takes an item", "weather on the moon"]
    vectors = client.embed(EMBEDDER, texts).embeddings
    dot = [sum(a * b for a, b in zip(vectors[0], v, strict=True)) for v in vectors]
    assert [len(v) for v in vectors] == [768] * 3
    assert dot[0] == pytest.approx(1.0)
    assert dot[1] > dot[2]
    assert client.embed(EMBEDDER, texts[0]).embeddings[0] == vectors[0]
    assert len(client.embed(EMBEDDER, texts[0], dimensions=64).embeddings[0]) == 64
    assert len(client.embeddings(EMBEDDER, texts[0]).embedding) == 768
    assert client.embed(EMBEDDER, []).embeddings == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model": "nope", "input": "x"}, 404, 'model "nope" not found, try pulling it first'),
        ({"model": EMBEDDER, "input": 3}, 400, "invalid input type"),
        (
            {"model": EMBEDDER, "input": "x" * 9000, "truncate": False},
            400,
            "the input length exceeds the context length",
        ),
    ],
)
def test_embedding_refused(standin: Standin, body: Any, status: int, words: str) -> None:
    response = httpx.post(f"{standin.url}/api/embed", json=body)
    assert (response.status_code, response.json()["error"]) == (status, words)


def test_a_model_is_pulled_and_deleted(client: ollama.Client) -> None:
    progress = list(client.pull("llama3.1:8b", stream=True))
    whole = 4_920_753_328
    assert progress[0].status == "pulling manifest"
    layer = [p for p in progress if p.total]
    assert [p.completed for p in layer] == [None, whole // 3, whole * 2 // 3, whole]
    assert {p.total for p in layer} == {whole}
    assert "llama3.1:8b" in [m.model for m in client.list().models]
    assert client.pull("llama3.1:8b").status == "success"
    assert client.delete("llama3.1:8b").status == "success"
    with pytest.raises(ollama.ResponseError, match=r"model 'llama3\.1:8b' not found"):
        client.delete("llama3.1:8b")


def test_an_unknown_model_is_not_pulled(standin: Standin, client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="pull model manifest: file does not exist"):
        list(client.pull("nope:1b", stream=True))
    response = httpx.post(f"{standin.url}/api/pull", json={"model": "nope:1b"})
    last = json.loads(response.text.splitlines()[-1])
    assert (response.status_code, last) == (
        200,
        {"error": "pull model manifest: file does not exist"},
    )


def test_openai_whole_and_streamed(standin: Standin, other: openai.OpenAI) -> None:
    whole = other.chat.completions.create(model=CODER, messages=[{"role": "user", "content": "hi"}])
    chunks = list(
        other.chat.completions.create(
            model=CODER,
            messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert whole.choices[0].message.content == "hello"
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (1, 2)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hello"
    assert [c.usage.completion_tokens for c in chunks if c.usage] == [2]
    # options do not exist here, so the window is the server's own
    asked = [r for r in standin.replies() if r["path"] == "/v1/chat/completions" and "reply" in r]
    assert {record["num_ctx"] for record in asked} == {2048}
    assert CODER in [m.id for m in other.models.list()]


def test_openai_tools(other: openai.OpenAI) -> None:
    def ask(stream: bool) -> Any:
        messages: Any = [{"role": "user", "content": "call"}]
        return other.chat.completions.create(
            model=CODER, messages=messages, tools=TOOLS, stream=stream
        )

    (choice,) = ask(False).choices
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name) == ("tool_calls", "read_file")
    assert json.loads(call.function.arguments) == {"path": "a<b"}
    chunks = list(ask(True))
    (streamed,) = [
        c.choices[0].delta.tool_calls[0] for c in chunks if c.choices[0].delta.tool_calls
    ]
    assert (streamed.index, streamed.function.name) == (0, "read_file")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_openai_history_with_calls(standin: Standin, other: openai.OpenAI) -> None:
    function = {"name": "read_file", "arguments": '{"path": "a"}'}
    call = {"id": "1", "type": "function", "function": function}
    messages: Any = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "text"},
    ]
    told = other.chat.completions.create(model=CODER, messages=messages, tools=TOOLS)
    assert told.choices[0].message.content == "hello"


def test_openai_limits_and_errors(other: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "count"}]
    told = other.chat.completions.create(model=CODER, messages=messages, max_tokens=2)
    assert (told.choices[0].message.content, told.choices[0].finish_reason) == (
        "one two ",
        "length",
    )
    told = other.chat.completions.create(model=CODER, messages=messages, stop=["three"])
    assert told.choices[0].message.content == "one two "
    with pytest.raises(openai.NotFoundError, match="model 'nope' not found") as missing:
        other.chat.completions.create(model="nope", messages=messages)
    assert missing.value.type == "not_found_error"
    broken: Any = [{"role": "user", "content": "broken"}]
    with pytest.raises(openai.APIError, match="XML syntax error"):
        list(other.chat.completions.create(model=CODER, messages=broken, stream=True))
