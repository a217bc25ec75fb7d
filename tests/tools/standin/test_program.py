"""The program itself: its help, its mistakes, and the demonstration from end to end."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.replies import Reply
from greenloop.tools.standin.rules import When
from greenloop.tools.standin.script import Script

COMMAND = [sys.executable, "-m", "greenloop.tools.standin"]
FERRY = Path(__file__).parents[3] / "examples" / "ferry"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_help_knows_every_key() -> None:
    text = run("--help").stdout
    keys = [f.name for c in (Script, OfferedModel, Reply, When) for f in fields(c)]
    words = set(text.replace(",", " ").replace('"', " ").replace(":", " ").split())
    assert [key for key in keys if not key.startswith("_") and key not in words] == []


def test_mistakes_are_said_in_a_line(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"modles": []}', encoding="utf-8")
    done = run("--script", str(script))
    assert (done.returncode, done.stderr) == (
        2,
        f"no script in {script}: script: unknown keys ['modles']\n",
    )
    assert run("--script", str(tmp_path / "none")).returncode == 2


@pytest.fixture
def demo() -> Iterator[list[str]]:
    """The two lines that it prints."""
    with subprocess.Popen(
        [*COMMAND, "--demo", "--with-parent"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_the_demonstration_ends_green(demo: list[str], tmp_path: Path) -> None:
    address = demo[0].split()[1].removeprefix("http://")
    assert f"OLLAMA_HOST={address} greenloop run" in demo[1]
    shutil.copytree(FERRY, tmp_path / "ferry", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    words = ["run", "make the failing tests pass", "--json", "--model", "demo-coder"]
    words += ["--repo", str(tmp_path / "ferry"), "--set", "retrieval=keyword"]
    done = subprocess.run(
        [sys.executable, "-m", "greenloop", *words, "--test-cmd", f"{sys.executable} -m pytest -q"],
        env={**os.environ, "OLLAMA_HOST": address},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "green"
    booking = (tmp_path / "ferry" / "ferry" / "booking.py").read_text(encoding="utf-8")
    assert "cents -= cents" in booking
