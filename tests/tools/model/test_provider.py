"""Models of providers, through their true clients, against a server on this machine."""

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from brains.server import Say, Speaking, speaking

from greenloop.errors import (
    CancelledError,
    ConfigError,
    ContextError,
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)
from greenloop.tools.model.base import Brief, Message, ModelReply, ModelRequest, window_of
from greenloop.tools.model.provider import ProviderModel

WORDS = "Change the sum:\n\n```python\nif a < b & c:\n    größe = '→ 🐍'\n```\n"
ENDS = {
    "openai": {"done": "stop", "long": "length", "filtered": "content_filter"},
    "anthropic": {"done": "end_turn", "long": "max_tokens", "filtered": "refusal"},
}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)


@pytest.fixture(params=list(ENDS))
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def model_at(provider: str, server: Speaking, **more: Any) -> ProviderModel:
    url = server.url + ("/v1" if provider == "openai" else "")
    settings: dict[str, Any] = {"pauses_s": (0.01, 0.02), "gap_s": 20, **more}
    return ProviderModel(f"{provider}:some-model", window_of(4096, 512), url, **settings)


def question(text: str = "Fix größe", temperature: float = 0.3) -> ModelRequest:
    messages = (Message("system", "You edit code."), Message("user", text))
    return ModelRequest("coder", messages, Brief(Path(), text), temperature=temperature, seed=7)


def done(provider: str, text: str = WORDS, **more: Any) -> Say:
    return Say(text, finish=ENDS[provider]["done"], **more)


def answer(provider: str, says: Sequence[Say], **more: Any) -> tuple[ModelReply, Speaking]:
    with speaking(says) as server:
        return model_at(provider, server, **more).reply(question()), server


def failure(
    provider: str, kind: type[GreenloopError], says: Sequence[Say], **more: Any
) -> tuple[str, Speaking]:
    with speaking(says) as server, pytest.raises(kind) as caught:
        model_at(provider, server, **more).reply(question())
    message = str(caught.value)
    assert "\n" not in message
    assert type(caught.value) is kind
    return message, server


def test_words_arrive_as_they_are_and_counts_are_the_servers(provider: str) -> None:
    heard: list[str] = []
    with speaking([done(provider)]) as server:
        reply = model_at(provider, server).reply(question(), heard.append)
    assert reply.text == "".join(heard) == WORDS
    assert len(heard) > 2
    assert (reply.tokens_in, reply.tokens_out) == (40, 9)
    assert reply.seconds > 0


def test_openai_is_told_everything() -> None:
    _, server = answer("openai", [done("openai")])
    (asked,) = server.asked
    assert asked["messages"] == [
        {"role": "system", "content": "You edit code."},
        {"role": "user", "content": "Fix größe"},
    ]
    assert (asked["temperature"], asked["seed"], asked["stream"]) == (0.3, 7, True)
    assert asked["max_completion_tokens"] == asked["max_tokens"] == 512
    assert asked["model"] == "some-model"


def test_anthropic_is_told_what_it_knows() -> None:
    _, server = answer("anthropic", [done("anthropic")])
    (asked,) = server.asked
    assert asked["system"] == "You edit code."
    assert (asked["temperature"], asked["max_tokens"], asked["stream"]) == (0.3, 512, True)
    assert "seed" not in asked


def test_no_proxy_stands_before_this_machine(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert answer(provider, [done(provider)])[0].text == WORDS


def test_a_key_in_the_environment_is_sent(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "own-key")
    _, server = answer(provider, [done(provider)])
    assert "own-key" in str(server.headers[0])


def test_thoughts_are_left_out() -> None:
    said = "<think>\nwell, well\n</think>\n\nThe answer."
    assert answer("openai", [done("openai", said)])[0].text == "The answer."


def test_a_cut_reply_is_an_error_with_words_for_the_model(provider: str) -> None:
    with (
        speaking([Say("def f(", finish=ENDS[provider]["long"])]) as server,
        pytest.raises(ModelReplyError, match=r"num_predict \(512 tokens\)") as caught,
    ):
        model_at(provider, server).reply(question())
    assert caught.value.feedback == (
        "Your reply was cut at 512 tokens; nothing was written. Send a smaller edit."
    )
    assert caught.value.tokens == 40 + 9


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("x = 1\n" + "    return x\n" * 200, "repeated the same line over and over"),
        ("<think>hm</think>", "it only thought"),
        (" ", "it said nothing"),
    ],
)
def test_a_reply_of_no_use_has_its_words_and_its_price(
    provider: str, said: str, words: str
) -> None:
    with (
        speaking([done(provider, said)]) as server,
        pytest.raises(ModelReplyError, match=words) as caught,
    ):
        model_at(provider, server).reply(question())
    assert caught.value.feedback
    assert caught.value.tokens >= 7 + 2


def test_a_filtered_and_an_empty_reply(provider: str) -> None:
    said = Say("I", finish=ENDS[provider]["filtered"])
    assert "content filter" in failure(provider, ModelReplyError, [said])[0]
    assert "is empty" in failure(provider, ModelReplyError, [done(provider, " \n")])[0]


def error(status: int, message: str, **more: Any) -> Say:
    return Say(status=status, body=json.dumps({"error": {"message": message, **more}}))


REFUSALS: dict[str, tuple[Say, type[GreenloopError], str]] = {
    "bad": (error(400, "no such thing"), ModelUnavailableError, "no such thing"),
    "window": (
        error(400, "This model's maximum context length is 4096 tokens"),
        ContextError,
        "lower num_ctx (4096)",
    ),
    "key": (error(401, "invalid x-api-key"), ConfigError, "_API_KEY"),
    "account": (error(403, "not for you"), ConfigError, "not for you"),
    "model": (error(404, "The model x does not exist"), ModelNotFoundError, "'some-model'"),
    "path": (Say(status=404, body="404 page not found"), ModelUnavailableError, "base_url"),
    "large": (error(413, "request too large"), ContextError, "does not fit"),
    "quota": (
        error(429, "You exceeded your quota", code="insufficient_quota"),
        ModelUnavailableError,
        "exceeded your quota",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_named_and_not_repeated(provider: str, case: str) -> None:
    say, kind, words = REFUSALS[case]
    message, server = failure(provider, kind, [say, done(provider)])
    assert words in message
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_a_passing_failure_is_tried_again_and_named_in_the_end(provider: str, status: int) -> None:
    busy = error(status, "come back later")
    reply, server = answer(provider, [busy, busy, done(provider)])
    assert reply.text == WORDS
    assert len(server.asked) == 3
    message, server = failure(provider, ModelUnavailableError, [busy] * 4)
    assert f"HTTP {status}" in message
    assert "come back later" in message
    assert len(server.asked) == 3


def test_a_server_that_asks_for_a_long_pause_is_not_waited_for(provider: str) -> None:
    busy = Say(status=429, body='{"error": {"message": "no"}}', headers={"retry-after": "3600"})
    _, server = failure(provider, ModelUnavailableError, [busy, done(provider)])
    assert len(server.asked) == 1


def test_a_refused_setting_is_left_out_from_then_on(provider: str) -> None:
    refusal = error(400, "Unsupported value: 'temperature' does not support 0.3 with this model")
    with speaking([refusal, done(provider, "one"), done(provider, "two")]) as server:
        model = model_at(provider, server)
        assert [model.reply(question()).text for _ in "ab"] == ["one", "two"]
    assert ["temperature" in asked for asked in server.asked] == [True, False, False]


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        "max_tokens and max_completion_tokens cannot both be set",
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    ],
)
def test_a_limit_that_is_refused_by_its_older_name_is_left_out(words: str) -> None:
    with speaking([error(400, words), done("openai"), done("openai")]) as server:
        model = model_at("openai", server)
        assert [model.reply(question()).text for _ in "ab"] == [WORDS, WORDS]
    assert ["max_tokens" in asked for asked in server.asked] == [True, False, False]
    assert [asked["max_completion_tokens"] for asked in server.asked] == [512] * 3


def test_a_limit_that_nobody_can_leave_out_is_a_refusal() -> None:
    refusal = error(400, "max_tokens is not supported")
    failure("anthropic", ModelUnavailableError, [refusal, done("anthropic")])


@pytest.mark.parametrize("words", ["come back later", "'temperature' is not supported"])
def test_words_that_were_heard_are_not_said_anew(provider: str, words: str) -> None:
    heard: list[str] = []
    wrong = {"error": {"type": "overloaded_error", "message": words, "code": 529}}
    with (
        speaking([done(provider, error_mid=json.dumps(wrong)), done(provider)]) as server,
        pytest.raises(ModelUnavailableError, match=words),
    ):
        model_at(provider, server).reply(question(), heard.append)
    assert "".join(heard) == WORDS[:7]
    assert len(server.asked) == 1


def test_nobody_there(provider: str) -> None:
    with speaking([]) as server:
        model = model_at(provider, server)
    with pytest.raises(ModelUnavailableError, match=r"nothing answers at http://127\.0\.0\.1"):
        model.reply(question())


@pytest.mark.parametrize("fault", [{"stall": 30.0}, {"stall_mid": 30.0}], ids=str)
def test_silence_ends_the_reply(provider: str, fault: dict[str, Any]) -> None:
    began = time.monotonic()
    says = [done(provider, **fault)]
    message, server = failure(provider, ModelUnavailableError, says, gap_s=0.3)
    assert "was silent for 0.3 s" in message
    assert time.monotonic() - began < 10
    assert len(server.asked) == 1


def test_dripping_bytes_do_not_hold_the_overall_limit_off(provider: str) -> None:
    message, _ = failure(provider, ModelUnavailableError, [Say(drip=True)], overall_s=0.5)
    assert "not done after 0.5 s" in message


def test_a_broken_connection(provider: str) -> None:
    message, server = failure(provider, ModelUnavailableError, [done(provider, cut="mid")] * 2)
    assert "broke in mid-reply" in message
    assert len(server.asked) == 1
    reply, server = answer(provider, [Say(cut="before"), done(provider)])
    assert reply.text == WORDS
    assert len(server.asked) == 2
    message, _ = failure(provider, ModelUnavailableError, [Say("half", finish="")])
    assert "without an end" in message


@pytest.mark.parametrize("fault", [{"stall": 30.0}, {"stall_mid": 30.0}], ids=str)
def test_cancel_from_another_thread(provider: str, fault: dict[str, Any]) -> None:
    with speaking([done(provider, **fault), done(provider)]) as server:
        model = model_at(provider, server)
        cancelled: list[float] = []

        def cancel() -> None:
            server.began.wait(20)
            time.sleep(0.1)
            cancelled.append(time.monotonic())
            model.cancel()

        other = threading.Thread(target=cancel)
        other.start()
        with pytest.raises(CancelledError):
            model.reply(question())
        late = time.monotonic() - cancelled[0]
        other.join()
        assert late < 0.5
        assert server.disconnected.wait(5)
        assert model.reply(question()).text == WORDS


class Cancelling(tuple[Message, ...]):
    """Messages at the sight of which somebody cancels."""

    model: ProviderModel

    def __iter__(self) -> Iterator[Message]:
        self.model.cancel()
        return super().__iter__()


def test_cancel_before_anything_is_sent(provider: str) -> None:
    asked = question()
    with speaking([done(provider)]) as server:
        messages = Cancelling(asked.messages)
        messages.model = model_at(provider, server)
        with pytest.raises(CancelledError):
            messages.model.reply(replace(asked, messages=messages))
        assert server.asked == []


def test_ctrl_c_closes_the_connection(provider: str) -> None:
    with speaking([done(provider, stall=30.0)]) as server:
        here = threading.get_ident()
        assert here == threading.main_thread().ident

        def interrupt() -> None:
            server.began.wait(20)
            time.sleep(0.1)
            signal.pthread_kill(here, signal.SIGINT)

        other = threading.Thread(target=interrupt)
        other.start()
        with pytest.raises(KeyboardInterrupt):
            model_at(provider, server).reply(question())
        other.join()
        assert server.disconnected.wait(5)


def test_cancel_without_a_reply_does_nothing(provider: str) -> None:
    with speaking([done(provider)]) as server:
        model = model_at(provider, server)
        model.cancel()
        assert model.reply(question()).text == WORDS


def test_no_thread_is_left(provider: str) -> None:
    answer(provider, [done(provider)])
    end = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert [t.name for t in threading.enumerate() if t is not threading.main_thread()] == []


def test_a_prompt_that_cannot_fit_is_not_sent(provider: str) -> None:
    with speaking([]) as server:
        with pytest.raises(ContextError, match="window of 4096"):
            model_at(provider, server).reply(question("x" * 20_000))
        assert server.asked == []


def test_counting_learns_from_the_provider(provider: str) -> None:
    prompt = "word " * 800
    with speaking([done(provider, tokens=(1800, 3))]) as server:
        model = model_at(provider, server)
        before = model.count(prompt)
        model.reply(question(prompt))
    assert model.count(prompt) > before


def test_what_is_no_protocol_at_all(provider: str) -> None:
    message, _ = failure(
        provider, ModelUnavailableError, [Say(status=200, body="<html>Welcome</html>")]
    )
    assert "127.0.0.1" in message
