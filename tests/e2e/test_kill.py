"""SIGKILL inside every node: the resumed run ends with the same tree, and nothing runs twice."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from e2e.support import write

DRIVER = Path(__file__).with_name("kill_driver.py")
FILES = {
    "answer.txt": "wrong\n",
    "notes/keep.txt": "the user's own, not committed\n",
    "check.sh": "echo litter > litter.txt\ngrep -q right answer.txt && test -f tool.sh\n",
}
PATH = ["plan", "code", "test", "review", "replan", "code", "test", "review", "done"]


def drive(folder: Path, action: str, *kill_at: str) -> subprocess.CompletedProcess[str]:
    words = [action, str(folder / "repo"), str(folder / "data"), str(folder / "log"), *kill_at]
    return subprocess.run(
        [sys.executable, str(DRIVER), *words],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (path.read_text(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def started(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines()


def asked(folder: Path) -> list[str]:
    return (folder / "log.asked").read_text().splitlines()


def finished_before(folder: Path) -> int:
    """Super-steps that have a checkpoint: LangGraph counts the input as -1 and 0."""
    with closing(sqlite3.connect(folder / "data" / "greenloop.db")) as connection:
        row = connection.execute(
            "SELECT max(json_extract(metadata, '$.step')) FROM checkpoints"
        ).fetchone()
    return max(0, int(row[0]))


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    folder = tmp_path_factory.mktemp("unkilled")
    write(folder / "repo", FILES)
    done = drive(folder, "start")
    assert done.stdout == "green\n", done.stderr
    assert [line.split()[1] for line in started(folder)] == PATH
    assert len(asked(folder)) == len(set(asked(folder))) == 5
    final = tree(folder / "repo")
    assert final["answer.txt"][0] == "right at last\n"
    assert "litter.txt" not in final
    assert final["notes/keep.txt"][0] == FILES["notes/keep.txt"]
    return final


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ("plan", "started"),
        ("plan", "tests"),
        ("plan", "finished"),
        ("code", "started"),
        ("code", "reply"),
        ("code", "edits"),
        ("code", "diff"),
        ("code", "finished"),
        ("test", "started"),
        ("test", "tests"),
        ("test", "finished"),
        ("review", "prompt"),
        ("review", "reply"),
        ("review", "finished"),
        ("replan", "prompt"),
        ("replan", "reply"),
        ("replan", "replan"),
        ("replan", "finished"),
        ("done", "started"),
        ("done", "finished"),
    ],
)
def test_a_killed_run_resumes_to_the_same_tree(
    tmp_path: Path, unkilled: dict[str, tuple[str, int]], node: str, kind: str
) -> None:
    write(tmp_path / "repo", FILES)
    killed = drive(tmp_path, "start", node, kind)
    assert killed.returncode == -signal.SIGKILL
    before, kept = len(started(tmp_path)), finished_before(tmp_path)

    resumed = drive(tmp_path, "resume")
    assert resumed.stdout == "green\n", resumed.stderr
    assert tree(tmp_path / "repo") == unkilled
    again = started(tmp_path)[before:]
    assert [int(line.split()[0]) for line in again] == list(range(kept + 1, len(PATH) + 1))
    assert [line.split()[1] for line in again] == PATH[kept:]
    assert len(asked(tmp_path)) == len(set(asked(tmp_path))), "a reply was asked for twice"


def test_what_the_user_changed_after_a_kill_is_not_taken_for_the_runs(tmp_path: Path) -> None:
    write(tmp_path / "repo", FILES)
    assert drive(tmp_path, "start", "code", "diff").returncode == -signal.SIGKILL
    (tmp_path / "repo" / "notes" / "keep.txt").write_text("written meanwhile\n")

    refused = drive(tmp_path, "resume")
    assert "FilesChangedError" in refused.stderr
    assert "notes/keep.txt" in refused.stderr
    assert "answer.txt" not in refused.stderr.splitlines()[-1], "its own edit needs no question"

    kept = drive(tmp_path, "resume-keep")
    assert kept.stdout == "green\n", kept.stderr
    assert (tmp_path / "repo" / "notes" / "keep.txt").read_text() == "written meanwhile\n"
    assert (tmp_path / "repo" / "answer.txt").read_text() == "right at last\n"
