import hashlib
import os
import stat
from pathlib import Path

import pytest

from greenloop.errors import EditError, WorkspaceError
from greenloop.tools.files import MAX_LISTED, Workspace


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("one = 1\ntwo = 2\nthree = 3\n")
    return Workspace(root)


def test_read_gives_text_and_its_form(workspace: Workspace) -> None:
    path = workspace.root / "src" / "a.py"
    path.chmod(0o754)
    file = workspace.read("./src//a.py")
    assert file.path == "src/a.py"
    assert file.text == path.read_text()
    assert (file.encoding, file.newline, file.bom, file.mode) == ("utf-8", "\n", False, 0o754)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_absolute_path_inside_the_root_is_taken(workspace: Workspace) -> None:
    assert workspace.read(f"{workspace.root}/src/a.py").path == "src/a.py"


def test_read_lines_are_numbered(workspace: Workspace) -> None:
    assert workspace.read_lines("src/a.py", 2, 3) == "   2| two = 2\n   3| three = 3"
    assert workspace.read_lines("src/a.py", 3) == "   3| three = 3"
    assert workspace.read_lines("src/a.py", 0, 99).count("\n") == 2


def test_read_lines_says_how_many_there_are(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="has 3 lines"):
        workspace.read_lines("src/a.py", 4)
    with pytest.raises(EditError, match="no lines 3-2"):
        workspace.read_lines("src/a.py", 3, 2)


def test_read_lines_of_an_empty_file(workspace: Workspace) -> None:
    workspace.write("empty.py", "")
    assert workspace.read_lines("empty.py") == ""


def test_missing_file_names_near_ones(workspace: Workspace) -> None:
    for wrong in ("a.py", "src/b.py", "lib/a.py"):
        with pytest.raises(EditError, match=r"no such file: .*near names: src/a.py"):
            workspace.read(wrong)


def test_binary_and_large_files_are_refused(workspace: Workspace) -> None:
    (workspace.root / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    with pytest.raises(EditError, match="binary"):
        workspace.read("image.png")
    with (workspace.root / "huge.log").open("wb") as sparse:
        sparse.truncate(1 << 30)
    with pytest.raises(EditError, match="larger than"):
        workspace.read("huge.log")
    with pytest.raises(EditError, match="larger than"):
        workspace.write("new.txt", "x" * (2 * 1024 * 1024 + 1))
    assert not (workspace.root / "new.txt").exists()


def test_write_creates_folders_and_ordinary_permissions(workspace: Workspace) -> None:
    ordinary = workspace.root / "ordinary"
    ordinary.touch()
    workspace.write("new/deep/f.txt", "text\n")
    made = workspace.root / "new" / "deep" / "f.txt"
    assert made.read_bytes() == b"text\n"
    assert made.stat().st_mode == ordinary.stat().st_mode


def test_write_keeps_the_mode(workspace: Workspace) -> None:
    path = workspace.root / "src" / "a.py"
    for mode in (0o755, 0o600):
        path.chmod(mode)
        workspace.write("src/a.py", f"mode = {mode}\n")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_marked_read_only_is_left_alone(workspace: Workspace) -> None:
    path = workspace.root / "src" / "a.py"
    path.chmod(0o444)
    with pytest.raises(EditError, match="read-only"):
        workspace.write("src/a.py", "x = 1\n")
    assert path.read_text().startswith("one")


def test_write_leaves_no_temporary_file(workspace: Workspace) -> None:
    workspace.write("src/a.py", "x = 1\n")
    assert names(workspace.root / "src") == ["a.py"]


def test_edit_replaces_the_only_occurrence(workspace: Workspace) -> None:
    workspace.edit("src/a.py", "two = 2", "two = 22")
    assert workspace.read("src/a.py").text == "one = 1\ntwo = 22\nthree = 3\n"


def test_edit_counts_occurrences(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="occurs 3 times"):
        workspace.edit("src/a.py", " = ", " == ")


def test_edit_shows_the_nearest_lines(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="two = 2\nthree = 3"):
        workspace.edit("src/a.py", "two = 3", "two = 4")
    with pytest.raises(EditError, match="empty"):
        workspace.edit("src/a.py", "", "x")


def test_delete_removes_the_file_and_empty_folders(workspace: Workspace) -> None:
    workspace.write("new/deep/f.txt", "text\n")
    workspace.delete("new/deep/f.txt")
    assert not (workspace.root / "new").exists()
    assert workspace.root.exists()


def test_delete_keeps_folders_with_other_files(workspace: Workspace) -> None:
    workspace.write("src/b.py", "")
    workspace.delete("src/b.py")
    assert workspace.list() == ("src/", "src/a.py")


def test_delete_refuses_folders_and_missing_files(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="is a folder"):
        workspace.delete("src")
    with pytest.raises(EditError, match="no such file"):
        workspace.delete("src/b.py")
    with pytest.raises(EditError, match="no such file"):
        workspace.delete("lib/b.py")


def test_delete_of_a_link_keeps_its_target(workspace: Workspace) -> None:
    (workspace.root / "link.py").symlink_to("src/a.py")
    workspace.delete("link.py")
    assert not (workspace.root / "link.py").is_symlink()
    assert (workspace.root / "src" / "a.py").exists()


def test_list_goes_as_deep_as_asked(workspace: Workspace) -> None:
    workspace.write("src/pkg/b.py", "")
    assert workspace.list(depth=1) == ("src/",)
    assert workspace.list() == ("src/", "src/a.py", "src/pkg/")
    assert workspace.list("src", depth=2) == ("src/a.py", "src/pkg/", "src/pkg/b.py")


def test_list_and_walk_skip_what_is_not_source(workspace: Workspace) -> None:
    for folder in (".git", "__pycache__", "node_modules", ".mypy_cache"):
        (workspace.root / folder).mkdir()
        (workspace.root / folder / "x.py").touch()
    (workspace.root / "env").mkdir()
    (workspace.root / "env" / "pyvenv.cfg").touch()
    (workspace.root / "odd\nname").touch()
    os.mkfifo(workspace.root / "pipe")
    (workspace.root / "link").symlink_to("src")
    assert workspace.list() == ("link", "src/", "src/a.py")
    assert tuple(workspace.walk()) == ("src/a.py",)


def test_list_is_capped_with_the_nearest_first(workspace: Workspace) -> None:
    (workspace.root / "aa").mkdir()
    for n in range(MAX_LISTED + 10):
        (workspace.root / "aa" / f"{n:04}").touch()
    names = workspace.list()
    assert len(names) == MAX_LISTED
    assert "src/" in names


def test_list_refuses_what_is_no_folder(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="not a folder"):
        workspace.list("src/a.py")
    with pytest.raises(EditError, match="no such file"):
        workspace.list("lib")


def test_root_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot open the folder"):
        Workspace(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="is not a folder"):
        Workspace(tmp_path / "file")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(WorkspaceError, match="cannot open the folder"):
        Workspace(tmp_path / "loop")


def test_a_root_that_was_replaced_is_noticed(workspace: Workspace) -> None:
    root = workspace.root
    root.rename(root.with_name("moved"))
    with pytest.raises(WorkspaceError, match="still there"):
        workspace.read("src/a.py")
    root.mkdir()
    with pytest.raises(WorkspaceError, match="replaced"):
        workspace.read("src/a.py")
