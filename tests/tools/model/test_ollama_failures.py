"""Every failure of an Ollama server has its name, its cure and its number of tries."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ollama_bench.asking import LONG, MODELS, NAME, contents, end, line, opened, question, serving
from ollama_bench.asking import raw as raw_answer

from greenloop.errors import (
    ContextError,
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.standin.start import Standin, start_standin


class Case(NamedTuple):
    """A failure that lasts, and what becomes of it."""

    reply: Mapping[str, Any]
    error: type[GreenloopError]
    words: str
    tries: int = 1
    feedback: str = ""


def refused(status: int, message: str) -> dict[str, Any]:
    return {"error": status, "message": message}


JSON_IN_JSON = (
    '{"error": {"code": 400, "message": "request (26528 tokens) exceeds the available context '
    'size (16384 tokens), try increasing it"}}'
)
DIED = "model runner has unexpectedly stopped, this may be due to resource limitations"
CASES: dict[str, Case] = {
    "cut": Case({"text": LONG, "cut": True}, ModelUnavailableError, "broke in mid-reply", 2),
    "reset": Case({"text": LONG, "cut": "reset"}, ModelUnavailableError, "broke in mid-reply", 2),
    "never": Case({"cut": "before"}, ModelUnavailableError, "broke before the reply .*serve", 3),
    "stall": Case(
        {"text": LONG, "stall": 60}, ModelUnavailableError, "0.4 s before the reply.*serve"
    ),
    "stall_mid": Case(
        {"text": LONG, "stall_mid": 60}, ModelUnavailableError, "0.4 s in mid-reply.*serve"
    ),
    "no_done": Case(
        {"text": LONG, "no_done": True},
        ModelReplyError,
        "stopped without an end",
        feedback="repeated itself",
    ),
    "junk": Case({"text": LONG, "junk": "<html>"}, ModelUnavailableError, "not Ollama's format"),
    "blank": Case({"text": LONG, "junk": " "}, ModelUnavailableError, "not Ollama's format"),
    "list": Case({"text": LONG, "junk": "[1]"}, ModelUnavailableError, "not Ollama's format"),
    "deep": Case({"text": LONG, "junk": "[" * 9999}, ModelUnavailableError, "not Ollama's format"),
    "shape": Case(
        {"text": LONG, "junk": '{"message": 1}'}, ModelUnavailableError, "not Ollama's format"
    ),
    "crash": Case(
        {
            "text": LONG,
            "error_line": "an error was encountered while running the model: unexpected EOF",
        },
        ModelUnavailableError,
        "failed to run .*in mid-reply.*unexpected EOF",
        2,
    ),
    "died": Case(refused(500, DIED), ModelUnavailableError, "failed to run .*HTTP 500.*stopped", 2),
    "xml_line": Case(
        {"text": LONG, "error_line": "XML syntax error on line 7"},
        ModelReplyError,
        "could not read what .* wrote: XML",
        feedback="caused an error: XML syntax error on line 7. Answer again in the plain text",
    ),
    "xml": Case(
        refused(500, "unexpected EOF"),
        ModelReplyError,
        "could not read what .* wrote: unexpected EOF",
        feedback="caused an error: unexpected EOF",
    ),
    "json": Case(
        refused(500, "failed to parse JSON: invalid character '<' looking for beginning of value"),
        ModelReplyError,
        "could not read what",
        feedback="plain text format",
    ),
    "gpt_oss": Case(
        refused(500, "error parsing tool call: raw='ls -R\\n', err=invalid character 'l'"),
        ModelReplyError,
        "could not read what",
        feedback="plain text format",
    ),
    "native": Case(
        refused(500, 'llama-server returned invalid tool call arguments for "x": {'),
        ModelReplyError,
        "could not read what",
        feedback="plain text format",
    ),
    "load_failure": Case(
        refused(500, "llama-server process has terminated:\nout of memory"),
        ModelUnavailableError,
        "HTTP 500.*terminated: out of memory.*smaller model",
    ),
    "no_tools": Case(
        refused(400, f"registry.ollama.ai/library/{NAME} does not support tools"),
        ModelUnavailableError,
        "HTTP 400.*does not support tools.*ollama show",
    ),
    "embedder": Case(
        refused(400, '"nomic-embed-text" does not support chat'),
        ModelUnavailableError,
        "does not support chat",
    ),
    "login": Case(refused(401, "unauthorized"), ModelUnavailableError, "HTTP 401.*ollama signin"),
    "host": Case(refused(403, ""), ModelUnavailableError, "HTTP 403.*no reason given.*127.0.0.1"),
    "rate": Case(refused(429, "slow down"), ModelUnavailableError, "HTTP 429.*slow down; wait"),
    "gone": Case(refused(499, "request canceled"), ModelUnavailableError, "HTTP 499", 3),
    "busy": Case(
        refused(503, "server busy, please try again.  maximum pending requests exceeded"),
        ModelUnavailableError,
        "is busy: server busy",
        3,
    ),
    "unknown": Case(
        refused(404, f"model '{NAME}' not found"), ModelNotFoundError, f"ollama pull {NAME}"
    ),
    "window": Case(
        refused(400, JSON_IN_JSON),
        ContextError,
        r"does not fit the window .*: request \(26528 tokens\).*raise num_ctx",
    ),
    "shiftless": Case(
        refused(400, "the prompt is longer than the context length currently available"),
        ContextError,
        "longer than the context length.*raise num_ctx",
    ),
    "old_runner": Case(
        refused(500, "the input length exceeds the context length"), ContextError, "raise num_ctx"
    ),
    "strange_end": Case({"text": LONG, "done_reason": "oom"}, ModelReplyError, "ended by 'oom'"),
    "predicted": Case(
        {"text": LONG, "done_reason": "length", "eval_count": 512},
        ModelReplyError,
        r"it reached num_predict \(512 tokens\); raise num_predict",
        feedback="cut at 512 tokens; nothing was written. Send a smaller edit.",
    ),
    "full": Case(
        {
            "text": LONG,
            "done_reason": "length",
            "prompt_eval_count": 3900,
            "eval_count": 196,
        },
        ModelReplyError,
        r"filled the window, num_ctx \(4096 tokens\); raise num_ctx",
        feedback="cut at 196 tokens",
    ),
    "own_limit": Case(
        {"text": LONG, "done_reason": "length", "eval_count": 70},
        ModelReplyError,
        "the server ended it after 70 tokens",
        feedback="cut at 70 tokens",
    ),
    "load": Case({"done_reason": "load"}, ModelReplyError, "stopped at the load", 3),
    "unload": Case({"done_reason": "unload"}, ModelReplyError, "stopped at the unload", 3),
    "empty": Case({"text": ""}, ModelReplyError, "is empty: it said nothing", 3),
    "mute": Case(
        {"text": "", "eval_count": 7},
        ModelReplyError,
        "counts 7 tokens but gave no words",
        feedback="was empty",
    ),
    "blanks": Case({"text": " \n \n"}, ModelReplyError, "only blanks", feedback="was empty"),
    "thoughts": Case(
        {"text": "<think>hm, well</think>\n\n"},
        ModelReplyError,
        "it only thought",
        feedback="without thinking",
    ),
    "lost_in_thought": Case(
        {"text": "<think>hm, well"},
        ModelReplyError,
        "it only thought",
        feedback="without thinking",
    ),
    "cut_in_thought": Case(
        {"text": "<think>hm, well", "done_reason": "length"},
        ModelReplyError,
        "is cut",
        feedback="without thinking",
    ),
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    replies = [
        {**case.reply, "match": f"case {key}.", "times": None} for key, case in CASES.items()
    ]
    script = {"models": MODELS, "replies": replies}
    with start_standin(script, tmp_path_factory.mktemp("failing")) as standin:
        yield standin


@pytest.mark.parametrize("key", CASES)
def test_a_failure_has_its_name_its_cure_and_its_tries(failing: Standin, key: str) -> None:
    case = CASES[key]
    with pytest.raises(case.error, match=case.words) as failure:
        opened(failing, gap_s=0.4).reply(question(f"case {key}."))
    assert type(failure.value) is case.error
    assert "\n" not in str(failure.value)
    if isinstance(failure.value, ModelReplyError):
        assert case.feedback in failure.value.feedback
        assert failure.value.feedback
        assert (failure.value.tokens > 0) is (key not in ("load", "unload"))
    failing.wait_for(lambda record: _is_about(record, key))
    assert len([record for record in failing.chats() if _is_about(record, key)]) == case.tries


def _is_about(record: Mapping[str, Any], key: str) -> bool:
    return f"case {key}." in contents(record)


def test_a_reply_of_no_use_has_its_price(tmp_path: Path) -> None:
    cut = {"text": LONG, "done_reason": "length", "prompt_eval_count": 300, "eval_count": 512}
    endless = {"text": "and so on, " * 300, "delay": 0.001}
    with serving(tmp_path, cut, endless) as standin:
        model = opened(standin)
        for tokens in (range(812, 813), range(150, 1200)):
            with pytest.raises(ModelReplyError) as failure:
                model.reply(question())
            assert failure.value.tokens in tokens


PASSING = ["never", "busy", "gone", "load", "unload", "empty"]


@pytest.mark.parametrize("key", PASSING)
def test_what_may_pass_is_tried_again_until_it_does(tmp_path: Path, key: str) -> None:
    heard: list[str] = []
    reply = CASES[key].reply
    with serving(tmp_path, reply, reply, "third time") as standin:
        assert opened(standin).reply(question(), heard.append).text == "third time"
        assert len(standin.chats()) == 3
    assert heard == ["third time"]


@pytest.mark.parametrize("key", ["cut", "reset", "crash"])
def test_a_reply_that_broke_is_asked_for_once_more(tmp_path: Path, key: str) -> None:
    heard: list[str] = []
    with serving(tmp_path, CASES[key].reply, "whole at last") as standin:
        assert opened(standin).reply(question(), heard.append).text == "whole at last"
        assert len(standin.chats()) == 2
    said, _, again = "".join(heard).partition("\n")
    assert said
    assert LONG.startswith(said)
    assert again == "whole at last"


def test_a_crash_that_follows_a_busy_server_is_no_second_crash(tmp_path: Path) -> None:
    replies = (CASES["busy"].reply, CASES["crash"].reply, "whole at last")
    with serving(tmp_path, *replies) as standin:
        assert opened(standin).reply(question()).text == "whole at last"


RAW: dict[str, tuple[Mapping[str, Any], type[GreenloopError], str, int]] = {
    "bad_gateway": (
        raw_answer("<html>\n<head><title>502 Bad\nGateway</title>", status=502),
        ModelUnavailableError,
        r"does not reach it \(HTTP 502\): a page, '502 Bad.*Gateway'; ",
        3,
    ),
    "page": (
        raw_answer("<html>Sign in to the network</html>"),
        ModelUnavailableError,
        "is not Ollama's format",
        1,
    ),
    "untitled": (raw_answer("<html>oops</html>", status=418), ModelUnavailableError, "a page;", 1),
    "forbidden": (raw_answer(status=403), ModelUnavailableError, "HTTP 403.*no reason given", 1),
    "nothing": (raw_answer(), ModelReplyError, "stopped without an end", 1),
    "half": (raw_answer(line("a"), line("b")[:20]), ModelUnavailableError, "not Ollama's", 1),
    "text_arguments": (
        raw_answer(line(tool_calls=[{"function": {"name": "x", "arguments": "{}"}}]), end()),
        ModelUnavailableError,
        "not Ollama's format",
        1,
    ),
    "text_count": (
        raw_answer(line("a"), end(prompt_eval_count="many")),
        ModelUnavailableError,
        "not Ollama's format",
        1,
    ),
}


@pytest.mark.parametrize("key", RAW)
def test_an_answer_that_is_none_of_ollamas(tmp_path: Path, key: str) -> None:
    script, error, words, tries = RAW[key]
    with serving(tmp_path, **script) as standin:
        with pytest.raises(error, match=words) as failure:
            opened(standin).reply(question())
        assert "\n" not in str(failure.value)
        assert len(standin.chats()) == tries


def test_no_try_begins_after_the_deadline(tmp_path: Path) -> None:
    with serving(tmp_path, {"error": 503, "times": None}) as standin:
        with pytest.raises(ModelUnavailableError, match="is busy"):
            opened(standin, overall_s=20, pauses_s=(30,)).reply(question())
        assert len(standin.chats()) == 1


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


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("http://127.0.0.1:9", r"no Ollama answers at http://127.0.0.1:9: start it"),
        ("http://nowhere.invalid:80", r"no Ollama answers at .*invalid:80 \(.+\): start it"),
    ],
)
def test_an_address_where_nobody_is(host: str, words: str) -> None:
    with pytest.raises(ModelUnavailableError, match=words):
        OllamaModel(NAME, host, 4096, 512).reply(question())


def test_a_server_that_speaks_no_tls(tmp_path: Path) -> None:
    with serving(tmp_path) as standin:
        host = standin.url.replace("http:", "https:")
        with pytest.raises(ModelUnavailableError, match=r"no Ollama answers at https:.*\(.*SSL"):
            OllamaModel(NAME, host, 4096, 512).reply(question())


def test_a_server_that_is_killed_in_mid_reply(tmp_path: Path) -> None:
    heard: list[str] = []

    def kill(text: str) -> None:
        heard.append(text)
        standin.kill()

    with serving(tmp_path, {"text": LONG, "delay": 0.02}) as standin:
        with pytest.raises(ModelUnavailableError, match="no Ollama answers"):
            opened(standin).reply(question(), kill)
        assert heard


def test_without_further_tries_a_server_that_is_killed_broke_off(tmp_path: Path) -> None:
    with (
        serving(tmp_path, {"text": LONG, "delay": 0.02}) as standin,
        pytest.raises(ModelUnavailableError, match="broke in mid-reply"),
    ):
        opened(standin, pauses_s=()).reply(question(), lambda text: standin.kill())
