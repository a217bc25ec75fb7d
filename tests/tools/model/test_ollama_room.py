"""The room in the window: what fits is sent, what was cut is no answer, counts teach."""

import json
from pathlib import Path

import pytest
from ollama_bench.asking import LONG, NAME, opened, question, serving, talk

from greenloop.errors import ContextError, ModelReplyError
from greenloop.tools.model.base import Brief, ModelRequest, Window
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.ratio import LEAST, MOST, Ratio, estimate, fewest
from greenloop.tools.reader.base import Tool


def test_a_prompt_that_does_not_fit_is_not_sent(tmp_path: Path) -> None:
    with serving(tmp_path, "never") as standin:
        model = opened(standin, num_ctx=1024, num_predict=500)
        with pytest.raises(ContextError, match=r"prompt does not fit: about \d+ tokens.*1024"):
            model.reply(question("x" * 1635))
        with pytest.raises(ModelReplyError, match="prompt is empty"):
            model.reply(ModelRequest("coder", (), Brief(Path(), "")))
        assert standin.log() == []
        model.reply(question("x" * 1605))


def test_a_prompt_that_the_server_cut_is_an_error(tmp_path: Path) -> None:
    # A token per character, as in texts that our estimate does not know.
    script = {"chars_per_token": 1, "version": "0.12.0"}  # before `truncate`
    with serving(tmp_path, {"text": "ok", "times": None}, **script) as standin:
        model = opened(standin, num_ctx=2048, num_predict=64)
        with pytest.raises(ContextError, match=r"cut the prompt: .* saw 2048 .*num_ctx"):
            model.reply(question("x" * 3000))
        assert standin.chats()[0]["beheaded"]
        assert model.reply(question("x" * 1900)).text == "ok"


@pytest.mark.parametrize(
    ("count", "chars", "is_cut", "version"),
    [
        (4096, 6000, True, "0.12.3"),  # cuts whatever it is told
        (4096, 3000, False, "0.12.3"),  # too short to have been cut: a coincidence
        (2050, 6000, False, "0.12.3"),  # no count that this version leaves
        (2050, 11000, True, "0.33.0"),  # num_ctx / 2 + 2, and fewer than there must be
        (2051, 11000, True, "0.33.0"),  # the same, for models with a token for the beginning
        (2052, 11000, False, "0.33.0"),
        (2050, 11000, True, "unknown"),
        *((count, 8000, False, "0.33.0") for count in (2050, 2051, 4096)),  # told not to cut
        *((count, 8000, False, "unknown") for count in (2050, 2051, 4096)),
        (400, 6000, True, "0.33.0"),  # fewer tokens than any text of that length has
        (10, 1500, False, "0.33.0"),
    ],
)
def test_signs_of_a_cut(tmp_path: Path, count: int, chars: int, is_cut: bool, version: str) -> None:
    told = {"body": json.dumps({"version": version})}
    reply = {"text": "ok", "prompt_eval_count": count}
    with serving(tmp_path, reply, endpoints={"/api/version": told}) as standin:
        said = _reply_or_error(opened(standin), question("x" * chars))
    assert ("cut the prompt" in said) is is_cut
    assert (said == "ok") is not is_cut


@pytest.mark.parametrize("count", [1026, 1027])
@pytest.mark.parametrize("foreign", [0, 500, 900])
def test_no_honest_count_is_taken_for_a_cut(tmp_path: Path, count: int, foreign: int) -> None:
    # The system prompt has 14 characters, and so many tokens here.
    text = "字" * foreign + "x" * (count - 14 - foreign)
    with serving(tmp_path, {"text": "ok"}, chars_per_token=1) as standin:
        reply = opened(standin, num_ctx=2048, num_predict=64).reply(question(text))
    assert (reply.text, reply.tokens_in) == ("ok", count)


def test_a_server_that_refuses_the_word_may_cut(tmp_path: Path) -> None:
    refusal = {"error": 400, "message": 'json: unknown field "truncate"'}
    reply = {"text": "ok", "prompt_eval_count": 2050}
    with serving(tmp_path, refusal, reply) as standin:
        said = _reply_or_error(opened(standin), question("x" * 8000))
    assert "cut the prompt" in said


def test_other_scripts_take_more_room(tmp_path: Path) -> None:
    japanese = "合計が間違っているので直してください。" * 284
    with serving(tmp_path) as standin:
        model = opened(standin)
        assert model.count(japanese) >= len(japanese) > 5000
        assert model.count("🐍") == 3
        assert model.count("größe") == 1 + 2
        with pytest.raises(ContextError, match="does not fit"):
            model.reply(question(japanese))
        assert standin.log() == []


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


def test_tools_take_room_too(tmp_path: Path) -> None:
    tools = tuple(Tool(f"tool_{n}", "word " * 100) for n in range(10))
    with serving(tmp_path, "fits") as standin:
        model = opened(standin, num_ctx=2048, profile=Profile(native_tools=True))
        with pytest.raises(ContextError, match="does not fit"):
            model.reply(question(tools=tools))
        plain = opened(standin, num_ctx=2048)
        assert plain.reply(question(tools=tools)).text == "fits"


def test_a_history_that_was_cut_shows_in_the_count(tmp_path: Path) -> None:
    counts = (900, 700, 950)
    replies = [{"text": "ok", "prompt_eval_count": count} for count in counts]
    with serving(tmp_path, *replies) as standin:
        model = opened(standin)
        model.reply(talk("a" * 3000))
        with pytest.raises(ContextError, match="fewer than the 900 of the conversation"):
            model.reply(talk("a" * 3000, "b", "c"))
        assert model.reply(talk("a" * 3000, "b", "c")).text == "ok"


def test_a_prompt_that_a_server_would_have_cut_is_refused(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "never", chars_per_token=1) as standin,
        pytest.raises(ContextError, match=r"3014 tokens\) exceeds the available .*num_ctx"),
    ):
        opened(standin, num_ctx=2048, num_predict=64).reply(question("x" * 3000))


def test_the_version_that_counts_only_what_is_new(tmp_path: Path) -> None:
    with serving(tmp_path, {"text": "ok", "times": None}, version="0.30.0") as standin:
        model = opened(standin)
        first = model.reply(talk("some words " * 300))
        before = model.count("x" * 1000)
        second = model.reply(talk("some words " * 300, "ok", "more"))
        assert second.tokens_in < first.tokens_in
        assert model.count("x" * 1000) == before


def test_another_conversation_may_be_shorter(tmp_path: Path) -> None:
    replies = [{"text": "ok", "prompt_eval_count": count} for count in (900, 700)]
    with serving(tmp_path, *replies) as standin:
        model = opened(standin)
        model.reply(talk("a" * 3000))
        assert model.reply(talk("b" * 3000, "b", "c")).text == "ok"


def test_a_window_that_the_server_does_not_grant(tmp_path: Path) -> None:
    models = [{"name": NAME, "context_length": 3072}]
    with serving(tmp_path, "one", "two", models=models) as standin:
        model = opened(standin, num_ctx=8192)
        assert model.window == Window(8192, 512)
        model.reply(question())
        assert model.window == Window(3072, 512)
        with pytest.raises(ContextError, match="3072 that the server grants of 8192"):
            model.reply(question("x" * 9000))
        assert model.reply(question("x" * 6000)).text == "two"
        assert [record["body"]["options"]["num_ctx"] for record in standin.chats()] == [8192] * 2


@pytest.mark.parametrize(
    "answer", [{"status": 404}, {"body": "<html>"}, {"body": '{"models": []}'}]
)
def test_a_server_that_does_not_tell_its_window(tmp_path: Path, answer: dict[str, object]) -> None:
    with serving(tmp_path, "one", endpoints={"/api/ps": answer}) as standin:
        model = opened(standin)
        assert model.reply(question()).text == "one"
        assert model.window == Window(4096, 512)


def test_counts_teach_how_long_a_token_is(tmp_path: Path) -> None:
    text = "some words of a prompt " * 200
    with serving(tmp_path, {"text": "ok", "times": None}, chars_per_token=2.5) as standin:
        model = opened(standin)
        before = model.count(text)
        model.reply(question(text))
        record = standin.chats()[0]
        assert before < record["prompt_eval_count"] <= model.count(text)
        # A prompt that seemed to fit before does so no longer.
        longer = "x" * int(3550 * 3.1)
        assert len(longer) / 3.2 + 100 < model.window.room
        with pytest.raises(ContextError, match="does not fit"):
            model.reply(question(longer))


def test_a_ratio_falls_at_once_and_rises_slowly() -> None:
    ratio = Ratio(3.2)
    ratio.learn("x" * 5000, 2000)
    low = ratio.value
    assert low == pytest.approx(2.5 * 0.97)
    seen = [low]
    for _ in range(50):
        ratio.learn("x" * 8000, 2000)
        seen.append(ratio.value)
    assert seen == sorted(seen)
    assert seen[1] < 2.7
    assert 3.8 < seen[-1] < 4.0


@pytest.mark.parametrize(
    ("chars", "tokens", "value"),
    [
        (600, 499, 3.2),  # too short to tell
        (3000, 599, 3.2),  # the server counted only what was new
        (1000, 1100, LEAST),
        (0, 1000, LEAST),
    ],
)
def test_a_ratio_believes_no_nonsense(chars: int, tokens: int, value: float) -> None:
    ratio = Ratio(3.2)
    ratio.learn("x" * chars, tokens)
    assert ratio.value == value


def test_a_ratio_is_that_of_the_ascii_in_a_prompt() -> None:
    ratio = Ratio(3.2)
    ratio.learn("x" * 2500 + "字" * 1000, 2000)
    assert ratio.value == pytest.approx(2.5 * 0.97)
    # How many tokens much of another script takes is a guess: nothing rises by it.
    ratio.learn("x" * 2500 + "字" * 1000, 1600)
    assert ratio.value == pytest.approx(2.5 * 0.97)
    ratio.learn("x" * 4000 + "字" * 100, 1100)
    assert 2.5 * 0.97 < ratio.value < 3


@pytest.mark.parametrize("text", ["", "größe", "\udcff", "x" * 9, "日本語 " * 9, "🐍🐍 and"])
def test_what_a_text_has_at_the_least_is_no_more_than_the_estimate(text: str) -> None:
    assert 0 <= fewest(text) <= estimate(text, MOST)


@pytest.mark.parametrize(("start", "value"), [(0.1, LEAST), (99.0, MOST), (4.0, 4.0)])
def test_a_ratio_starts_within_its_bounds(start: float, value: float) -> None:
    assert Ratio(start).value == value
