"""What the Ollama client sends, and what it makes of a reply that is well."""

import os
import subprocess
import sys
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from ollama_bench.asking import (
    NAME,
    THINKER,
    end,
    line,
    opened,
    question,
    raw,
    serving,
    talk,
)

from greenloop.errors import ModelReplyError, ModelUnavailableError
from greenloop.tools.model.base import ModelReply
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.model.profile import Profile
from greenloop.tools.reader.base import Call, Parameter, Tool


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
        assert (body["truncate"], body["shift"], body["logprobs"]) == (False, False, True)
        assert not body.get("tools")
        assert not body.get("format")
    assert second["messages"] == [
        {"role": "system", "content": "You edit code."},
        {"role": "user", "content": "b"},
    ]
    assert [record["reload"] for record in log] == [True, False]


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
    # At 3.2 characters to a token, and 8 tokens around each message.
    assert (got.tokens_in, got.tokens_out) == (126, 4)


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


def test_a_proxy_does_not_stand_before_this_machine(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from greenloop.tools.model.base import Brief, Message, ModelRequest\n"
        "from greenloop.tools.model.ollama import OllamaModel\n"
        "from greenloop.tools.model.server import list_models\n"
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
    assert done.stdout == f"('{NAME}', '{THINKER}') direct\n", done.stderr
    assert done.stderr == ""


def test_a_reply_without_a_listener(tmp_path: Path) -> None:
    with serving(tmp_path, "fine") as standin:
        reply = opened(standin).reply(question())
    assert isinstance(reply, ModelReply)
    assert (reply.text, reply.gave_up) == ("fine", "")


def test_a_turn_of_the_assistant_is_sent_as_one(tmp_path: Path) -> None:
    with serving(tmp_path, "ok") as standin:
        opened(standin).reply(talk("a", "b", "c"))
        sent = standin.chats()[0]["body"]["messages"]
    assert [(m["role"], m["content"]) for m in sent] == [
        ("user", "a"), ("assistant", "b"), ("user", "c"),
    ]  # fmt: skip


def test_durations_are_the_servers(tmp_path: Path) -> None:
    reply = {"text": "yes", "prompt_eval_count": 200, "eval_count": 50}
    with serving(tmp_path, reply, reply) as standin:
        model = opened(standin)
        model.reply(question())
        second = model.reply(question())
    assert second.prompt_s == pytest.approx(0.2)
    assert second.reply_s == pytest.approx(1.0)


def test_thinking_is_asked_for_only_when_wanted(tmp_path: Path) -> None:
    heard: list[str] = []
    reply = {"text": "yes", "thinking": "hm, well"}
    with serving(tmp_path, reply, reply) as standin:
        for think in (True, False):
            model = opened(standin, name=THINKER, think=think)
            assert model.reply(question(), heard.append).text == "yes"
        assert [record["body"]["think"] for record in standin.chats()] == [True, False]
    assert heard == ["yes", "yes"]


def test_thoughts_that_come_unasked_are_left_out(tmp_path: Path) -> None:
    heard: list[str] = []
    script = raw(line(thinking="hm"), line(thinking=", well"), line("yes"), end())
    with serving(tmp_path, **script) as standin:
        assert opened(standin).reply(question(), heard.append).text == "yes"
    assert heard == ["yes"]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (f'"{NAME}" does not support thinking', "think"),
        ('invalid think value: "false"', "think"),
        ('json: unknown field "truncate"', "truncate"),
        ('json: unknown field "shift"', "shift"),
        ("logprobs is not supported", "logprobs"),
    ],
)
def test_a_field_that_is_refused_is_left_out_from_then_on(
    tmp_path: Path, message: str, field: str
) -> None:
    refusal = {"error": 400, "message": message}
    with serving(tmp_path, refusal, "one", "two") as standin:
        model = opened(standin, pauses_s=())
        assert [model.reply(question()).text for _ in "ab"] == ["one", "two"]
        sent = [{field} & record["body"].keys() for record in standin.chats()]
    assert sent == [{field}, set(), set()]


def test_a_field_that_is_refused_though_it_was_left_out_ends_the_try(tmp_path: Path) -> None:
    refusal = {"error": 400, "message": "does not support thinking", "times": None}
    with serving(tmp_path, refusal) as standin:
        with pytest.raises(ModelUnavailableError, match="does not support thinking"):
            opened(standin).reply(question())
        assert len(standin.chats()) == 2


def test_the_longest_thinking(tmp_path: Path) -> None:
    with serving(
        tmp_path, {"text": "yes", "thinking": "well, hm " * 2000, "delay": 0.001}
    ) as standin:
        model = opened(standin, name=THINKER, think=True, num_ctx=16384, num_predict=8000)
        with pytest.raises(ModelReplyError, match="thought for more than 2048") as failure:
            model.reply(question())
        record = standin.wait_for(lambda r: r["path"] == "/api/chat")
    assert "without thinking" in failure.value.feedback
    assert record["outcome"] == "disconnected"


def test_the_longest_thinking_in_tags(tmp_path: Path) -> None:
    heard: list[str] = []
    thoughts = "<think>" + "well, hm " * 2000 + "</think>yes"
    with serving(tmp_path, thoughts) as standin:
        model = opened(standin, num_ctx=16384, num_predict=8000)
        with pytest.raises(ModelReplyError, match="thought for more than 2048"):
            model.reply(question(), heard.append)
    assert heard == []


def test_confidence_is_that_of_the_words(tmp_path: Path) -> None:
    def sure(*values: float) -> list[dict[str, Any]]:
        return [{"token": "x", "logprob": value} for value in values]

    script = raw(
        line(thinking="hm", logprobs=sure(-9.0)),
        line("a", logprobs=sure(-0.1)),
        line("b", logprobs=sure(-0.2, -0.3)),
        end(),
    )
    with serving(tmp_path, **script) as standin:
        assert opened(standin).reply(question()).confidence == pytest.approx(0.818730753)


def test_no_confidence_without_figures(tmp_path: Path) -> None:
    with serving(tmp_path, "yes") as standin:
        model = opened(standin)
        model._without.add("logprobs")  # an old server is mute, whatever is sent
        assert model.reply(question()).confidence is None


TOOLS = (
    Tool("read_file", "Read a file.", (Parameter("path"), Parameter("line", "integer", False))),
    Tool("ask_for", "Name files.", (Parameter("paths", "array", about="which"),)),
)
NATIVE = Profile(native_tools=True)
CALL = {"function": {"name": "write_file", "arguments": {"content": '{"name": "x"}', "n": 3}}}


def test_tools_are_sent_where_they_work(tmp_path: Path) -> None:
    with serving(tmp_path, "one", "two") as standin:
        for profile in (NATIVE, Profile()):
            opened(standin, profile=profile).reply(question(tools=TOOLS, schema={"type": "object"}))
        native, plain = (record["body"] for record in standin.chats())
    assert native["tools"][0] == {
        "type": "function",
        "function": {
            "name": "read_file",
            "description": "Read a file.",
            "parameters": {
                "type": "object",
                "required": ["path"],
                "properties": {
                    "path": {"type": "string", "description": ""},
                    "line": {"type": "integer", "description": ""},
                },
            },
        },
    }
    assert native["tools"][1]["function"]["parameters"]["properties"]["paths"] == {
        "type": "array", "items": {"type": "string"}, "description": "which",
    }  # fmt: skip
    assert "format" not in native
    assert not plain.get("tools")


def test_calls_come_as_they_were_made(tmp_path: Path) -> None:
    script = raw(line("Look: "), line(tool_calls=[CALL]), line(tool_calls=[CALL]), end())
    with serving(tmp_path, **script) as standin:
        reply = opened(standin, profile=NATIVE).reply(question(tools=TOOLS))
    # A string that happens to be JSON stays a string.
    call = Call("write_file", {"content": '{"name": "x"}', "n": 3})
    assert (reply.text, reply.calls) == ("Look: ", (call, call))


def test_a_call_needs_no_words(tmp_path: Path) -> None:
    script = raw(end(tool_calls=[CALL]))
    with serving(tmp_path, **script) as standin:
        reply = opened(standin, profile=NATIVE).reply(question(tools=TOOLS))
    assert reply.text == ""
    assert len(reply.calls) == 1


def test_a_call_that_the_server_lost(tmp_path: Path) -> None:
    lost = {"text": "", "eval_count": 40}
    with serving(tmp_path, lost) as standin:
        with pytest.raises(ModelReplyError, match="lost a tool call") as failure:
            opened(standin, profile=NATIVE).reply(question(tools=TOOLS))
        assert len(standin.chats()) == 1
    assert "fenced block" in failure.value.feedback


def test_a_schema_is_sent_where_it_is_kept(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    with serving(tmp_path, "{}", "{}") as standin:
        for profile in (Profile(json_schema=True), Profile(json_schema=False)):
            opened(standin, profile=profile).reply(question(schema=schema))
        sent = [record["body"].get("format") for record in standin.chats()]
    assert sent == [schema, None]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def a():\n" + "    return 1\n" * 200, "the same line"),
        ("It is " + "and so on, " * 200, "the same words"),
        ("{" + "\n \t" * 800, "blanks"),
    ],
)
def test_a_reply_that_repeats_itself_is_stopped(tmp_path: Path, text: str, what: str) -> None:
    with serving(tmp_path, {"text": text, "delay": 0.02}) as standin:
        model = opened(standin, num_predict=1024)
        with pytest.raises(ModelReplyError, match=f"repeated {what}") as failure:
            model.reply(question())
        record = standin.wait_for(lambda r: r["path"] == "/api/chat")
    assert "repeated itself" in failure.value.feedback
    assert record["outcome"] == "disconnected"


def test_a_server_that_does_not_keep_num_predict(tmp_path: Path) -> None:
    lines = [line(f"{n} and ") for n in range(2000)]
    with (
        serving(tmp_path, **raw(*lines, end())) as standin,
        pytest.raises(ModelReplyError, match="does not keep num_predict") as failure,
    ):
        opened(standin).reply(question())
    assert "cut at 512 tokens" in failure.value.feedback


def test_a_login_in_the_address(tmp_path: Path) -> None:
    seen: list[str] = []

    class Gate(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(403)

    with HTTPServer(("127.0.0.1", 0), Gate) as server:
        Thread(target=server.handle_request).start()
        host = f"http://ada:s%40cret@127.0.0.1:{server.server_port}"
        with pytest.raises(ModelUnavailableError, match="HTTP 403") as failure:
            OllamaModel(NAME, host, 4096, 512).reply(question())
    assert b64decode(seen[0].removeprefix("Basic ")) == b"ada:s@cret"
    assert "cret" not in str(failure.value)
