"""SIGKILL around a question and its answer: no reply is asked for twice, nothing unseen is done."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from e2e.support import read, write

DRIVER = Path(__file__).with_name("approve_driver.py")
FILES = {"answer.txt": "wrong\n", "check.sh": "grep -q right answer.txt\n"}
REPLIES = ["coder", "coder", "reviewer"]


def drive(folder: Path, *kill_at: str) -> subprocess.CompletedProcess[str]:
    places = [str(folder / name) for name in ("repo", "data", "log")]
    return subprocess.run(
        [sys.executable, str(DRIVER), *places, *kill_at],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("node", "kind", "count"),
    [
        ("-", "asked", 1),  # about the command
        ("-", "answered", 1),
        ("-", "asked", 3),  # about the edit
        ("-", "answered", 3),
        ("code", "started", 2),  # the answer is taken, but not on record in the node yet
        ("code", "refused", 1),  # the rejection is
        ("code", "edits", 1),
        ("code", "diff", 1),
    ],
)
def test_a_kill_around_an_answer(tmp_path: Path, node: str, kind: str, count: int) -> None:
    write(tmp_path / "repo", FILES)
    killed = drive(tmp_path, node, kind, str(count))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if node == "-":
        assert read(tmp_path / "repo") == FILES
    resumed = drive(tmp_path)
    assert resumed.stdout == "green 3\n", resumed.stderr
    assert read(tmp_path / "repo") == {**FILES, "answer.txt": "right\n"}
    assert (tmp_path / "log").read_text().split() == REPLIES, "each was asked for once"
    with closing(sqlite3.connect(tmp_path / "data" / "greenloop.db")) as database:
        rows = database.execute(
            "SELECT text FROM events WHERE kind = 'answered' ORDER BY step, seq"
        ).fetchall()
    assert [text for (text,) in rows] == ["approved", "approved", "rejected: ugly", "approved"]
