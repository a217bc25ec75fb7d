"""The Ollama client against a server that fails in every way the true one does."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from greenloop.errors import (
    ContextError,
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)
from greenloop.tools.model.base import Brief, Message, ModelReply, ModelRequest
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.standin.start import Standin, start_standin

NAME = "qwen2.5-coder:7b"
LONG = "word and word " * 40
"""Streamed in several pieces, so that there is a middle to fail in."""


def question(text: str = "hi", temperature: float = 0.0, seed: int | None = None) -> ModelRequest:
    messages = (Message("system", "You edit code."), Message("user", text))
    return ModelRequest("coder", messages, Brief(Path(), text), temperature, seed)


def opened(standin: Standin, **options: Any) -> OllamaModel:
    chosen = {"num_ctx": 4096, "num_predict": 512, "gap_s": 20.0, "pauses_s": (0, 0.01), **options}
    return OllamaModel(chosen.pop("name", NAME), standin.url, **chosen)


@contextmanager
def serving(tmp_path: Path, *replies: str | Mapping[str, Any]) -> Iterator[Standin]:
    with start_standin({"models": [NAME], "replies": list(replies)}, tmp_path) as standin:
        yield standin


FAILURES: dict[str, tuple[Mapping[str, Any], type[GreenloopError], str]] = {
    "cut": ({"text": LONG, "cut": True}, ModelUnavailableError, "broke in mid-reply .*serve"),
    "reset": ({"text": LONG, "cut": "reset"}, ModelUnavailableError, "broke in mid-reply .*serve"),
    "stall": ({"text": LONG, "stall": 60}, ModelUnavailableError, "silent for 0.3 s.*serve"),
    "stall_mid": (
        {"text": LONG, "stall_mid": 60}, ModelUnavailableError, "silent for 0.3 s.*serve",
    ),
    "no_done": ({"text": LONG, "no_done": True}, ModelReplyError, "stopped without an end"),
    "junk": ({"text": LONG, "junk": "<html>"}, ModelUnavailableError, "is not Ollama's format"),
    "blank": ({"text": LONG, "junk": " "}, ModelUnavailableError, "is not Ollama's format"),
    "list": ({"text": LONG, "junk": "[1]"}, ModelUnavailableError, "is not Ollama's format"),
    "shape": (
        {"text": LONG, "junk": '{"message": 1}'}, ModelUnavailableError, "is not Ollama's format",
    ),
    "crash": (
        {
            "text": LONG,
            "error_line": "an error was encountered while running the model: unexpected EOF",
        },
        ModelUnavailableError,
        "failed to run .*in mid-reply.*unexpected EOF",
    ),
    "xml_line": (
        {"text": LONG, "error_line": "XML syntax error on line 7"},
        ModelReplyError,
        "could not read what .* wrote: XML",
    ),
    "xml": (
        {"error": 500, "message": "unexpected EOF"},
        ModelReplyError,
        "could not read what .* wrote: unexpected EOF",
    ),
    "load_failure": (
        {"error": 500, "message": "llama-server process has terminated:\nout of memory"},
        ModelUnavailableError,
        "HTTP 500.*terminated: out of memory.*smaller model",
    ),
    "bad_request": (
        {"error": 400, "message": f'"{NAME}" does not support thinking'},
        ModelUnavailableError,
        "HTTP 400.*does not support thinking.*ollama show",
    ),
    "unauthorized": ({"error": 401, "message": "unauthorized"}, ModelUnavailableError, "HTTP 401"),
    "rate": ({"error": 429, "message": "slow down"}, ModelUnavailableError, "HTTP 429.*slow down"),
    "gone": (
        {"error": 404, "message": f"model '{NAME}' not found"},
        ModelNotFoundError,
        f"ollama pull {NAME}",
    ),
    "window": (
        {
            "error": 400,
            "message": '{"error": {"code": 400, "message": "request (26528 tokens) exceeds the '
            'available context size (16384 tokens), try increasing it"}}',
        },
        ContextError,
        r"does not fit the window .*: request \(26528 tokens\).*raise num_ctx",
    ),
    "strange_end": ({"text": LONG, "done_reason": "oom"}, ModelReplyError, "ended by 'oom'"),
    "full": ({"text": LONG, "done_reason": "length"}, ModelReplyError, "filled the window"),
    "blanks": ({"text": " \n \n"}, ModelReplyError, "empty: only blanks"),
    "thoughts": ({"text": "<think>hm, well</think>\n\n"}, ModelReplyError, "it only thought"),
    "lost_in_thought": ({"text": "<think>hm, well"}, ModelReplyError, "it only thought"),
}  # fmt: skip


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    replies = [
        {**reply, "match": f"case {key}.", "times": None} for key, (reply, _, _) in FAILURES.items()
    ]
    script = {"models": [NAME], "replies": replies}
    with start_standin(script, tmp_path_factory.mktemp("failing")) as standin:
        yield standin


@pytest.mark.parametrize("key", FAILURES)
def test_a_failure_has_its_name_and_is_not_tried_again(failing: Standin, key: str) -> None:
    _, error, words = FAILURES[key]
    with pytest.raises(error, match=words) as failure:
        opened(failing, gap_s=0.3).reply(question(f"case {key}."))
    assert type(failure.value) is error
    assert "\n" not in str(failure.value)
    failing.wait_for(lambda record: _is_about(record, key))
    assert len([record for record in failing.chats() if _is_about(record, key)]) == 1


def _is_about(record: Mapping[str, Any], key: str) -> bool:
    return bool(record["body"]["messages"][-1]["content"] == f"case {key}.")


PASSING: dict[str, tuple[Mapping[str, Any], type[GreenloopError], str]] = {
    "busy": (
        {"error": 503, "message": "server busy, please try again."},
        ModelUnavailableError,
        "is busy: server busy",
    ),
    "broken": ({"cut": "before"}, ModelUnavailableError, "broke before the reply"),
    "load": ({"done_reason": "load"}, ModelReplyError, "is empty: Ollama loaded it"),
    "unload": ({"done_reason": "unload"}, ModelReplyError, "is empty: .* unload"),
    "empty": ({"text": ""}, ModelReplyError, "is empty: it said nothing"),
}


@pytest.mark.parametrize("key", PASSING)
def test_what_may_pass_is_tried_three_times(tmp_path: Path, key: str) -> None:
    reply, error, words = PASSING[key]
    heard: list[str] = []
    with serving(tmp_path, reply, reply, "third time", {**reply, "times": None}) as standin:
        model = opened(standin)
        assert model.reply(question(), heard.append).text == "third time"
        with pytest.raises(error, match=words) as failure:
            model.reply(question())
        assert len(standin.chats()) == 6
    assert heard == ["third time"]
    assert type(failure.value) is error


def test_no_try_begins_after_the_deadline(tmp_path: Path) -> None:
    with serving(tmp_path, {"error": 503, "times": None}) as standin:
        with pytest.raises(ModelUnavailableError, match="is busy"):
            opened(standin, overall_s=20, pauses_s=(30,)).reply(question())
        assert len(standin.chats()) == 1


def test_what_is_sent_is_the_same_every_time(tmp_path: Path) -> None:
    with serving(tmp_path, "one", "two") as standin:
        model = opened(standin, num_ctx=2048, keep_alive="7m")
        model.reply(question("a", temperature=0.6, seed=3))
        model.reply(question("b"))
        log = standin.chats()
    first, second = (record["body"] for record in log)
    window = {"num_ctx": 2048, "num_predict": 512}
    assert first["options"] == {**window, "temperature": 0.6, "seed": 3}
    assert second["options"] == {**window, "temperature": 0.0}
    for body in (first, second):
        assert (body["stream"], body["think"], body["keep_alive"]) == (True, False, "7m")
        assert not body.get("tools")
        assert not body.get("format")
    assert second["messages"] == [
        {"role": "system", "content": "You edit code."},
        {"role": "user", "content": "b"},
    ]
    assert [record["reload"] for record in log] == [True, False]


def test_a_turn_of_the_assistant_is_sent_as_one(tmp_path: Path) -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    with serving(tmp_path, "ok") as standin:
        opened(standin).reply(ModelRequest("coder", turns, Brief(Path(), "")))
        sent = standin.chats()[0]["body"]["messages"]
    assert [(m["role"], m["content"]) for m in sent] == [
        ("user", "a"), ("assistant", "b"), ("user", "c"),
    ]  # fmt: skip


def test_tokens_are_the_servers_count(tmp_path: Path) -> None:
    reply = {"text": "yes", "prompt_eval_count": 123, "eval_count": 45}
    with serving(tmp_path, reply) as standin:
        got = opened(standin).reply(question())
    assert (got.tokens_in, got.tokens_out) == (123, 45)
    assert got.seconds > 0


def test_tokens_are_estimated_where_the_server_is_silent(tmp_path: Path) -> None:
    reply = {"text": "yes, I do.", "prompt_eval_count": 0, "eval_count": 0}
    with serving(tmp_path, reply) as standin:
        got = opened(standin).reply(question("a" * 336))
    assert (got.tokens_in, got.tokens_out) == (100, 3)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["<think>hm</think>\n\nyes"], "yes"),
        (["\n<th", "ink>a</thi", "nk>", "\n", "\nyes", " \n"], "yes \n"),
        (["<think>", "</think>", "a <think>b</think>"], "a <think>b</think>"),
        (["<thi", "s> is"], "<this> is"),
        (["  <"], "  <"),
        (["  x", " y"], "  x y"),
    ],
)
def test_thoughts_at_the_start_are_left_out(tmp_path: Path, pieces: list[str], text: str) -> None:
    heard: list[str] = []
    with serving(tmp_path, {"pieces": pieces}) as standin:
        assert opened(standin).reply(question(), heard.append).text == text
    assert "".join(heard) == text


def test_a_stream_in_fragments_is_put_together(tmp_path: Path) -> None:
    text = "größer → 🐍 <b> & " * 30
    with serving(tmp_path, {"text": text, "split": True}) as standin:
        assert opened(standin).reply(question()).text == text


def test_a_prompt_that_does_not_fit_is_not_sent(tmp_path: Path) -> None:
    with serving(tmp_path, "never") as standin:
        model = opened(standin, num_ctx=1024, num_predict=500)
        with pytest.raises(ContextError, match=r"prompt does not fit: about \d+ tokens.*1024"):
            model.reply(question("x" * 1834))
        with pytest.raises(ModelReplyError, match="prompt is empty"):
            model.reply(ModelRequest("coder", (), Brief(Path(), "")))
        assert standin.log() == []
        model.reply(question("x" * 1820))


def test_a_prompt_that_the_server_cut_is_an_error(tmp_path: Path) -> None:
    # A token per character, as in languages that our estimate does not know.
    script = {"models": [NAME], "chars_per_token": 1, "replies": [{"text": "ok", "times": None}]}
    with start_standin(script, tmp_path) as standin:
        model = opened(standin, num_ctx=2048, num_predict=64)
        with pytest.raises(ContextError, match=r"cut the prompt: .* saw 1026 .*num_ctx"):
            model.reply(question("字" * 3000))
        assert standin.chats()[0]["beheaded"]
        assert model.reply(question("字" * 1900)).text == "ok"


@pytest.mark.parametrize(
    ("count", "chars", "is_cut"),
    [
        (2050, 6000, True),  # num_ctx / 2 + 2
        (2051, 6000, True),  # the same, for models with a token for the beginning
        (4096, 6000, True),  # older servers
        (2052, 6000, False),
        (2050, 3000, False),  # too short to have been cut: a coincidence
        (400, 6000, True),  # fewer tokens than any text of that length has
        (10, 1500, False),
    ],
)
def test_signs_of_a_cut(tmp_path: Path, count: int, chars: int, is_cut: bool) -> None:
    with serving(tmp_path, {"text": "ok", "prompt_eval_count": count}) as standin:
        reply = _reply_or_error(opened(standin), question("x" * chars))
    assert ("cut the prompt" in reply) is is_cut
    assert (reply == "ok") is not is_cut


def _reply_or_error(model: OllamaModel, request: ModelRequest) -> str:
    try:
        return model.reply(request).text
    except ContextError as error:
        return str(error)


def test_a_reply_as_long_as_allowed_is_cut(tmp_path: Path) -> None:
    with (
        serving(tmp_path, LONG) as standin,
        pytest.raises(ModelReplyError, match=r"cut: it reached num_predict \(64 tokens\); raise"),
    ):
        opened(standin, num_predict=64).reply(question())


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as standin,
        pytest.raises(ModelNotFoundError, match="`ollama pull nope:1b`"),
    ):
        opened(standin, name="nope:1b").reply(question())


def test_a_path_that_is_not_ollamas(tmp_path: Path) -> None:
    with serving(tmp_path) as standin:
        model = OllamaModel(NAME, f"{standin.url}/elsewhere", 4096, 512)
        with pytest.raises(ModelUnavailableError, match="has no /api/chat"):
            model.reply(question())


def test_nobody_there(tmp_path: Path) -> None:
    with serving(tmp_path) as standin:
        standin.stop()
        with pytest.raises(ModelUnavailableError, match=r"no Ollama answers at .*`ollama serve`"):
            opened(standin).reply(question())


def test_the_deadline_holds_while_words_come(tmp_path: Path) -> None:
    with serving(tmp_path, {"text": LONG, "delay": 0.1}) as standin:
        with pytest.raises(ModelUnavailableError, match=r"was not done after 0\.5 s"):
            opened(standin, overall_s=0.5).reply(question())
        record = standin.wait_for(lambda r: r["path"] == "/api/chat")
    assert record["outcome"] == "disconnected"


def test_a_server_that_is_killed_in_mid_reply(tmp_path: Path) -> None:
    heard: list[str] = []

    def kill(text: str) -> None:
        heard.append(text)
        standin.kill()

    with serving(tmp_path, {"text": LONG, "delay": 0.02}) as standin:
        model = opened(standin)
        with pytest.raises(ModelUnavailableError, match="broke in mid-reply"):
            model.reply(question(), kill)
        assert heard
        with pytest.raises(ModelUnavailableError, match="no Ollama answers"):
            model.reply(question())


def test_an_interrupt_in_mid_reply_reaches_the_server(tmp_path: Path) -> None:
    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with serving(tmp_path, {"text": LONG * 10, "delay": 0.02}, "again") as standin:
        model = opened(standin)
        # Held, so that the traceback keeps the iterator alive: it must be closed, not collected.
        with pytest.raises(KeyboardInterrupt) as held:
            model.reply(question(), interrupt)
        record = standin.wait_for(lambda r: r["path"] == "/api/chat")
        assert record["outcome"] == "disconnected"
        assert record["chunks"] < 100
        assert model.reply(question()).text == "again"
        assert held.tb is not None


def test_a_proxy_does_not_stand_before_this_machine(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from greenloop.tools.model.base import Brief, Message, ModelRequest\n"
        "from greenloop.tools.model.ollama import OllamaModel\n"
        "from greenloop.tools.model.probe import list_models\n"
        "model = OllamaModel(sys.argv[1], sys.argv[2], 4096, 512)\n"
        "turns = (Message('user', 'hi'),)\n"
        "reply = model.reply(ModelRequest('coder', turns, Brief(Path('.'), '')))\n"
        "print(list_models(sys.argv[2]), reply.text)\n"
    )
    nowhere = "http://127.0.0.1:9"
    proxies = {key: nowhere for key in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")}
    quiet = {key: value for key, value in os.environ.items() if key.upper() != "NO_PROXY"}
    with serving(tmp_path, "direct") as standin:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, NAME, standin.url],
            env=quiet | proxies,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout == f"('{NAME}',) direct\n", done.stderr
    assert done.stderr == ""


def test_a_reply_without_a_listener(tmp_path: Path) -> None:
    with serving(tmp_path, "fine") as standin:
        reply = opened(standin).reply(question())
    assert isinstance(reply, ModelReply)
    assert (reply.text, reply.gave_up) == ("fine", "")
