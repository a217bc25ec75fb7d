"""SIGKILL at moments all over a rewind or a fork: what comes after it loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("move_driver.py")
POINTS = 6


def killed(tmp_path: Path, action: str, afterwards: str) -> list[dict[str, Any]]:
    words = [str(tmp_path / "scratch"), action, str(POINTS), afterwards]
    done = subprocess.run(
        [sys.executable, str(DRIVER), *words],
        capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(DRIVER.parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == POINTS
    for each in found:
        assert each["mine_here"] or each["mine_kept"], each
    return found


def test_a_rewind_again(tmp_path: Path) -> None:
    for each in killed(tmp_path, "rewind", "again"):
        assert "refused" not in each, each
        assert (each["answer"], each["mine_kept"]) == ("red\n", True), each


def test_a_resume_after_a_rewind(tmp_path: Path) -> None:
    found = killed(tmp_path, "rewind", "resume")
    assert {each["status"] for each in found} >= {"green", "running"}
    for each in found:
        before = each["status"] == "green"
        assert ("is green" in each.get("refused", "")) == before, each
        assert each["answer"] == "red\nblue\n"
        assert before or each["end"] == "green"


def test_an_undo_after_a_rewind(tmp_path: Path) -> None:
    for each in killed(tmp_path, "rewind", "undo"):
        assert (each["undone"], each["answer"]) == (["answer.txt"], "none\n"), each
        assert each["mine_here"] or each["status"] == "interrupted", each


@pytest.mark.parametrize("action", ["in-place", "beside"])
def test_a_resume_after_a_fork(tmp_path: Path, action: str) -> None:
    found = killed(tmp_path, action, "resume")
    assert {each["began_again"] for each in found} == {True, False}
    for each in found:
        assert (each["end"], each["answer"]) == ("green", "red\nblue\n"), each
        assert each["mine_here"] == (action == "beside")


def test_an_undo_after_a_fork_in_place(tmp_path: Path) -> None:
    for each in killed(tmp_path, "in-place", "undo"):
        assert (each["answer"], each["mine_here"]) == ("red\nblue\n", True), each
        assert "refused" not in each
