"""Which files are listed: ignore rules, links, sizes, encodings."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from greenloop.errors import WorkspaceError
from greenloop.tools.retrieval.git_files import git_program
from greenloop.tools.retrieval.walk import MAX_BYTES, list_files, read_source, stamps

Write = Callable[[Path, dict[str, str]], None]

GIT = git_program()


def git(folder: Path, *argv: str) -> None:
    assert GIT is not None
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([GIT, *identity, *argv], cwd=folder, check=True, capture_output=True)


def test_without_git_products_and_hidden_folders_are_left_out(tmp_path: Path, write: Write) -> None:
    foreign = ["build/a.py", "dist/a.py", "node_modules/a.js", "pkg/__pycache__/a.py", ".x/a.py"]
    kept = ["a.py", "pkg/builder/b.py", ".editorconfig"]
    write(tmp_path, dict.fromkeys([*foreign, *kept], "x = 1\n"))
    write(tmp_path, {"env/pyvenv.cfg": "home = /\n", "env/lib/c.py": "x = 1\n"})
    assert list_files(tmp_path) == sorted(kept)


def test_with_git_its_ignore_rules_decide(tmp_path: Path, write: Write) -> None:
    names = ["src/build/a.py", "new.py", "gone.py", "out/x.py", "sub/skip.py", ".github/ci.yml"]
    write(tmp_path, dict.fromkeys(names, "x = 1\n"))
    write(tmp_path, {".gitignore": "out/\n", "sub/.gitignore": "skip.py\n"})
    write(tmp_path, {"venv/pyvenv.cfg": "home = /\n", "venv/lib/c.py": "x = 1\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "src", "gone.py")
    (tmp_path / "gone.py").unlink()
    expected = [".github/ci.yml", ".gitignore", "new.py", "src/build/a.py", "sub/.gitignore"]
    assert list_files(tmp_path) == expected
    assert list_files(tmp_path / "src") == ["build/a.py"]


def test_repositories_inside_the_repository_are_listed(tmp_path: Path, write: Write) -> None:
    write(tmp_path, {"a.py": "x = 1\n", "inner/b.py": "x = 1\n", "inner/deep/c.py": "x = 1\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path / "inner", "init", "-q")
    git(tmp_path / "inner/deep", "init", "-q")
    assert list_files(tmp_path) == ["a.py", "inner/b.py", "inner/deep/c.py"]


def test_a_workspace_that_an_outer_repository_ignores_is_walked(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path, {".gitignore": "*\n", "scratch/a.py": "x = 1\n"})
    git(tmp_path, "init", "-q")
    assert list_files(tmp_path / "scratch") == ["a.py"]


def test_programs_named_by_the_repository_do_not_run(tmp_path: Path, write: Write) -> None:
    repo = tmp_path / "repo"
    write(repo, {"a.py": "x = 1\n"})
    write(tmp_path, {"evil.sh": f"#!/bin/sh\ntouch {tmp_path}/ran\n"})
    (tmp_path / "evil.sh").chmod(0o755)
    git(repo, "init", "-q")
    git(repo, "config", "core.fsmonitor", str(tmp_path / "evil.sh"))
    assert list_files(repo) == ["a.py"]
    assert not (tmp_path / "ran").exists()


def test_a_tracked_folder_replaced_by_a_link_does_not_lead_out(
    tmp_path: Path, write: Write
) -> None:
    repo = tmp_path / "repo"
    write(repo, {"pkg/a.py": "x = 1\n", "b.py": "x = 1\n"})
    write(tmp_path, {"outside/a.py": "secret = 1\n"})
    git(repo, "init", "-q")
    git(repo, "add", ".")
    (repo / "pkg/a.py").unlink()
    (repo / "pkg").rmdir()
    (repo / "pkg").symlink_to(tmp_path / "outside")
    assert list_files(repo) == ["b.py"]


def test_links_out_are_skipped_and_loops_end(tmp_path: Path, write: Write) -> None:
    root = tmp_path / "root"
    write(root, {"a.py": "x = 1\n", "pkg/b.py": "x = 1\n"})
    write(tmp_path, {"root-beside/secret.py": "x = 1\n"})
    (root / "out.py").symlink_to(tmp_path / "root-beside/secret.py")
    (root / "in.py").symlink_to("a.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    (root / "self.py").symlink_to("self.py")
    (root / "pkg/loop").symlink_to(root)
    os.mkfifo(root / "pipe.py")
    assert list_files(root) == ["a.py", "in.py", "pkg/b.py"]


def test_data_secrets_and_locks_are_skipped(tmp_path: Path, write: Write) -> None:
    write(
        tmp_path,
        {
            "minified.js": "x" * 5001,
            "big.txt": "line\n" * (MAX_BYTES // 5 + 1),
            "full.txt": "abc\n" * (MAX_BYTES // 4),
            "wide.js": "x" * 5000,
            ".env": "KEY=1\n",
            ".env.example": "KEY=\n",
            "server.pem": "key\n",
            "uv.lock": "x\n",
            "empty.py": "",
        },
    )
    (tmp_path / "image.dat").write_bytes(b"abc\0def")
    assert list_files(tmp_path) == [".env.example", "empty.py", "full.txt", "wide.js"]


def test_a_name_that_is_not_utf8_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    try:
        Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.py")).write_text("x = 1\n")
    except OSError:
        if sys.platform == "linux":
            raise
        pytest.skip("this file system takes UTF-8 names only")
    assert list_files(tmp_path) == ["a.py"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"caf\xe9\n", "caf\ufffd\n"),
        (b"", ""),
        (b"a\0", None),
    ],
)
def test_text_is_decoded_with_one_kind_of_line_end(
    tmp_path: Path, data: bytes, text: str | None
) -> None:
    (tmp_path / "f.txt").write_bytes(data)
    assert read_source(tmp_path / "f.txt") == text


def test_a_change_shows_in_the_stamp_even_with_an_old_time(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    os.utime(file, ns=(0, 0))
    (stamp,) = stamps(tmp_path)
    assert (stamp.path, stamp.size) == ("a.py", 6)
    assert stamp.mtime_ns > 0


def test_a_missing_workspace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a folder"):
        list_files(tmp_path / "nowhere")
    assert read_source(tmp_path / "nowhere.py") is None
