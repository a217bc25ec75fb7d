"""A task in two steps through the true Ollama client, with a broken edit and a rejected review."""

from pathlib import Path
from typing import Any

import pytest
from e2e.support import GREETING, GREETING_TESTS, PYTEST, block, greenloop, read, result_of, write

from greenloop.tools.standin.start import Standin, start_standin

TASK = "1. greet must say Hello, NAME!\n2. shout must shout"
SHOUT = "def shout(text):\n    return text.upper() + '!'\n"

SCRIPT: dict[str, Any] = {
    "models": ["qwen2.5-coder:7b"],
    "replies": [
        "1. Fix greet\n2. Fix shout",
        "The comma is missing.\n\n" + block("words/greet.py", "return 'Hi ' + name", "return 1"),
        "Sorry.\n\n"
        + block("words/greet.py", "    return 'Hello ' + name", "    return f'Hello, {name}!'"),
        "words/shout.py\n```python\ndef shout(text):\n    return 'HI!'\n```\n",
        "- it returns a constant instead of shouting the text\nVERDICT: reject",
        "1. Make shout use its argument",
        f"words/shout.py\n```python\n{SHOUT}```\n",
        "Both parts are done.\nVERDICT: keep",
    ],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", GREETING)


def run(project: Path, standin: Standin, *more: str) -> dict[str, Any]:
    done = greenloop(
        "run", TASK, "--repo", str(project), "--test-cmd", PYTEST, "--json", *more,
        env={"OLLAMA_HOST": standin.url},
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    return result_of(done)


def test_the_task_is_solved(project: Path, tmp_path: Path) -> None:
    with start_standin(SCRIPT, tmp_path) as standin:
        result = run(project, standin)
        chats = standin.chats()
    assert result["status"] == "green"
    assert result["tests"]["before"]["failed"] == 2
    assert result["tests"]["after"] == {
        "passed": 2, "failed": 0, "skipped": 0, "broken": 0, "kind": "none", "failing": [],
    }  # fmt: skip
    assert result["changed"] == ["words/greet.py", "words/shout.py"]
    assert read(project) == {
        **GREETING,
        "words/greet.py": "def greet(name):\n    return f'Hello, {name}!'\n",
        "words/shout.py": SHOUT,
        **GREETING_TESTS,
    }
    assert result["spent"]["model_calls"] == len(SCRIPT["replies"]) == len(chats)
    assert result["spent"]["tokens"] > 0

    headings = [line.split() for line in shown(result) if " · " in line]
    path = [words[1] for words in headings if words[0].isdigit()]
    assert path == ["plan", "code", "test", "code", "test", "review", "replan", "code", "test",
                    "review", "done"]  # fmt: skip

    windows = {chat["body"]["options"]["num_ctx"] for chat in chats}
    assert windows == {8192}
    corrected = chats[2]["body"]["messages"]
    assert [message["role"] for message in corrected] == ["system", "user", "assistant", "user"]
    assert "words/greet.py" in corrected[-1]["content"]
    assert "return 'Hello ' + name" in corrected[-1]["content"]
    assert "constant instead of shouting" in chats[5]["body"]["messages"][-1]["content"]


def test_what_is_sent_stays_short_and_its_beginning_the_same(project: Path, tmp_path: Path) -> None:
    with start_standin(SCRIPT, tmp_path) as standin:
        run(project, standin, "--set", "retrieval=keyword")
        chats = standin.chats()
    systems = {chat["body"]["messages"][0]["content"] for chat in chats}
    assert len(systems) == 3, "one for the planner, one for the coder, one for the reviewer"
    assert all(len(system) / 3 < 1500 for system in systems)
    assert not any(chat["body"].get("tools") for chat in chats)


def shown(result: dict[str, Any]) -> list[str]:
    return greenloop("show", result["thread"]).stdout.splitlines()
