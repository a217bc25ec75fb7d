"""SIGKILL while the tests run: their litter is taken back, what somebody did since is not."""

import signal
import time
from pathlib import Path

from e2e.support import write
from e2e.test_kill import drive

from greenloop.checkpoints.events import read_events
from greenloop.graph.storage import open_storage
from greenloop.nodes.theirs import BEAT_S

CHECK = (
    "echo litter > litter.txt\nmkdir -p out && echo more > out/more.txt\necho changed > data.txt\n"
    'test -e "../$1" || { touch "../$1"; kill -9 $PPID; sleep 60; }\n'
    "grep -q 'right at last' answer.txt\n"
)
FILES = {"answer.txt": "wrong\n", "data.txt": "as it was\n", "check.sh": CHECK}


def killed(folder: Path) -> None:
    write(folder / "repo", {**FILES, "check.sh": CHECK.replace("$1", "killed-once")})
    assert drive(folder, "start").returncode == -signal.SIGKILL
    assert (folder / "repo" / "litter.txt").exists()


def test_litter_of_tests_that_were_cut_is_taken_back_and_kept(tmp_path: Path) -> None:
    killed(tmp_path)
    resumed = drive(tmp_path, "resume")
    assert resumed.stdout == "green\n", resumed.stderr
    left = {path.name for path in (tmp_path / "repo").rglob("*")}
    assert left == {"answer.txt", "data.txt", "check.sh", "tool.sh"}
    assert (tmp_path / "repo" / "data.txt").read_text() == "as it was\n"
    with open_storage(tmp_path / "data") as storage:
        (thread,) = storage.threads.all()
        events = read_events(storage.database, thread.thread)
        saved = [event.tree for event in events if event.kind == "saved"]
        kept = storage.snapshots_of(thread).paths(saved[0])
    assert {"litter.txt", "out/more.txt"} <= set(kept)


def test_what_somebody_changes_later_is_asked_about(tmp_path: Path) -> None:
    killed(tmp_path)
    time.sleep(BEAT_S + 0.5)  # the last sign of life has to be past
    (tmp_path / "repo" / "mine.txt").write_text("the user's\n")
    resumed = drive(tmp_path, "resume")
    assert resumed.stdout == ""
    assert "files have changed since" in resumed.stderr
    assert "mine.txt" in resumed.stderr
    assert "litter.txt" not in resumed.stderr
