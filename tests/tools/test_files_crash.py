"""Failing disks, killed processes and missing permissions leave whole files."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from greenloop.errors import EditError
from greenloop.tools.atomic import Replacement, read_content, replace_all
from greenloop.tools.confine import Root
from greenloop.tools.files import Workspace

FULL_DISK = """
import resource, sys
from pathlib import Path
from greenloop.errors import StorageError
from greenloop.tools.files import Workspace
workspace = Workspace(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    workspace.write_all({"a.txt": "new\\n", "new/b.txt": "small\\n", "c.txt": "x" * 50_000})
except StorageError as error:
    print(error)
"""

ENDLESS_WRITES = """
import sys
from pathlib import Path
from greenloop.tools.files import Workspace
workspace = Workspace(Path(sys.argv[1]))
while True:
    for letter in "ab":
        workspace.write("f.txt", letter * 500_000)
        print(letter, flush=True)
"""

NO_PERMISSION = """
import os, sys
from pathlib import Path
from greenloop.errors import GreenloopError
from greenloop.tools.files import Workspace
if os.geteuid() == 0:  # for root, permission bits do not hold
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
workspace = Workspace(Path(sys.argv[1]))
for attempt in (
    lambda: workspace.write("kept/a.txt", "new"),
    lambda: workspace.write("kept/new/b.txt", "new"),
    lambda: workspace.delete("kept/a.txt"),
    lambda: workspace.read("kept/closed.txt"),
    workspace.require_writable,
    lambda: Workspace(Path(sys.argv[1]) / "closed"),
):
    try:
        attempt()
        print("done")
    except GreenloopError as error:
        print(type(error).__name__, error)
print(*workspace.list(), *workspace.walk())
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that another user may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old\n")
    (tmp_path / "c.txt").write_text("old\n")
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot write c.txt: File too large" in done.stdout
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.txt": "old\n",
        "c.txt": "old\n",
    }


def test_a_killed_process_leaves_one_text_or_the_other(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for _ in range(4):
        command = [sys.executable, "-c", ENDLESS_WRITES, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(5):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        assert workspace.read("f.txt").text in ("a" * 500_000, "b" * 500_000)
        assert workspace.list() == ("f.txt",)
    workspace.sweep()
    assert names(tmp_path) == ["f.txt"]


def test_sweep_removes_only_our_own_strays(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in (".greenloop-0a.tmp", "sub/.greenloop-1b.tmp", "other.tmp", ".greenloop"):
        (tmp_path / name).touch()
    assert Workspace(tmp_path).sweep() == 2
    assert names(tmp_path) == [".greenloop", "other.tmp", "sub"]


def test_a_failure_between_files_puts_the_first_ones_back(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(b"old\r\nmixed\n")
    (tmp_path / "old.txt").chmod(0o640)
    (tmp_path / "taken").mkdir()
    root = Root(tmp_path)
    with pytest.raises(EditError, match="cannot write taken"), ExitStack() as held:
        places = [held.enter_context(root.place(path)) for path in ("old.txt", "new.txt", "taken")]
        undo = held.enter_context(ExitStack())
        before = (read_content(places[0]), None, None)
        both = zip(places, before, strict=True)
        replace_all([Replacement(place, b"new", old) for place, old in both], undo)
    assert names(tmp_path) == ["old.txt", "taken"]
    assert (tmp_path / "old.txt").read_bytes() == b"old\r\nmixed\n"
    assert (tmp_path / "old.txt").stat().st_mode & 0o777 == 0o640


def test_a_refused_text_undoes_the_folders_made_for_others(tmp_path: Path) -> None:
    with pytest.raises(EditError):
        Workspace(tmp_path).write_all({"new/deep/a.txt": "fine\n", "b.txt": "\ud800"})
    assert names(tmp_path) == []


def test_missing_permissions_are_named(shared_folder: Path) -> None:
    for name in ("kept", "closed"):
        (shared_folder / name).mkdir()
    kept = shared_folder / "kept"
    (kept / "a.txt").write_text("old\n")
    (kept / "closed.txt").write_text("x\n")
    for path, mode in ((kept / "closed.txt", 0), (kept, 0o555), (shared_folder / "closed", 0)):
        path.chmod(mode)
    shared_folder.chmod(0o555)
    try:
        command = [sys.executable, "-c", NO_PERMISSION, str(shared_folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (kept / "a.txt").read_text() == "old\n"
    finally:
        for path in (shared_folder, kept, shared_folder / "closed"):
            path.chmod(0o755)
    assert done.stdout.splitlines() == [
        "StorageError cannot write kept/a.txt: Permission denied; check free space and permissions",
        "StorageError cannot write kept/new/b.txt: Permission denied; "
        "check free space and permissions",
        "StorageError cannot delete kept/a.txt: Permission denied; "
        "check free space and permissions",
        "StorageError cannot read kept/closed.txt: Permission denied; "
        "check free space and permissions",
        f"WorkspaceError cannot write in {shared_folder}; check its permissions",
        f"WorkspaceError cannot read the folder {shared_folder}/closed; check its permissions",
        "closed/ kept/ kept/a.txt kept/closed.txt kept/a.txt kept/closed.txt",
    ]
