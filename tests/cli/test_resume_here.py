"""`greenloop resume` without a name takes the thread of the folder that the user is in."""

from contextlib import closing
from pathlib import Path

import pytest

from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.threads import Thread, Threads
from greenloop.cli import main
from greenloop.config import load


def test_a_thread_of_a_folder_below_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    data = load({}).settings.data
    row = Thread(
        "fix-it-1a2b", str(project), "fix it", "repair", "", {}, "failed", "t0", 0, 0, 1.0, 1.0
    )
    data.mkdir(parents=True)
    with closing(SqliteDatabase(data / "greenloop.db")) as database:
        Threads(database).add(row)
    monkeypatch.chdir(tmp_path)
    assert main(["resume"]) == 2
    assert "no unfinished thread in" in capsys.readouterr().err
    monkeypatch.chdir(project / "src")
    assert main(["resume"]) == 2
    assert "another version" in capsys.readouterr().err, "it was found"
