"""Ctrl-C once and twice: both leave the files in order and the thread resumable."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.support import GREETING, PYTEST, block, command, greenloop, read, result_of, write
from processes import gone

from greenloop.tools.standin.start import start_standin

EDITS = [
    block("words/greet.py", "    return 'Hello ' + name", "    return f'Hello, {name}!'"),
    block("words/shout.py", "    return text", "    return text.upper() + '!'"),
]
REPLIES: list[Any] = [*EDITS, "VERDICT: keep"]
MODEL = {"models": ["qwen2.5-coder:7b"]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "keyword")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    return write(tmp_path / "project", GREETING)


@contextmanager
def running(
    project: Path, test_cmd: str, model: str = MODEL["models"][0]
) -> Iterator[subprocess.Popen[str]]:
    words = command(
        "run", "fix it", "--repo", str(project), "--test-cmd", test_cmd, "--model", model
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"{words!r} never came")


def thread() -> dict[str, Any]:
    (only,) = json.loads(greenloop("threads", "--json").stdout)
    assert isinstance(only, dict)
    return only


def test_once_stops_at_the_next_checkpoint(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = f"sleep 1; {PYTEST}"
    with start_standin({**MODEL, "replies": REPLIES}, tmp_path) as standin:
        monkeypatch.setenv("OLLAMA_HOST", standin.url)
        with running(project, slow) as process:
            wait_for(process, " 1 plan ")
            process.send_signal(signal.SIGINT)
            wait_for(process, "stopping after this step")
            wait_for(process, "stopped; next is code")
            assert process.wait() == 130
        assert standin.chats() == []
        assert read(project) == GREETING
        assert thread()["status"] == "interrupted"
        assert "×1" in greenloop("graph", thread()["thread"]).stdout
        done = greenloop("resume", thread()["thread"], "--json")
    assert result_of(done)["status"] == "green"
    path = greenloop("graph", thread()["thread"]).stdout.splitlines()[-2]
    assert path == "1 plan → 2 code → 3 test → 4 code → 5 test → 6 review → 7 done"


def test_twice_stops_at_once_and_closes_the_connection(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = [{"text": EDITS[0], "stall_mid": 60.0}, *REPLIES]
    with start_standin({**MODEL, "replies": replies}, tmp_path) as standin:
        monkeypatch.setenv("OLLAMA_HOST", standin.url)
        with running(project, PYTEST) as process:
            wait_for(process, "words/greet.py")
            process.send_signal(signal.SIGINT)
            wait_for(process, "stopping after this step")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=10) == 130
        cut = standin.wait_for(
            lambda record: record["path"] == "/api/chat" and bool(record["body"]["messages"])
        )
        assert cut["outcome"] == "disconnected"
        assert read(project) == GREETING
        done = greenloop("resume", thread()["thread"], "--json")
    assert result_of(done)["status"] == "green"
    assert read(project)["words/shout.py"] == "def shout(text):\n    return text.upper() + '!'\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_the_terminal_stops_the_tests_too(
    project: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    pid_file = project.parent / "pid"
    with running(project, f"sleep 60 & echo $! > {pid_file}; wait", "repair") as process:
        wait_for(process, " 1 plan ")
        while not pid_file.exists() or not pid_file.read_text().strip():
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(timeout=10) == 130
    assert gone(int(pid_file.read_text()))
    assert thread()["status"] == "interrupted"


def test_another_brain_can_go_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greet = "def greet(name):\n    return 'Hello, ' + name + '!'\n"
    shout = "def shout(text):\n    return text.lower() + '!'\n"
    write(project, {"words/greet.py": greet, "words/shout.py": shout})
    with start_standin({**MODEL, "replies": [{"cut": True, "times": None}]}, tmp_path) as standin:
        words = ("run", "fix it", "--repo", str(project), "--test-cmd", PYTEST)
        assert greenloop(*words, env={"OLLAMA_HOST": standin.url}).returncode == 3
    done = greenloop("resume", thread()["thread"], "--model", "repair", "--json")
    assert result_of(done)["status"] == "green", done.stderr
    assert thread()["model"] == "repair"
