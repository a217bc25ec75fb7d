"""The stand-in answers as Ollama does: to plain HTTP and to Ollama's own client."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from greenloop.tools.standin.start import Standin, start_standin

CODER = "qwen2.5-coder:7b"
MODELS = [
    CODER,
    {"name": "gemma3", "context_length": 2048, "capabilities": ["completion"]},
    {"name": "qwen3:8b", "capabilities": ["completion", "tools", "thinking"]},
    {"name": "nomic-embed-text", "capabilities": ["embedding"]},
]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    replies = [{"text": "if a < b: pass  # größer", "times": None}]
    script = {"models": MODELS, "replies": replies}
    with start_standin(script, tmp_path_factory.mktemp("standin")) as running:
        yield running


def body(content: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": CODER, "messages": [{"role": "user", "content": content}], **more}


def ask(standin: Standin, content: str = "hi", **more: Any) -> httpx.Response:
    return httpx.post(f"{standin.url}/api/chat", json=body(content, **more), timeout=20)


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in response.text.splitlines()]


def test_root_says_that_it_runs(standin: Standin) -> None:
    assert httpx.get(standin.url).text == "Ollama is running"
    head = httpx.head(standin.url)
    assert (head.status_code, head.text) == (200, "")


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/api/nothing", 404, "404 page not found"),
        ("GET", "/api/chat", 405, "405 method not allowed"),
        ("POST", "/api/tags", 405, "405 method not allowed"),
    ],
)
def test_unknown_paths_and_methods(
    standin: Standin, method: str, path: str, status: int, text: str
) -> None:
    response = httpx.request(method, standin.url + path)
    assert (response.status_code, response.text) == (status, text)


def test_a_foreign_host_header_is_refused(standin: Standin) -> None:
    response = httpx.get(f"{standin.url}/api/tags", headers={"Host": "evil.example"})
    assert (response.status_code, response.text) == (403, "")


def test_the_true_client_lists_and_shows(standin: Standin) -> None:
    with ollama.Client(standin.url) as client:
        assert [m.model for m in client.list().models][:2] == [CODER, "gemma3:latest"]
        shown = client.show("gemma3")
    assert shown.capabilities == ["completion"]
    assert (shown.modelinfo or {})["gemma3.context_length"] == 2048


def test_the_true_client_streams(standin: Standin) -> None:
    with ollama.Client(standin.url) as client:
        chunks = list(client.chat(CODER, [{"role": "user", "content": "hi"}], stream=True))
        whole = client.chat(CODER, [{"role": "user", "content": "hi"}])
    assert "".join(c.message.content or "" for c in chunks) == "if a < b: pass  # größer"
    assert whole.message.content == "if a < b: pass  # größer"
    assert [c.done for c in chunks] == [False] * (len(chunks) - 1) + [True]
    for last in (chunks[-1], whole):
        assert (last.done_reason, last.prompt_eval_count, last.eval_count) == ("stop", 1, 6)


def test_lines_are_written_as_go_writes_them(standin: Standin) -> None:
    response = ask(standin)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["transfer-encoding"] == "chunked"
    first = response.text.splitlines()[0]
    assert "if a \\u003c b" in first
    assert '": ' not in first
    assert json.loads(first)["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        (b"", 400, "missing request body"),
        (b"[1]", 400, "cannot unmarshal array"),
        (b"{", 400, "invalid character"),
        ({"messages": []}, 400, "model is required"),
        (body(model="nope"), 404, "model 'nope' not found"),
        (body(model="gemma3", tools=[{}]), 400, "library/gemma3 does not support tools"),
        (body(think=True), 400, f'"{CODER}" does not support thinking'),
        (body(think="xhigh"), 400, 'invalid think value: "xhigh"'),
        (body(model="nomic-embed-text"), 400, '"nomic-embed-text" does not support chat'),
        (body(options={"num_ctx": "8k"}), 500, 'option "num_ctx" must be of type integer'),
        (body(keep_alive="5x"), 400, 'time: unknown unit "x" in duration "5x"'),
        (
            {"model": CODER, "messages": [{"role": "user", "content": []}]},
            400,
            "json: cannot unmarshal array into Go struct field",
        ),
    ],
)
def test_refusals(standin: Standin, sent: bytes | dict[str, Any], status: int, text: str) -> None:
    raw = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    response = httpx.post(f"{standin.url}/api/chat", content=raw)
    assert response.status_code == status
    assert text in response.json()["error"]


def test_no_messages_only_load(standin: Standin) -> None:
    response = ask(standin, messages=[])
    assert response.headers["content-type"].startswith("application/json")
    assert (response.json()["done"], response.json()["done_reason"]) == (True, "load")


@pytest.mark.parametrize("split", [False, True])
def test_thinking_comes_apart_and_only_if_wanted(tmp_path: Path, split: bool) -> None:
    reply = {"text": "42 €", "thinking": "hm, let me see", "times": None, "split": split}
    with start_standin({"models": MODELS, "replies": [reply]}, tmp_path) as running:
        told = [line["message"] for line in lines(ask(running, model="qwen3:8b"))]
        quiet = [line["message"] for line in lines(ask(running, model="qwen3:8b", think=False))]
    assert "".join(m.get("thinking", "") for m in told) == "hm, let me see"
    assert "".join(m["content"] for m in told) == "42 €"
    assert [m["content"] for m in quiet] == ["42 €", ""]
    assert not any("thinking" in m for m in quiet)


def test_replies_by_order_by_content_and_none_left(tmp_path: Path) -> None:
    replies = ["one", {"text": "two"}, {"text": "cart", "match": "cart.py", "times": 2}]
    with start_standin({"replies": replies}, tmp_path) as running:
        asked = ["a", "fix cart.py", "cart.py again", "cart.py thrice", "b"]
        got = [ask(running, content, stream=False) for content in asked]
        log = running.chats()
    said = [r.json()["message"]["content"] for r in got[:4]]
    assert said == ["one", "cart", "cart", "two"]
    assert got[4].status_code == 500
    assert "no reply left" in got[4].json()["error"]
    assert [record.get("reply") for record in log] == [0, 2, 2, 1, None]
    assert log[1]["body"]["messages"][0]["content"] == "fix cart.py"


def test_match_looks_at_the_system_prompt_and_the_last_question(tmp_path: Path) -> None:
    replies = [{"text": "plan", "match": "planner"}, {"text": "old", "match": "first"}, "other"]
    turns = [{"role": "user", "content": "first"}, {"role": "user", "content": "second"}]
    with start_standin({"replies": replies}, tmp_path) as running:
        system = [{"role": "system", "content": "you are the planner"}]
        planned = ask(running, messages=system + turns, stream=False)
        other = ask(running, messages=turns, stream=False)
    assert planned.json()["message"]["content"] == "plan"
    assert other.json()["message"]["content"] == "other"


def test_a_misspelt_script_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="unknown keys \\['txet'\\]"),
        start_standin({"replies": [{"txet": "hi"}]}, tmp_path),
    ):
        pass


def test_another_window_loads_the_model_anew(tmp_path: Path) -> None:
    script = {"models": MODELS, "replies": [{"text": "ok", "times": None}]}
    with start_standin(script, tmp_path) as running:
        windows = [4096, 4096, 8192]
        answers = [ask(running, stream=False, options={"num_ctx": n}).json() for n in windows]
        loaded = httpx.get(f"{running.url}/api/ps").json()["models"]
        ask(running, model="gemma3", options={"num_ctx": 8192}, stream=False, keep_alive=0)
        after = httpx.get(f"{running.url}/api/ps").json()["models"]
        counts = httpx.get(f"{running.url}/standin").json()
        log = running.chats()
    assert [record["reload"] for record in log] == [True, False, True, True]
    assert counts["reloads"] == 3
    assert answers[1]["load_duration"] < answers[0]["load_duration"]
    assert [(m["name"], m["context_length"]) for m in loaded] == [(CODER, 8192)]
    assert [m["name"] for m in after] == [CODER]  # keep_alive 0 unloads at once
    assert log[3]["num_ctx"] == 2048  # no more than the model was trained for


@pytest.mark.parametrize(
    ("sizes", "seen", "dropped", "beheaded"),
    [
        ([100, 1000, 1000], 525, 0, False),
        ([400, 4000, 400], 200, 1, False),  # the system prompt and the last turn stay
        ([400, 400, 8000], 514, 1, True),  # num_ctx / 2 + 2
    ],
)
def test_a_long_prompt_is_cut_in_silence(
    tmp_path: Path, sizes: list[int], seen: int, dropped: int, beheaded: bool
) -> None:
    roles = ["system", "user", "user"]
    messages = [{"role": r, "content": "x" * n} for r, n in zip(roles, sizes, strict=True)]
    with start_standin({"replies": ["ok"]}, tmp_path) as running:
        response = ask(running, messages=messages, stream=False, options={"num_ctx": 1024})
        record = running.chats()[0]
    assert (response.status_code, response.json()["prompt_eval_count"]) == (200, seen)
    assert (record["dropped"], record["beheaded"]) == (dropped, beheaded)
    assert record["prompt_tokens"] == sum(sizes) // 4


def test_num_predict_ends_a_reply(tmp_path: Path) -> None:
    with start_standin({"replies": ["abcd" * 50]}, tmp_path) as running:
        last = lines(ask(running, options={"num_predict": 10}))[-1]
    assert (last["done_reason"], last["eval_count"]) == ("length", 10)


def test_faults_in_a_stream(tmp_path: Path) -> None:
    replies: list[Mapping[str, Any]] = [
        {"text": "abc " * 16, "error_line": "boom"},
        {"text": "abc " * 16, "no_done": True},
        {"text": "abc " * 16, "junk": "<html>"},
        {"text": "abc " * 16, "cut": True, "after": 1},
        {"cut": "before"},
        {"error": 503, "message": "busy"},
    ]
    with start_standin({"replies": replies}, tmp_path) as running:
        broken = lines(ask(running))
        assert (len(broken), broken[-1]) == (3, {"error": "boom"})
        assert lines(ask(running))[-1]["done"] is False
        assert ask(running).text.splitlines()[2] == "<html>"
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            ask(running)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            ask(running)
        assert ask(running).status_code == 503
        outcomes = [record["outcome"] for record in running.chats()]
    assert outcomes == ["error", "completed", "completed", "cut", "cut", "error"]


def test_a_client_that_leaves_is_noticed(tmp_path: Path) -> None:
    reply = {"text": "abc " * 400, "delay": 0.02, "times": None}
    with start_standin({"replies": [reply, reply]}, tmp_path) as running:
        with httpx.stream("POST", f"{running.url}/api/chat", json=body()) as response:
            next(response.iter_lines())
        record = running.wait_for(lambda r: r["path"] == "/api/chat")
    assert record["outcome"] == "disconnected"
    assert 0 < record["chunks"] < 100


def test_one_generation_at_a_time(tmp_path: Path) -> None:
    endless = {"text": "abc " * 4000, "delay": 0.02}
    with start_standin({"replies": [endless, "short"], "max_queue": 1}, tmp_path) as running:
        second = threading.Thread(target=ask, args=(running,))
        with httpx.stream("POST", f"{running.url}/api/chat", json=body()) as first:
            chunks = first.iter_lines()  # dropping the iterator would close the connection
            next(chunks)
            second.start()
            while second.is_alive() and not _waiting(running):
                pass
            third = ask(running)
        second.join()
        log = running.chats()
    assert third.status_code == 503
    assert "server busy, please try again.  maximum pending" in third.json()["error"]
    assert [record["outcome"] for record in log] == ["error", "disconnected", "completed"]
    assert [record["reply"] for record in log[1:]] == [0, 1]
    assert log[1]["waited"] < log[2]["waited"]


def _waiting(standin: Standin) -> int:
    return int(httpx.get(f"{standin.url}/standin").json()["waiting"])


def test_a_killed_one_can_be_replaced_at_its_address(tmp_path: Path) -> None:
    with start_standin({}, tmp_path) as first:
        first.kill()
        with pytest.raises(httpx.ConnectError):
            httpx.get(first.url)
        with start_standin({"version": "9.9"}, tmp_path, port=first.port) as second:
            assert second.url == first.url
            assert httpx.get(f"{second.url}/api/version").json() == {"version": "9.9"}


def test_an_endpoint_can_talk_rubbish(tmp_path: Path) -> None:
    endpoints = {"/api/tags": {"status": 418, "body": "<html>"}}
    with start_standin({"endpoints": endpoints}, tmp_path) as running:
        response = httpx.get(f"{running.url}/api/tags")
    assert (response.status_code, response.text) == (418, "<html>")
