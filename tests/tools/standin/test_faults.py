"""Everything that goes wrong on demand, at its moment and in the server's own words."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest

from greenloop.tools.standin.faults import FAULTS
from greenloop.tools.standin.start import Standin, start_standin

MODEL = "qwen2.5-coder:7b"
TEXT = "abc " * 16  # four pieces
MOMENTS = ("before", "middle", "end")

REPLIES: dict[str, dict[str, Any]] = {
    **{f"{f} {at}": {"text": TEXT, "fault": f, "at": at} for f in FAULTS for at in MOMENTS},
    "blank": {"text": TEXT, "blank": True},
    "half line": {"text": TEXT, "broken": True},
    "bare done": {"text": TEXT, "bare_done": True},
    "cut end": {"text": TEXT, "cut": "end"},
    "cut after all": {"text": TEXT, "cut": True, "after": "end"},
    "stalled end": {"text": TEXT, "stall_end": 60},
    "stalled begin": {"text": TEXT, "stall": 60},
    "drip": {"text": TEXT, "drip": 0.01},
    "endless": {"text": "more ", "endless": True},
    "blanks": {"text": " \n", "endless": True},
    "endless thinking": {"text": "yes", "thinking": "well, ", "endless": "thinking"},
    "repeat": {"text": "a", "repeat": "@"},
    "error line": {"text": "", "error_line": "boom"},
    "wrong type": {"text": "hi", "content_type": "text/html"},
    "raw": {"raw": {"status": 418, "body": "<html>", "content_type": "text/html",
                    "headers": {"X-Cache": "miss"}}},
}  # fmt: skip


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    replies = [{"match": f"<{key}>", "times": None, **reply} for key, reply in REPLIES.items()]
    script = {"models": [MODEL, "qwen3:8b"], "replies": replies}
    with start_standin(script, tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture(scope="module")
def client(standin: Standin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standin.url, timeout=10, trust_env=False) as opened:
        yield opened


def body(key: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": f"<{key}>"}], **more}


def ask(client: httpx.Client, key: str, **more: Any) -> httpx.Response:
    return client.post("/api/chat", json=body(key, **more))


def left(standin: Standin, key: str) -> dict[str, Any]:
    """The request with that key that its client left."""
    return standin.wait_for(
        lambda r: (
            r["outcome"] == "disconnected" and r["body"]["messages"][0]["content"] == f"<{key}>"
        )
    )


def said(lines: list[str]) -> str:
    return "".join(json.loads(line)["message"]["content"] for line in lines)


def expected_body(name: str) -> Any:
    """What a fault says: the text of something else, or the JSON of an error."""
    fault = FAULTS[name]
    if fault.body is not None:
        return fault.body
    return {"error": fault.text.replace("{model}", MODEL), **fault.more}


def test_every_fault_before_the_first_byte(client: httpx.Client) -> None:
    told = {name: ask(client, f"{name} before") for name in FAULTS}
    assert {name: r.status_code for name, r in told.items()} == {
        name: fault.status for name, fault in FAULTS.items()
    }
    bodies = {
        name: r.text if FAULTS[name].body is not None else r.json() for name, r in told.items()
    }
    assert bodies == {name: expected_body(name) for name in FAULTS}


@pytest.mark.parametrize(("at", "before"), [("middle", TEXT[:32]), ("end", TEXT)])
def test_every_fault_in_a_stream(client: httpx.Client, at: str, before: str) -> None:
    for name, fault in FAULTS.items():
        response = ask(client, f"{name} {at}")
        *lines, last = response.text.split("\n")[:-1]
        assert (response.status_code, said(lines)) == (200, before), name
        told = last if fault.body is not None else json.loads(last)
        assert told == expected_body(name)


@pytest.mark.parametrize("at", MOMENTS)
def test_without_a_stream_a_fault_has_its_status(client: httpx.Client, at: str) -> None:
    for name in ("xml", "too_long", "busy", "proxy"):
        response = ask(client, f"{name} {at}", stream=False)
        assert response.status_code == FAULTS[name].status


def test_the_words_of_the_table(standin: Standin, client: httpx.Client) -> None:
    told = ask(client, "too_long_native before").json()["error"]
    assert json.loads(told)["error"]["n_prompt_tokens"] == 26528
    assert ask(client, "unauthorized before").json()["signin_url"]
    assert "please try again.  maximum" in ask(client, "busy before").json()["error"]
    assert ask(client, "redirect before").headers["location"].endswith("/api/chat")
    with ollama.Client(standin.url) as true_client:
        messages = [{"role": "user", "content": "<not_found before>"}]
        with pytest.raises(ollama.ResponseError, match="not found") as missing:
            true_client.chat(MODEL, messages)
        messages = [{"role": "user", "content": "<crash middle>"}]
        with pytest.raises(ollama.ResponseError, match="unexpected EOF") as crashed:
            list(true_client.chat(MODEL, messages, stream=True))
    assert (missing.value.status_code, crashed.value.status_code) == (404, -1)


def test_lines_that_are_no_lines(client: httpx.Client) -> None:
    lines = ask(client, "blank").text.split("\n")
    assert lines[2] == ""
    assert said([line for line in lines if line]) == TEXT
    broken = ask(client, "half line").text.splitlines()[2]
    assert broken.startswith('{"model"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    with pytest.raises(json.JSONDecodeError):
        ask(client, "half line", stream=False).json()
    last = json.loads(ask(client, "bare done").text.splitlines()[-1])
    assert last["done"] is True
    assert last["done_reason"] == "stop"
    assert not {"eval_count", "prompt_eval_count", "total_duration"} & last.keys()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("key", ["cut end", "cut after all"])
def test_cut_after_all_the_text(
    standin: Standin, client: httpx.Client, key: str, stream: bool
) -> None:
    received = b""
    with client.stream("POST", "/api/chat", json=body(key, stream=stream)) as response:  # noqa: SIM117
        with pytest.raises(httpx.RemoteProtocolError):
            for data in response.iter_bytes():
                received += data
    if stream:
        whole, half = received.decode().rsplit("\n", 1)
        assert said(whole.splitlines()) == TEXT
        assert half
    assert standin.chats()[-1]["outcome"] == "cut"


@pytest.mark.parametrize("key", ["stalled begin", "stalled end"])
def test_silence(standin: Standin, client: httpx.Client, key: str) -> None:
    before = standin.counts().outcomes.get("disconnected", 0)
    received = ""
    try:
        with client.stream(
            "POST", "/api/chat", json=body(key), timeout=httpx.Timeout(5, read=0.3)
        ) as response:
            for text in response.iter_text():
                received += text
        raise AssertionError("the stream ended")
    except httpx.ReadTimeout:
        pass
    assert said(received.splitlines()) == (TEXT if key == "stalled end" else "")
    left(standin, key)
    assert standin.counts().outcomes["disconnected"] == before + 1


def test_a_line_that_never_ends(standin: Standin, client: httpx.Client) -> None:
    received = b""
    with client.stream("POST", "/api/chat", json=body("drip")) as response:
        for data in response.iter_bytes():
            received += data
            if received.endswith(b"aaaaaaaa"):
                break
    assert received.count(b"\n") == 2
    assert left(standin, "drip")["chunks"] > 8


@pytest.mark.parametrize(("key", "piece"), [("endless", "more "), ("blanks", " \n")])
def test_a_reply_without_end(standin: Standin, client: httpx.Client, key: str, piece: str) -> None:
    whole = ask(client, key, stream=False, options={"num_predict": 100}).json()
    assert (whole["done_reason"], whole["eval_count"]) == ("length", 100)
    assert set(whole["message"]["content"]) == set(piece)
    with client.stream("POST", "/api/chat", json=body(key)) as response:
        for _, line in zip(range(50), response.iter_lines(), strict=False):
            assert not json.loads(line)["done"]
    assert left(standin, key)["chunks"] >= 50


def test_thoughts_without_end(client: httpx.Client) -> None:
    told = ask(
        client, "endless thinking", model="qwen3:8b", stream=False, options={"num_predict": 50}
    )
    message = told.json()["message"]
    assert (message["content"], len(message["thinking"])) == ("", 200)
    assert told.json()["done_reason"] == "length"


def test_a_token_that_repeats(client: httpx.Client) -> None:
    lines = [json.loads(line) for line in ask(client, "repeat").text.splitlines()]
    assert [line["message"]["content"] for line in lines] == ["a", *["@"] * 31]
    assert not any(line["done"] for line in lines)
    whole = ask(client, "repeat", stream=False).json()
    assert (whole["done"], "done_reason" in whole) == (False, False)


def test_an_error_is_all_that_comes(client: httpx.Client) -> None:
    response = ask(client, "error line")
    assert (response.status_code, response.text) == (200, '{"error":"boom"}\n')


def test_what_is_not_ollama(standin: Standin, client: httpx.Client) -> None:
    response = ask(client, "wrong type")
    assert response.headers["content-type"] == "text/html"
    assert said(response.text.splitlines()) == "hi"
    response = ask(client, "raw")
    assert (response.status_code, response.text) == (418, "<html>")
    assert response.headers["x-cache"] == "miss"
    assert standin.chats()[-1]["outcome"] == "error"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"fault": "nope"}, "fault is one of"),
        ({"text": "x", "at": "noon"}, "at is one of"),
        ({"when": {"tols": True}}, "unknown keys ..tols"),
        ({"raw": {"stats": 1}}, "unknown keys ..stats"),
    ],
)
def test_a_misspelt_fault_does_not_start(
    tmp_path_factory: pytest.TempPathFactory, reply: dict[str, Any], words: str
) -> None:
    with (
        pytest.raises(AssertionError, match=words),
        start_standin({"replies": [reply]}, tmp_path_factory.mktemp("bad")),
    ):
        pass
