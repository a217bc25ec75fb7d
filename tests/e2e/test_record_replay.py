"""Recorded runs, replayed in another folder with nobody to ask; scripts and providers in a run."""

import json
from pathlib import Path
from typing import Any

import pytest
from brains.server import speaking
from e2e.support import PYTEST, block, greenloop, read, result_of, write

from greenloop.tools.standin.start import start_standin

TASK = "make the tests pass"
FILES = {
    "check.sh": "grep -q 'sum(prices)$' prices.py\n",
    "prices.py": "def total(prices):\n    return sum(prices) - 1\n",
    "test_prices.py": "from prices import total\n\n\n"
    "def test_total(tmp_path):\n    assert total([1, 2]) == 3, tmp_path\n",
}
EDIT = block("prices.py", "    return sum(prices) - 1", "    return sum(prices)")
FIXED = {**FILES, "prices.py": "def total(prices):\n    return sum(prices)\n"}
CHECK = "sh check.sh"
"""Quicker than pytest, and as good where no brain has to find the fault."""


def run(folder: Path, *more: str, task: str = TASK, code: int = 0, **env: str) -> dict[str, Any]:
    words = ("run", task, "--repo", str(folder), "--test-cmd", CHECK, "--json", *more)
    done = greenloop(*words, env={"GREENLOOP_RETRIEVAL": "keyword", **env})
    assert done.returncode == code, (done.stdout, done.stderr)
    return result_of(done)


def project(tmp_path: Path, name: str) -> Path:
    return write(tmp_path / name / "project", FILES)


def test_the_embedded_brain_is_replayed_in_another_folder(tmp_path: Path) -> None:
    here, there, tape = project(tmp_path, "a"), project(tmp_path, "b"), tmp_path / "tape.jsonl"
    first = run(here, "--model", "repair", "--test-cmd", PYTEST, "--record", str(tape))
    assert first["status"] == "green"
    assert str(tmp_path) not in tape.read_text()
    again = run(there, "--test-cmd", PYTEST, "--replay", str(tape))
    assert read(here) == read(there) != FILES
    for key in ("status", "model", "tests", "changed", "diff"):
        assert again[key] == first[key]
    assert again["spent"]["model_calls"] == first["spent"]["model_calls"] > 0


def test_a_model_is_replayed_offline_and_a_changed_task_is_shown(tmp_path: Path) -> None:
    here, there, tape = project(tmp_path, "a"), project(tmp_path, "b"), tmp_path / "tape.jsonl"
    name = "qwen2.5-coder:7b"
    bad = block("prices.py", "    return sum(price)", "    return 3")
    script = {"models": [name], "replies": [bad, EDIT, "Right.\nVERDICT: keep"]}
    with start_standin(script, tmp_path) as standin:
        words = ("--model", name, "--record", str(tape))
        first = run(here, *words, OLLAMA_HOST=standin.url)
    again = run(there, "--replay", str(tape))
    assert read(here) == read(there) == FIXED
    assert (again["model"], again["spent"]["tokens"]) == (name, first["spent"]["tokens"])
    assert again["diff"] == first["diff"]

    other = project(tmp_path, "c")
    task = "make all the tests pass"
    failed = run(other, "--replay", str(tape), task=task, code=3)
    assert "nearest is request 1" in failed["error"]
    assert "'Task: make the tests pass'" in failed["error"]
    assert "'Task: make all the tests pass'" in failed["error"]
    assert f" resume {failed['thread']}" in failed["error"]
    assert read(other) == FILES
    assert "+Task: make all the tests pass" in (tmp_path / "tape.jsonl.diff").read_text()


def test_a_failed_brain_fails_again_and_the_recording_goes_on_with_resume(tmp_path: Path) -> None:
    here, there, tape = project(tmp_path, "a"), project(tmp_path, "b"), tmp_path / "tape.jsonl"
    name = "qwen2.5-coder:7b"
    script = {
        "models": [name],
        "replies": [{"error": 500, "message": "out of memory"}, EDIT, "Right.\nVERDICT: keep"],
    }
    with start_standin(script, tmp_path) as standin:
        words: tuple[str, ...] = ("--model", name, "--record", str(tape))
        failed = run(here, *words, code=3, OLLAMA_HOST=standin.url)
        env = {"OLLAMA_HOST": standin.url, "GREENLOOP_RETRIEVAL": "keyword"}
        place = ("--repo", str(here))
        refused = greenloop("run", TASK, *place, *words, env=env)
        assert refused.returncode == 2
        assert "exists already" in refused.stderr
        resumed = greenloop(
            "resume", failed["thread"], *place, "--record", str(tape), "--json", env=env
        )
    assert result_of(resumed)["status"] == "green"
    assert "out of memory" in failed["error"]

    again = run(there, "--replay", str(tape), code=3)
    assert "out of memory" in again["error"]
    words = ("resume", again["thread"], "--repo", str(there), "--replay", str(tape), "--json")
    assert result_of(greenloop(*words, env=env))["status"] == "green"
    assert read(here) == read(there) == FIXED


def test_a_recording_inside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path, "a")
    failed = run(folder, "--model", "repair", "--record", str(folder / "tape"), code=2)
    assert "name a file outside" in failed["error"]
    assert read(folder) == FILES


def test_record_and_replay_exclude_each_other(tmp_path: Path) -> None:
    done = greenloop("run", TASK, "--record", "a", "--replay", "b")
    assert done.returncode == 2
    assert "not allowed with" in done.stderr


def test_a_script_drives_a_run(tmp_path: Path) -> None:
    folder, script = project(tmp_path, "a"), tmp_path / "script.txt"
    script.write_text(f"# of a report\n=== coder\n{EDIT}\n=== reviewer\nVERDICT: keep\n")
    result = run(folder, "--model", f"scripted:{script}")
    assert (result["status"], result["model"]) == ("green", f"scripted:{script}")
    assert read(folder) == FIXED


def test_a_script_that_ends_too_early_says_so(tmp_path: Path) -> None:
    folder, script = project(tmp_path, "a"), tmp_path / "script.txt"
    script.write_text(f"=== coder\n{EDIT}\n")
    failed = run(folder, "--model", f"scripted:{script}", code=3)
    assert "has no reply left for the reviewer at request 2: add one" in failed["error"]


def test_a_provider_drives_a_run(tmp_path: Path) -> None:
    folder = project(tmp_path, "a")
    with speaking([f"The sum is wrong.\n\n{EDIT}", "Right.\nVERDICT: keep"]) as server:
        result = run(folder, "--model", "openai:local", "--set", f"base_url={server.url}/v1")
        prompts = [json.dumps(asked["messages"]) for asked in server.asked]
    assert result["status"] == "green"
    assert result["spent"]["tokens"] == 2 * (40 + 9)
    assert len(prompts) == 2
    assert TASK in prompts[0]
    assert read(folder) == FIXED


def test_a_provider_far_away_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    folder = project(tmp_path, "a")
    words = ("run", TASK, "--repo", str(folder), "--test-cmd", CHECK, "--model", "openai:m")
    done = greenloop(*words)
    assert done.returncode == 2
    assert "leave this machine" in done.stdout
    assert done.stderr.endswith("set the environment variable OPENAI_API_KEY\n")
    assert read(folder) == FILES
