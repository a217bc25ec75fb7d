"""A reply can be broken off at any moment: by a deadline, by a call, by Ctrl-C."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from ollama_bench.asking import (
    CHUNKED,
    LONG,
    NAME,
    chunk,
    dripping,
    line,
    opened,
    question,
    serving,
)  # fmt: skip

from greenloop.errors import CancelledError, GreenloopError, ModelUnavailableError
from greenloop.tools.model.base import Message
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.standin.start import Record, Standin

PROMPTLY_S = 0.5


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@contextmanager
def later(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def outcome(standin: Standin) -> Record:
    return standin.wait_for(lambda record: record["path"] == "/api/chat")


def until_asked(standin: Standin) -> None:
    """Wait until a request for a reply is there."""
    end = time.monotonic() + 20
    while httpx.get(f"{standin.url}/standin", trust_env=False).json()["in_flight"] == 0:
        assert time.monotonic() < end
        time.sleep(0.01)


def failure_of(model: OllamaModel) -> tuple[GreenloopError, float]:
    """What a reply fails with, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(GreenloopError) as failure:
        model.reply(question())
    return failure.value, time.monotonic() - began


@pytest.mark.parametrize(
    "reply",
    [
        {"text": LONG, "stall": 60},
        {"text": LONG, "stall_mid": 60},
        {"text": LONG, "delay": 0.02},
    ],
    ids=["before", "between", "streaming"],
)
def test_cancelling_closes_the_connection(tmp_path: Path, reply: dict[str, object]) -> None:
    with serving(tmp_path, reply, "again") as standin:
        model = opened(standin)
        with later(0.2, model.cancel):
            error, seconds = failure_of(model)
        assert type(error) is CancelledError
        assert seconds < 0.2 + PROMPTLY_S
        assert outcome(standin)["outcome"] == "disconnected"
        assert model.reply(question()).text == "again"


def test_cancelling_while_waiting_for_the_next_try(tmp_path: Path) -> None:
    with serving(tmp_path, {"error": 503, "times": None}) as standin:
        model = opened(standin, pauses_s=(30,), overall_s=60)
        with later(0.2, model.cancel):
            error, seconds = failure_of(model)
    assert type(error) is CancelledError
    assert seconds < 0.2 + PROMPTLY_S


def test_a_listener_may_cancel(tmp_path: Path) -> None:
    heard: list[str] = []
    with serving(tmp_path, {"text": LONG, "delay": 0.01}) as standin:
        model = opened(standin)

        def stop(text: str) -> None:
            heard.append(text)
            model.cancel()

        with pytest.raises(CancelledError):
            model.reply(question(), stop)
    assert len(heard) == 1


def test_cancelling_reaches_every_reply_that_is_being_made(tmp_path: Path) -> None:
    errors: list[GreenloopError] = []
    with serving(tmp_path, {"text": LONG, "stall": 60, "times": None}) as standin:
        model = opened(standin)
        askers = [
            threading.Thread(target=lambda: errors.append(failure_of(model)[0])) for _ in "ab"
        ]
        for asker in askers:
            asker.start()
        until_asked(standin)
        time.sleep(0.1)
        model.cancel()
        for asker in askers:
            asker.join()
    assert [type(error) for error in errors] == [CancelledError] * 2


def test_cancelling_when_nothing_is_asked_is_of_no_consequence(tmp_path: Path) -> None:
    with serving(tmp_path, "well") as standin:
        model = opened(standin)
        model.cancel()
        assert model.reply(question()).text == "well"
        model.cancel()


class Cancelling(tuple[Message, ...]):
    """Messages at the sight of which somebody cancels."""

    model: OllamaModel

    def __iter__(self) -> Iterator[Message]:
        self.model.cancel()
        return super().__iter__()


def test_cancelling_before_anything_is_sent(tmp_path: Path) -> None:
    asked = question()
    with serving(tmp_path, "never") as standin:
        messages = Cancelling(asked.messages)
        messages.model = opened(standin)
        with pytest.raises(CancelledError):
            messages.model.reply(replace(asked, messages=messages))
        assert standin.log() == []


def test_an_interrupt_in_mid_reply_reaches_the_server(tmp_path: Path) -> None:
    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with serving(tmp_path, {"text": LONG * 10, "delay": 0.02}, "again") as standin:
        model = opened(standin)
        # Held, so that the traceback keeps the iterator alive: it must be closed, not collected.
        with pytest.raises(KeyboardInterrupt) as held:
            model.reply(question(), interrupt)
        record = outcome(standin)
        assert record["outcome"] == "disconnected"
        assert record["chunks"] < 100
        assert model.reply(question()).text == "again"
        assert held.tb is not None


ASKER = """
import sys, threading, time
from pathlib import Path
from greenloop.tools.model.base import Brief, Message, ModelRequest
from greenloop.tools.model.ollama import OllamaModel
model = OllamaModel(sys.argv[1], sys.argv[2], 4096, 512)
try:
    model.reply(ModelRequest("coder", (Message("user", "hi"),), Brief(Path("."), "")))
except KeyboardInterrupt:
    print("interrupted", threading.active_count(), flush=True)
time.sleep(30)  # so that it is not the end of the process that closes the connection
"""


@pytest.mark.parametrize("key", ["stall", "stall_mid"])
def test_ctrl_c_while_the_server_is_silent(tmp_path: Path, key: str) -> None:
    with (
        serving(tmp_path, {"text": LONG, key: 60}) as standin,
        subprocess.Popen(
            [sys.executable, "-c", ASKER, NAME, standin.url], stdout=subprocess.PIPE, text=True
        ) as asker,
    ):
        try:
            until_asked(standin)
            began = time.monotonic()
            asker.send_signal(signal.SIGINT)
            assert outcome(standin)["outcome"] == "disconnected"
            assert time.monotonic() - began < PROMPTLY_S
            assert asker.stdout is not None
            assert asker.stdout.readline() == "interrupted 1\n"
        finally:
            asker.kill()


@pytest.mark.parametrize(
    "reply",
    [
        {"text": LONG, "delay": 0.1},
        {"text": LONG, "stall": 60},
        {"text": LONG, "stall_mid": 60},
    ],
    ids=["streaming", "before", "between"],
)
def test_the_deadline_holds(tmp_path: Path, reply: dict[str, object]) -> None:
    with serving(tmp_path, reply) as standin:
        # The two limits are equal here; which of them is named is of no importance.
        error, seconds = failure_of(opened(standin, overall_s=0.5))
        assert type(error) is ModelUnavailableError
        assert outcome(standin)["outcome"] == "disconnected"
    assert 0.4 < seconds < 0.5 + PROMPTLY_S


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),  # not even the first line of an answer
        (CHUNKED, b"0"),
        (CHUNKED + chunk(line("words ")), chunk(" ")),  # a line that does not end
        (CHUNKED, chunk(line("word ") + "\n")),
        (CHUNKED, chunk(line("") + "\n")),
    ],
    ids=["head", "size", "line", "words", "wordless"],
)
def test_the_deadline_holds_against_a_server_that_drips(head: bytes, drop: bytes) -> None:
    with dripping(head, drop, 0.05) as host:
        model = OllamaModel(NAME, host, 4096, 512, gap_s=20, overall_s=0.6)
        error, seconds = failure_of(model)
    assert "was not done after 0.6 s" in str(error)
    assert type(error) is ModelUnavailableError
    assert seconds < 0.6 + PROMPTLY_S


def test_cancelling_reaches_a_server_that_drips() -> None:
    with dripping(CHUNKED, chunk("{"), 0.05) as host:
        model = OllamaModel(NAME, host, 4096, 512)
        with later(0.2, model.cancel):
            error, seconds = failure_of(model)
    assert type(error) is CancelledError
    assert seconds < 0.2 + PROMPTLY_S


def test_the_deadline_counts_every_try(tmp_path: Path) -> None:
    busy = {"error": 503, "stall": 0.3, "times": None}
    with serving(tmp_path, busy) as standin:
        error, seconds = failure_of(opened(standin, overall_s=0.5, pauses_s=(0, 0, 0, 0, 0)))
        assert len(standin.log()) <= 2
    assert "was not done after 0.5 s" in str(error)
    assert seconds < 0.5 + PROMPTLY_S


def test_a_silence_is_noticed_before_the_deadline(tmp_path: Path) -> None:
    with serving(tmp_path, {"text": LONG, "stall_mid": 60}) as standin:
        error, seconds = failure_of(opened(standin, gap_s=0.3, overall_s=30))
    assert "silent for 0.3 s in mid-reply" in str(error)
    assert seconds < 0.3 + PROMPTLY_S
