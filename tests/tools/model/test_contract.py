"""What every brain promises, held against each of them.

A new brain joins by an opener and a line in `BRAINS`; one that can be told what to say joins
`SPEAKERS` too.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from brains import server

from greenloop.errors import GreenloopError, ModelReplyError
from greenloop.state import TestFailure
from greenloop.tools.model.base import Brief, ChatModel, Message, ModelRequest, window_of
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.model.provider import ProviderModel
from greenloop.tools.model.record import RecordingModel, header_of
from greenloop.tools.model.recording_file import Recorder, read_recording
from greenloop.tools.model.replay import ReplayModel
from greenloop.tools.model.scripted import ScriptedModel
from greenloop.tools.repair.model import RepairModel
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.local import LocalSandbox
from greenloop.tools.standin.start import start_standin

NAME = "qwen2.5-coder:7b"
ANSWER = "Change the sum:\n\n```python\nif a < b & c:\n    größe = '→ 🐍'\n```\n"

Speaker = Callable[[Sequence[str], Path], AbstractContextManager[ChatModel]]
Brain = Callable[[Path], AbstractContextManager[tuple[ChatModel, ModelRequest]]]


@contextmanager
def scripted(texts: Sequence[str], folder: Path) -> Iterator[ChatModel]:
    yield ScriptedModel(texts)


@contextmanager
def ollama(texts: Sequence[str], folder: Path) -> Iterator[ChatModel]:
    with start_standin({"models": [NAME], "replies": list(texts)}, folder) as standin:
        yield OllamaModel(NAME, standin.url, num_ctx=4096, num_predict=512, pauses_s=())


@contextmanager
def provider(texts: Sequence[str], folder: Path) -> Iterator[ChatModel]:
    with server.speaking(list(texts)) as there:
        yield ProviderModel("openai:any", window_of(4096, 512), f"{there.url}/v1", pauses_s=())


@contextmanager
def recorded(texts: Sequence[str], folder: Path) -> Iterator[ChatModel]:
    inner = ScriptedModel(texts)
    with closing(Recorder(folder / "tape.jsonl", header_of(inner, "task", "0"))) as recorder:
        yield RecordingModel(inner, recorder)


@contextmanager
def replayed(texts: Sequence[str], folder: Path) -> Iterator[ChatModel]:
    with recorded(texts, folder) as model:
        for _ in texts:
            model.reply(question(folder))
    yield ReplayModel(read_recording(folder / "tape.jsonl"))


def speaking(speaker: Speaker) -> Brain:
    """A speaker as a brain: with a question that it can answer twice."""

    @contextmanager
    def opened(folder: Path) -> Iterator[tuple[ChatModel, ModelRequest]]:
        with speaker([ANSWER, ANSWER], folder) as model:
            yield model, question(folder)

    return opened


@contextmanager
def repair(folder: Path) -> Iterator[tuple[ChatModel, ModelRequest]]:
    (folder / "m.py").write_text("def add(a, b):\n    return a - b\n")
    test = "from m import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    (folder / "test_m.py").write_text(test)
    python = Path(sys.executable)
    command = TestCommand((str(python), "-m", "pytest"), python)
    failure = TestFailure("test_m.py::test_add", "assertion", "assert -1 == 5")
    brief = Brief(folder, "make it pass", (failure,))
    yield RepairModel(LocalSandbox(), command), ModelRequest("coder", (), brief)


SPEAKERS: dict[str, Speaker] = {
    "scripted": scripted,
    "ollama": ollama,
    "provider": provider,
    "recorded": recorded,
    "replayed": replayed,
}
BRAINS: dict[str, Brain] = {
    **{name: speaking(speaker) for name, speaker in SPEAKERS.items()},
    "repair": repair,
}


def question(folder: Path, text: str = "Fix größe in a.py → b.py") -> ModelRequest:
    messages = (Message("system", "You edit code."), Message("user", text))
    return ModelRequest("coder", messages, Brief(folder, text), seed=7)


@pytest.fixture(params=list(BRAINS.values()), ids=list(BRAINS))
def brain(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[ChatModel, ModelRequest]]:
    opener: Brain = request.param
    with opener(tmp_path) as opened:
        yield opened


@pytest.fixture(params=list(SPEAKERS.values()), ids=list(SPEAKERS))
def speaker(request: pytest.FixtureRequest) -> Speaker:
    chosen: Speaker = request.param
    return chosen


def test_a_brain_has_a_name_and_says_whether_it_reads(
    brain: tuple[ChatModel, ModelRequest],
) -> None:
    model, _ = brain
    assert model.name
    assert model.reads_prompt in (True, False)


def test_a_brain_that_reads_has_room_and_counts(brain: tuple[ChatModel, ModelRequest]) -> None:
    model, _ = brain
    assert model.profile.chars_per_token > 0
    assert model.count("") == 0
    if not model.reads_prompt:
        return
    assert 0 < model.window.room < model.window.num_ctx
    counts = [model.count(ANSWER * n) for n in (1, 2, 40)]
    assert counts == sorted(counts)
    # No tokenizer makes more tokens than bytes, and none of today's fewer than this.
    assert len(ANSWER) / 8 < counts[0] <= len(ANSWER.encode())


def test_a_reply_is_text_or_a_reason_to_stop(brain: tuple[ChatModel, ModelRequest]) -> None:
    model, request = brain
    model.cancel()  # of no consequence: nothing is asked yet
    reply = model.reply(request)
    assert bool(reply.text.strip()) != bool(reply.gave_up)
    assert min(reply.tokens_in, reply.tokens_out, reply.seconds) >= 0
    assert min(reply.prompt_s, reply.reply_s) >= 0
    assert reply.confidence is None or 0 < reply.confidence <= 1


def test_what_is_heard_is_what_is_replied(brain: tuple[ChatModel, ModelRequest]) -> None:
    model, request = brain
    heard: list[str] = []
    reply = model.reply(request, heard.append)
    if model.reads_prompt:
        assert "".join(heard) == reply.text
    else:  # it tells how it gets on
        assert all(line.endswith("\n") for line in heard)


def test_the_same_question_has_the_same_answer(brain: tuple[ChatModel, ModelRequest]) -> None:
    model, request = brain
    before = replace(request)
    first, second = model.reply(request), model.reply(request)
    assert (first.text, first.gave_up) == (second.text, second.gave_up)
    assert request == before


def test_a_question_without_words_has_an_answer_or_an_error_of_ours(
    brain: tuple[ChatModel, ModelRequest],
) -> None:
    model, request = brain
    try:
        reply = model.reply(replace(request, messages=()))
    except GreenloopError as error:
        assert "\n" not in str(error)
    else:
        assert reply.text or reply.gave_up


def test_a_speaker_streams_its_exact_words(speaker: Speaker, tmp_path: Path) -> None:
    heard: list[str] = []
    with speaker([ANSWER], tmp_path) as model:
        reply = model.reply(question(tmp_path), heard.append)
    assert reply.text == ANSWER
    assert "".join(heard) == ANSWER
    assert len(heard) > 1
    assert min(reply.tokens_in, reply.tokens_out) > 0


def test_a_speaker_takes_turns(speaker: Speaker, tmp_path: Path) -> None:
    with speaker(["one", "two"], tmp_path) as model:
        assert [model.reply(question(tmp_path)).text for _ in "ab"] == ["one", "two"]


def test_a_speaker_without_words_left_says_so_in_our_terms(
    speaker: Speaker, tmp_path: Path
) -> None:
    with speaker([], tmp_path) as model, pytest.raises(GreenloopError) as failure:
        model.reply(question(tmp_path))
    assert "\n" not in str(failure.value)
    assert "no reply left" in str(failure.value)


def test_a_listener_that_fails_is_heard(speaker: Speaker, tmp_path: Path) -> None:
    def stop(text: str) -> None:
        raise ModelReplyError("enough")

    with (
        speaker([ANSWER], tmp_path) as model,
        pytest.raises(ModelReplyError, match="enough"),
    ):
        model.reply(question(tmp_path), stop)
