"""Nothing outside the root is read or written, whatever the path or the links say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenloop.errors import EditError
from greenloop.tools.files import Workspace

SECRET = "secret of the outside\n"

FLIP = """
import os, sys
real, link, name = sys.argv[1:]
print("ready", flush=True)
while True:
    os.rename(real, name)
    os.rename(name, real)
    os.rename(link, name)
    os.rename(name, link)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "s.txt").write_text(SECRET)
    return folder


@pytest.fixture
def workspace(tmp_path: Path, outside: Path) -> Workspace:
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("inside\n")
    (root / "up").symlink_to("../outside/s.txt")
    (root / "absolute").symlink_to(outside / "s.txt")
    (root / "folder").symlink_to(outside)
    (root / "sub" / "far").symlink_to("../../outside")
    (root / "inner").symlink_to("sub/../a.txt")
    (root / "absolute_inside").symlink_to(root / "a.txt")
    (root / "circle").symlink_to("circle")
    (root / "zero").symlink_to("/dev/zero")
    return Workspace(root)


@pytest.mark.parametrize(
    "path",
    [
        "../outside/s.txt",
        "sub/../../outside/s.txt",
        "/etc/passwd",
        "/proc/self/environ",
        "~/.ssh/id_rsa",
        "C:/windows/win.ini",
        "..\\outside\\s.txt",
        "up",
        "absolute",
        "absolute_inside",
        "folder/s.txt",
        "sub/far/s.txt",
        "circle",
        "zero",
        "a\x00b",
        "a\nb",
        "\udcff",
        "",
        "  ",
        "x" * 300,
        "a.txt/b",
    ],
)
def test_paths_that_are_refused_for_reading_and_writing(
    workspace: Workspace, outside: Path, path: str
) -> None:
    before = names(workspace.root)
    with pytest.raises(EditError):
        workspace.read(path)
    with pytest.raises(EditError):
        workspace.write(path, "overwritten\n")
    assert (outside / "s.txt").read_text() == SECRET
    assert names(workspace.root) == before


@pytest.mark.parametrize("path", [".", "sub"])
def test_a_folder_is_no_file(workspace: Workspace, path: str) -> None:
    with pytest.raises(EditError, match="is a folder"):
        workspace.read(path)
    with pytest.raises(EditError, match="is a folder"):
        workspace.write(path, "x")


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/pre-commit",
        ".git",
        "sub/.git/config",
        ".GIT/config",
        ".git./config",
        ".git /config",
        ".\uff47it/config",
        ".g\u200cit/config",
        "gitlink/config",
        "gitlink/new/config",
    ],
)
def test_git_folders_are_not_written(workspace: Workspace, path: str) -> None:
    git = workspace.root / ".git"
    git.mkdir()
    (git / "config").write_text("[core]\n")
    (workspace.root / "gitlink").symlink_to(".git")
    with pytest.raises(EditError, match=r"\.git"):
        workspace.write(path, "[core]\nfsmonitor = evil\n")
    assert names(git) == ["config"]
    assert names(workspace.root / "sub") == ["far"]


def test_git_folders_are_not_deleted_from(workspace: Workspace) -> None:
    (workspace.root / ".git").mkdir()
    (workspace.root / ".git" / "config").write_text("[core]\n")
    (workspace.root / "gitlink").symlink_to(".git")
    for path in (".git/config", "gitlink/config"):
        with pytest.raises(EditError, match=r"\.git"):
            workspace.delete(path)
    assert (workspace.root / ".git" / "config").exists()


def test_names_that_only_resemble_git_are_free(workspace: Workspace) -> None:
    for name in (".gitignore", ".github/workflows/ci.yml", "git/x"):
        workspace.write(name, "text\n")
        assert workspace.read(name).text == "text\n"


def test_a_link_inside_is_followed_and_stays_a_link(workspace: Workspace) -> None:
    assert workspace.read("inner").path == "a.txt"
    assert workspace.locate("inner") == "a.txt"
    workspace.write("inner", "changed\n")
    assert (workspace.root / "inner").is_symlink()
    assert (workspace.root / "a.txt").read_text() == "changed\n"


def test_locate_follows_links_even_to_what_is_missing(workspace: Workspace) -> None:
    (workspace.root / "alias").symlink_to("sub")
    assert workspace.locate("alias/new/deep.py") == "sub/new/deep.py"
    assert workspace.locate("alias/new.py") == "sub/new.py"


def test_a_link_to_a_missing_folder_cannot_climb_out(workspace: Workspace) -> None:
    (workspace.root / "odd").symlink_to("missing/../../outside")
    with pytest.raises(EditError):
        workspace.locate("odd/s.txt")
    with pytest.raises(EditError):
        workspace.write("odd/s.txt", "x")
    assert not (workspace.root / "missing").exists()


def test_a_pipe_is_refused_without_waiting(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "pipe")
    with pytest.raises(EditError, match="not a regular file"):
        workspace.read("pipe")
    with pytest.raises(EditError, match="not a regular file"):
        workspace.write("pipe", "x")


def test_exists_does_not_see_the_outside(workspace: Workspace) -> None:
    assert workspace.exists("a.txt")
    assert not workspace.exists("folder/s.txt")
    assert not workspace.exists("../outside/s.txt")
    assert not workspace.exists("sub/missing/x")


def test_a_folder_swapped_for_a_link_while_reading(workspace: Workspace, outside: Path) -> None:
    real, link, name = (workspace.root / n for n in ("real", "link", "flip"))
    real.mkdir()
    (real / "s.txt").write_text("inside\n")
    link.symlink_to(outside)
    both = {"inside\n", "flip/s.txt is a link to an absolute path"}
    seen: set[str] = set()
    command = [sys.executable, "-c", FLIP, str(real), str(link), str(name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as flipping:
        assert flipping.stdout is not None
        flipping.stdout.readline()
        for turn in range(100_000):
            if turn > 5000 and both <= seen:
                break
            try:
                seen.add(workspace.read("flip/s.txt").text)
            except EditError as error:
                seen.add(str(error).partition(";")[0])
        flipping.kill()
    assert SECRET not in seen
    assert both <= seen
