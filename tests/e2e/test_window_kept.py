"""The window that a thread began with is the one that it ends with; another model gets its own."""

from pathlib import Path
from typing import Any

import pytest
from e2e.support import PYTEST, block, greenloop, result_of, write
from gpu import room_for

from greenloop.tools.standin.start import Standin, start_standin

CODER, OTHER = "qwen2.5-coder:7b", "qwen2.5:7b"
PROJECT = {
    "m.py": "def one():\n    return 2\n",
    "test_m.py": "from m import one\n\n\ndef test_one():\n    assert one() == 1\n",
}
HEALTHY = [
    {"text": block("m.py", "    return 2", "    return 1"), "times": None, "match": "careful"},
    {"text": "VERDICT: keep", "times": None, "match": "review"},
]
BROKEN = [{"error": 500, "message": "llama-server process has terminated", "times": None}]


def windows(standin: Standin) -> set[int]:
    return {record["body"]["options"]["num_ctx"] for record in standin.chats() + standin.loads()}


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[Path, str]:
    """A folder and its thread, which stopped at its first question with a window of 8192."""
    folder = write(tmp_path / "project", PROJECT)
    script: dict[str, Any] = {"models": [CODER], "replies": BROKEN}
    with start_standin(script, tmp_path) as standin:
        words = ("run", "one must be 1", "--test-cmd", PYTEST, "--set", "retrieval=none")
        done = greenloop(*words, "--json", cwd=folder, env={"OLLAMA_HOST": standin.url})
        assert windows(standin) == {8192}
    assert done.returncode == 3, done.stderr
    return folder, str(result_of(done)["thread"])


@pytest.mark.parametrize(("more", "kept"), [((), 8192), (("--model", OTHER), 4096)])
def test_it_is_kept_for_the_model_and_fitted_anew_for_another(
    waiting: tuple[Path, str], tmp_path: Path, more: tuple[str, ...], kept: int
) -> None:
    folder, thread = waiting
    models = [CODER, {"name": OTHER}]
    script = {"models": models, "replies": HEALTHY, "gpu_bytes": room_for(4096)}
    with start_standin(script, tmp_path) as standin:
        done = greenloop(
            "resume", thread, "--json", *more, cwd=folder, env={"OLLAMA_HOST": standin.url}
        )
        used = {record["body"]["options"]["num_ctx"] for record in standin.chats()}
    assert done.returncode == 0, done.stderr
    assert used == {kept}
