"""The embedded brain from the command line: run, look, undo, take the undo back."""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from e2e.support import PYTEST, greenloop, read, result_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "ferry"


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], str]:
    """The example, repaired in a git repository with changes that are not committed."""
    folder = tmp_path_factory.mktemp("repaired")
    repo = folder / "ferry"
    shutil.copytree(EXAMPLE, repo, ignore=shutil.ignore_patterns("__pycache__"))
    for git in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-C", str(repo), *git], check=True)
    (repo / "README.md").write_text("edited, not committed\n")
    (repo / "untracked.txt").write_text("mine\n")
    git_before = {p: p.read_bytes() for p in (repo / ".git").rglob("*") if p.is_file()}
    before = read(repo)
    words = ("run", "make the tests pass", "--repo", str(repo), "--model", "repair")
    env = {"GREENLOOP_DATA_DIR": str(folder / "data")}
    done = greenloop(*words, "--test-cmd", PYTEST, "--json", env=env)
    assert done.returncode == 0, done.stderr
    result = result_of(done)
    assert result["status"] == "green"
    assert result["tests"]["before"]["failed"] == 2
    assert result["tests"]["after"]["failed"] == 0
    assert result["tests"]["after"]["passed"] == 19
    assert result["changed"] == ["ferry/booking.py", "ferry/fares.py"]
    git_after = {p: p.read_bytes() for p in (repo / ".git").rglob("*") if p.is_file()}
    assert git_after == git_before, "the user's own repository is only read"
    return folder, before, result["thread"]


@pytest.fixture
def thread(
    repaired: tuple[Path, dict[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, dict[str, str], str]:
    monkeypatch.setenv("GREENLOOP_DATA_DIR", str(repaired[0] / "data"))
    return repaired


def test_only_the_faulty_lines_changed(thread: tuple[Path, dict[str, str], str]) -> None:
    folder, before, _ = thread
    after = read(folder / "ferry")
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"ferry/booking.py", "ferry/fares.py"}
    assert "if age < 15:" in after["ferry/fares.py"]


def test_show_tells_the_run_again_with_diffs(thread: tuple[Path, dict[str, str], str]) -> None:
    shown = greenloop("show", thread[2]).stdout
    assert "make the tests pass" in shown
    assert "-    if age <= 15:" in shown
    assert "+    if age < 15:" in shown
    assert "17 passed, 2 failed" in shown
    assert "19 passed, 0 failed" in shown


def test_the_graph_shows_the_way(thread: tuple[Path, dict[str, str], str]) -> None:
    drawn = greenloop("graph", thread[2]).stdout
    assert "1 plan → 2 code → 3 test → 4 code → 5 test → 6 review → 7 done" in drawn
    assert "code ×2" in drawn
    svg = ET.fromstring(greenloop("graph", thread[2], "--format", "svg").stdout)
    assert svg.tag.endswith("svg")
    assert "flowchart" in greenloop("graph", thread[2], "--format", "mermaid").stdout


def test_threads_lists_it(thread: tuple[Path, dict[str, str], str]) -> None:
    (row,) = json.loads(greenloop("threads", "--json").stdout)
    assert (row["thread"], row["status"], row["model"]) == (thread[2], "green", "repair")
    assert thread[2] in greenloop("threads", "--repo", str(thread[0] / "ferry")).stdout


def test_a_green_thread_is_not_resumed(thread: tuple[Path, dict[str, str], str]) -> None:
    done = greenloop("resume", thread[2])
    assert done.returncode == 2
    assert "nothing left to do" in done.stderr


def test_undo_redo_and_what_was_edited_since(thread: tuple[Path, dict[str, str], str]) -> None:
    folder, before, name = thread
    repo = folder / "ferry"
    after = read(repo)

    (repo / "untracked.txt").write_text("edited after the run\n")
    assert greenloop("undo", name).returncode == 0
    assert read(repo) == {**before, "untracked.txt": "edited after the run\n"}
    assert greenloop("undo", name, "--redo").returncode == 0
    assert read(repo) == {**after, "untracked.txt": "edited after the run\n"}

    mine = after["ferry/fares.py"] + "# mine\n"
    (repo / "ferry/fares.py").write_text(mine)
    refused = greenloop("undo", name)
    assert refused.returncode == 2
    assert "ferry/fares.py" in refused.stderr
    assert read(repo)["ferry/fares.py"] == mine
    assert greenloop("undo", name, "--force").returncode == 0
    assert read(repo)["ferry/fares.py"] == before["ferry/fares.py"]
    assert greenloop("undo", name, "--redo").returncode == 0
    assert read(repo)["ferry/fares.py"] == mine
    (repo / "ferry/fares.py").write_text(after["ferry/fares.py"])
