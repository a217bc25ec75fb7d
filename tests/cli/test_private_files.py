"""Everything that greenloop writes into its data folder is for its owner's eyes only."""

import os
import subprocess
from pathlib import Path

import pytest
from e2e.support import command
from graph_bench.bench import CHECK, FILES

from greenloop.config import load

SCRIPT = """=== coder
answer.txt
```
red
blue
```
=== reviewer
VERDICT: keep
"""


def exposed(folder: Path) -> list[str]:
    """What others could read, write or enter if the data folder itself were open, mode and name.

    What lies in a closed folder is closed.
    """
    found = []
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink() and path.stat().st_mode & 0o077:
                found.append(f"{path.stat().st_mode:o} {path.relative_to(folder)}")
        folders[:] = [name for name in folders if Path(parent, name).stat().st_mode & 0o077]
    return found


@pytest.mark.parametrize(("umask", "key"), [(0o000, ""), (0o022, "a key")])
def test_after_a_run_under_any_umask(umask: int, key: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    for name, text in FILES.items():
        (repo / name).write_text(text)
    (tmp_path / "script").write_text(SCRIPT)
    model, env = (
        f"scripted:{tmp_path / 'script'}",
        {**os.environ, "GREENLOOP_STORE_KEY": key, "GREENLOOP_RETRIEVAL": "none"},
    )
    words = ("run", "find the colours", "--model", model, "--test-cmd", CHECK)
    done = subprocess.run(
        command(*words), cwd=repo, env=env, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    data = load({}).settings.data
    assert (data / "greenloop.db").exists()
    files = [path for path in (data / "blobs").rglob("*") if path.is_file()]
    files += [*data.glob("greenloop.db*"), *(data / "locks").iterdir()]
    assert len(files) > 5
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert data.stat().st_mode & 0o777 == 0o700
    assert exposed(data) == []
    for more in (("threads", "--sizes"), ("prune", "--keep", "0")):
        subprocess.run(
            command(*more), cwd=repo, env=env, umask=umask, capture_output=True, check=True
        )
    assert exposed(data) == []
