"""`greenloop doctor` as a user types it: what it prints, its exit codes, and how it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e.support import command, greenloop, result_of
from gpu import room_for

from greenloop.tools.model.server import Server
from greenloop.tools.standin.start import start_standin

NAME = "qwen2.5-coder:7b"
STOCK = (
    "shop/stock.py\n```python\ndef total(prices):\n    return sum(prices)\n\n\n"
    "def cheapest(prices):\n    return min(prices)\n```\n"
)
PASSWORD = {"text": "it was 12ab34", "match": "The password is", "times": None}
PROBE: dict[str, Any] = {
    "models": [{"name": NAME, "capabilities": ["completion"]}],
    "replies": [PASSWORD, {"text": STOCK, "times": None}],
}


def levels(result: Mapping[str, Any]) -> dict[str, str]:
    return {check["name"]: check["level"] for check in result["checks"]}


def profiles() -> list[Path]:
    return list((Path(os.environ["GREENLOOP_DATA_DIR"]) / "profiles").glob("*.json"))


def test_nothing_blocks(tmp_path: Path) -> None:
    with start_standin({}, tmp_path) as standin:
        env = {"OLLAMA_HOST": standin.url}
        done = greenloop("doctor", cwd=tmp_path, env=env)
        result = result_of(greenloop("doctor", "--json", cwd=tmp_path, env=env))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"nothing blocks a run with {NAME}" in done.stdout
    assert (result["status"], result["exit_code"], result["model"]) == ("ready", 0, NAME)
    assert levels(result)["model"] == "ok"


def test_no_server(tmp_path: Path) -> None:
    done = greenloop("doctor", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "  problem  ollama    no Ollama answers at http://127.0.0.1:9" in done.stdout
    assert "-> start it with `ollama serve`" in done.stdout
    assert done.stdout.rstrip().endswith('run "TASK" --model repair')
    result = result_of(greenloop("doctor", "--json", cwd=tmp_path))
    assert (result["status"], result["exit_code"]) == ("blocked", 1)
    assert result["embedded_works"] is True


def test_no_model(tmp_path: Path) -> None:
    with start_standin({"models": []}, tmp_path) as standin:
        done = greenloop("doctor", cwd=tmp_path, env={"OLLAMA_HOST": standin.url})
    assert done.returncode == 1
    assert f"-> `ollama pull {NAME}`" in done.stdout


def test_a_stalled_server_does_not_hold_it_up(tmp_path: Path) -> None:
    began = time.monotonic()
    with start_standin({"endpoints": {"/api/version": {"stall": 300}}}, tmp_path) as standin:
        done = greenloop("doctor", cwd=tmp_path, env={"OLLAMA_HOST": standin.url})
    assert done.returncode == 1
    assert "stalled" in done.stdout
    assert time.monotonic() - began < 60


def test_another_folder(tmp_path: Path) -> None:
    (tmp_path / "greenloop.toml").write_text('model = "repair"\n')
    result = result_of(greenloop("doctor", "--repo", str(tmp_path), "--json"))
    assert (result["repo"], result["model"], result["exit_code"]) == (str(tmp_path), "repair", 0)
    done = greenloop("doctor", "--repo", str(tmp_path / "none"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_would_write_into_the_terminal(tmp_path: Path) -> None:
    with start_standin({"models": ["a\x1b]0;owned\x07:1b"]}, tmp_path) as standin:
        done = greenloop("doctor", cwd=tmp_path, env={"OLLAMA_HOST": standin.url})
    assert "\x1b" not in done.stdout
    assert "it has a" in done.stdout


def test_a_gpu_that_is_too_small(tmp_path: Path) -> None:
    with start_standin({"gpu_bytes": room_for(0) // 2}, tmp_path) as standin:
        Server(standin.url).load(NAME, 8192, keep_alive="5m", limit_s=20)
        env = {"OLLAMA_HOST": standin.url}
        result = result_of(greenloop("doctor", "--json", cwd=tmp_path, env=env))
    assert (levels(result)["gpu"], result["exit_code"]) == ("warning", 0)


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    script = (
        "import contextlib, io, json, sys\nfrom greenloop.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['doctor'])\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    with start_standin({}, tmp_path) as standin:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "OLLAMA_HOST": standin.url},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    heavy = {"torch", "chromadb", "sentence_transformers", "langgraph", "langchain_core", "jinja2"}
    assert set(json.loads(done.stdout)) & heavy == set()


class TestProbe:
    def test_what_it_finds_is_kept_and_used(self, tmp_path: Path) -> None:
        with start_standin(PROBE, tmp_path) as standin:
            env = {"OLLAMA_HOST": standin.url}
            done = greenloop("doctor", "--probe", cwd=tmp_path, env=env)
            after = greenloop("doctor", cwd=tmp_path, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert "  loading with a window of 32768" in done.stdout
        assert f"runs with {NAME} use from now on:" in done.stdout
        assert "window   32768; verified" in done.stdout
        (file,) = profiles()
        assert json.loads(file.read_text())["profile"]["source"] == "probe"
        assert "measured by a probe" in after.stdout
        assert "a run asks for 32768" in after.stdout
        assert "lines; above, SEARCH/REPLACE, which was not kept" in done.stdout
        assert "warning" not in done.stdout

    def test_a_model_that_keeps_no_edits(self, tmp_path: Path) -> None:
        replies = [PASSWORD, {"text": "I cannot.", "times": None}]
        with start_standin({**PROBE, "replies": replies}, tmp_path) as standin:
            env = {"OLLAMA_HOST": standin.url}
            done = greenloop("doctor", "--probe", cwd=tmp_path, env=env)
            after = result_of(greenloop("doctor", "--json", cwd=tmp_path, env=env))
        assert done.stdout.rstrip().endswith(
            f"{NAME} kept neither whole files nor SEARCH/REPLACE: choose another model"
        )
        assert "edits    none kept" in done.stdout
        assert levels(after)["profile"] == "warning"
        assert len(profiles()) == 1

    def test_nothing_but_errors_is_not_kept(self, tmp_path: Path) -> None:
        replies = [{"text": "a", "no_done": True, "times": None}]
        with start_standin({**PROBE, "replies": replies}, tmp_path) as standin:
            env = {"OLLAMA_HOST": standin.url}
            done = greenloop("doctor", "--probe", cwd=tmp_path, env=env)
        assert "nothing is kept" in done.stdout
        assert "0 tokens/s" not in done.stdout
        assert profiles() == []

    def test_a_model_that_does_not_chat(self, tmp_path: Path) -> None:
        models = [{"name": "nomic-embed-text", "capabilities": ["embedding"]}]
        with start_standin({"models": models}, tmp_path) as standin:
            env = {"OLLAMA_HOST": standin.url}
            done = greenloop("doctor", "--probe", "nomic-embed-text", cwd=tmp_path, env=env)
        assert done.returncode == 2
        assert "nomic-embed-text does not chat: name a chat model with --model" in done.stderr

    def test_json_stands_alone_on_stdout(self, tmp_path: Path) -> None:
        with start_standin(PROBE, tmp_path) as standin:
            words = ("doctor", "--probe", NAME, "--json")
            done = greenloop(*words, cwd=tmp_path, env={"OLLAMA_HOST": standin.url})
        result = result_of(done)
        assert (result["status"], result["model"], result["window"]) == ("probed", NAME, 32768)
        assert result["forms"]["whole"] == {"good": 1, "of": 2, "fault": "changed shop/stock.py"}
        assert result["forms"]["search_replace"]["good"] == 0
        assert "loading with a window of 8192" in done.stderr

    @pytest.mark.parametrize(
        ("model", "code", "says"),
        [("none:1b", 2, f"it has {NAME}"), ("repair", 2, "no model in Ollama")],
    )
    def test_what_cannot_be_probed(self, tmp_path: Path, model: str, code: int, says: str) -> None:
        with start_standin(PROBE, tmp_path) as standin:
            env = {"OLLAMA_HOST": standin.url}
            done = greenloop("doctor", "--probe", model, cwd=tmp_path, env=env)
        assert done.returncode == code
        assert len(done.stderr.splitlines()) == 1
        assert says in done.stderr

    def test_no_server(self, tmp_path: Path) -> None:
        done = greenloop("doctor", "--probe", cwd=tmp_path)
        assert done.returncode == 3
        assert "`ollama serve`" in done.stderr

    def test_a_server_that_dies_leaves_no_profile(self, tmp_path: Path) -> None:
        replies = [PASSWORD, {"text": STOCK, "cut": True, "times": None}]
        with start_standin({**PROBE, "replies": replies}, tmp_path) as standin:
            env = {"OLLAMA_HOST": standin.url}
            done = greenloop("doctor", "--probe", cwd=tmp_path, env=env)
        assert done.returncode == 3
        assert profiles() == []

    @pytest.mark.parametrize("where", ["load", "reply"])
    def test_ctrl_c_leaves_no_profile(self, tmp_path: Path, where: str) -> None:
        script: dict[str, Any] = {**PROBE, "replies": [{**PASSWORD, "stall": 300}]}
        waits_for = "reading a short prompt"
        if where == "load":
            script = {**PROBE, "endpoints": {"/api/chat": {"stall": 300}}}
            waits_for = "loading"
        with start_standin(script, tmp_path) as standin:
            process = subprocess.Popen(
                command("doctor", "--probe"),
                env={**os.environ, "OLLAMA_HOST": standin.url},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            with process:
                assert process.stdout is not None
                while waits_for not in process.stdout.readline():
                    assert process.poll() is None
                time.sleep(0.3)  # into the wait for the server
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors == "greenloop: interrupted\n"
        assert profiles() == []
