"""Approvals as a person meets them: in a terminal, in a script, over a kill, with each brain."""

import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from e2e.support import PYTEST, block, command, greenloop, read, result_of, write
from processes import gone
from terminal import Terminal, terminal

from greenloop.tools.standin.start import start_standin

CHECK = "sh check.sh"
FILES = {
    "check.sh": 'while read -r word; do grep -q "$word" answer.txt || exit 1; done < wanted\n',
    "wanted": "red\nblue\n",
    "answer.txt": "none\n",
}
FARE = {
    "fares.py": "def fare(age):\n    if age <= 15:\n        return 5\n    return 10\n",
    "test_fares.py": "from fares import fare\n\n\ndef test_fare():\n"
    "    assert [fare(14), fare(15), fare(16)] == [5, 10, 10]\n",
}
SCRIPT = """=== coder
answer.txt
```
red
green
```
=== coder
answer.txt
```
red
blue
```
=== reviewer
VERDICT: keep
"""
ASKED = "[l]eave: "


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "none")
    (tmp_path / "script").write_text(SCRIPT)
    return write(tmp_path / "project", FILES)


def words(project: Path, points: str) -> tuple[str, ...]:
    script = project.parent / "script"
    return (
        "run", "colours", "--approve", points, "--model", f"scripted:{script}",
        "--test-cmd", CHECK, "--repo", str(project),
    )  # fmt: skip


def at(
    project: Path, *args: str, env: Mapping[str, str] | None = None
) -> AbstractContextManager[Terminal]:
    return terminal(command(*args), project, {"TERM": "dumb", **(env or {})})


def editor(folder: Path, script: str) -> str:
    path = folder / "editor.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def thread() -> dict[str, Any]:
    (only,) = json.loads(greenloop("threads", "--json").stdout)
    assert isinstance(only, dict)
    return only


def test_approve_edit_and_reject_in_a_terminal(project: Path) -> None:
    env = {"EDITOR": editor(project.parent, 'sed -i.bak "s/^1. .*/1. say both/" "$1"')}
    with at(project, *words(project, "all"), env=env) as screen:
        assert "check.sh" in screen.wait_for(ASKED)
        screen.type("a")
        assert "1. colours" in screen.wait_for(ASKED)
        screen.type("edit")
        assert "+green" in screen.wait_for(ASKED)
        screen.type("r")
        screen.wait_for("why: ")
        screen.type("no green")
        assert "+blue" in screen.wait_for(ASKED)
        screen.type("a")
        assert screen.wait() == 0
    assert "1. say both" in screen.said
    assert screen.said.count(" 2 code ") == 1, "a node that runs again is shown once"
    assert (project / "answer.txt").read_text() == "red\nblue\n"
    shown = greenloop("show", thread()["thread"]).stdout
    assert "may this be run? the test command" in shown
    assert "rejected: no green" in shown


def test_the_proposed_files_in_the_editor(project: Path) -> None:
    env = {"EDITOR": editor(project.parent, 'sed -i.bak "s/green/blue/" "$1"')}
    with at(project, *words(project, "edits"), env=env) as screen:
        screen.wait_for(ASKED)
        screen.type("e")
        assert screen.wait() == 0
    assert (project / "answer.txt").read_text() == "red\nblue\n"


def test_another_command_in_the_editor_is_the_thread_s_from_then_on(project: Path) -> None:
    (project / "other.sh").write_text(FILES["check.sh"])
    tried = project.parent / "tried"
    first, then = "no-such-program", "sh other.sh"
    script = f'test -e {tried} && echo "{then}" > "$1" || echo "{first}" > "$1"; : > {tried}'
    env = {"EDITOR": editor(project.parent, script)}
    with at(project, *words(project, "commands"), env=env) as screen:
        screen.wait_for(ASKED)
        screen.type("e")
        assert "'no-such-program' was not found" in screen.wait_for(ASKED)
        screen.type("e")
        assert screen.wait() == 0
    assert "may this be run?" not in screen.said.partition(first)[2], "it is the user's own"


def test_a_kill_at_the_prompt_loses_nothing(project: Path) -> None:
    with at(project, *words(project, "edits")) as screen:
        screen.wait_for(ASKED)
        screen.process.kill()
        assert screen.wait() == -signal.SIGKILL
    assert read(project) == FILES
    assert thread()["status"] == "waiting"
    done = greenloop("resume", "--repo", str(project), "--reject", "no green", "--json")
    assert done.returncode == 4, done.stderr
    again = result_of(done)["asked"]
    assert (again["kind"], again["title"]) == ("edits", "answer.txt")
    assert result_of(greenloop("resume", "--repo", str(project), "--approve", "--json"))[
        "status"
    ] == ("green")


def test_a_kill_while_the_editor_is_open_loses_nothing(project: Path) -> None:
    pid_file = project.parent / "pid"
    env = {"EDITOR": editor(project.parent, f"echo $$ > {pid_file}; exec sleep 60")}
    with at(project, *words(project, "edits"), env=env) as screen:
        screen.wait_for(ASKED)
        screen.type("e")
        while not pid_file.exists() or not pid_file.read_text().strip():
            time.sleep(0.02)
        screen.process.kill()
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        screen.wait()
    assert gone(int(pid_file.read_text()))
    assert read(project) == FILES
    with at(project, "resume") as screen:
        assert "+green" in screen.wait_for(ASKED), "the same question"
        time.sleep(0.3)  # no person is so quick that the reading has not begun
        screen.process.send_signal(signal.SIGINT)
        assert screen.wait() == 4, "Ctrl-C leaves it waiting"
    assert '--reject "why"' in screen.said
    assert thread()["status"] == "waiting"


def test_files_that_change_while_it_waits(project: Path) -> None:
    with at(project, *words(project, "edits")) as screen:
        screen.wait_for(ASKED)
        (project / "answer.txt").write_text("none\nmine\n")
        screen.type("a")
        assert "answer.txt" in screen.wait_for("[s]top: ")
        screen.type("d")
        assert "+mine" in screen.wait_for("[s]top: ")
        screen.type("k")
        assert "-mine" in screen.wait_for(ASKED), "another diff is another question"
        screen.type("l")
        assert screen.wait() == 4
    assert (project / "answer.txt").read_text() == "none\nmine\n"
    done = greenloop("resume", "--repo", str(project), "--approve", "--json")
    assert done.returncode == 4, "the files that were kept are not asked about again"
    assert (project / "answer.txt").read_text() == "red\ngreen\n"
    assert "+blue" in result_of(done)["asked"]["body"]


def test_in_a_script_with_a_model_server(project: Path, tmp_path: Path) -> None:
    replies = ["answer.txt\n```\nred\nblue\n```\n", "VERDICT: keep"]
    models = {"models": ["qwen2.5-coder:7b"], "replies": replies}
    with start_standin(models, tmp_path) as standin:
        env = {"OLLAMA_HOST": standin.url}
        first = greenloop(
            "run", "colours", "--approve", "edits,commands", "--test-cmd", CHECK, "--json",
            cwd=project, env=env,
        )  # fmt: skip
        assert (first.returncode, result_of(first)["asked"]["kind"]) == (4, "commands")
        second = greenloop("resume", "--approve", "--json", cwd=project, env=env)
        assert (second.returncode, result_of(second)["asked"]["kind"]) == (4, "edits")
        chats = len(standin.chats())
        third = greenloop("resume", "--approve", "--json", cwd=project, env=env)
        assert result_of(third)["status"] == "green", third.stderr
        assert len(standin.chats()) == chats + 1, "only the review is asked for now"
    nothing = greenloop("resume", thread()["thread"], "--approve", cwd=project)
    assert nothing.returncode == 2


def test_the_embedded_brain_s_edits_are_proposals_too(tmp_path: Path) -> None:
    project = write(tmp_path / "project", FARE)
    run = ("run", "fix it", "--model", "repair", "--test-cmd", PYTEST, "--approve", "edits")
    first = greenloop(*run, "--json", cwd=project)
    assert first.returncode == 4, (first.stdout, first.stderr)
    body = result_of(first)["asked"]["body"]
    assert "+    if age < 15:" in body
    assert read(project) == FARE
    second = greenloop("resume", "--reject", "another way", "--json", cwd=project)
    assert second.returncode in (1, 4), second.stderr
    asked = result_of(second)["asked"]
    assert asked is None or asked["body"] != body, "a rejected edit does not come back"
    assert read(project) == FARE


def test_a_recording_is_replayed_with_the_same_questions(project: Path) -> None:
    tape = str(project.parent / "tape.jsonl")
    first = greenloop(*words(project, "edits"), "--record", tape, "--json")
    assert first.returncode == 4, first.stderr
    go_on = ("resume", "--repo", str(project), "--record", tape, "--json")
    assert greenloop(*go_on, "--reject", "no green").returncode == 4
    assert result_of(greenloop(*go_on, "--approve"))["status"] == "green"
    name = thread()["thread"]
    assert greenloop("undo", name, "--repo", str(project)).returncode == 0
    replay = ("--replay", tape, "--json")
    assert greenloop(*words(project, "edits")[:4], "--test-cmd", CHECK, *replay,
                     cwd=project).returncode == 4  # fmt: skip
    assert greenloop("resume", *replay, "--reject", "no green", cwd=project).returncode == 4
    done = greenloop("resume", *replay, "--approve", cwd=project)
    assert result_of(done)["status"] == "green", done.stderr


def test_a_block_that_does_not_fit_is_not_shown(project: Path) -> None:
    misfit = block("answer.txt", "not there", "x")
    (project.parent / "script").write_text(f"=== coder\n{misfit}{SCRIPT}")
    done = greenloop(*words(project, "edits"))
    assert done.returncode == 4
    assert done.stdout.count("shall these edits be made?") == 1
    assert "+green" in done.stdout
