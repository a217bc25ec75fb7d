import os
from contextlib import suppress
from pathlib import Path

import pytest

from greenloop.errors import EditError
from greenloop.tools.files import Workspace
from greenloop.tools.search import Match, grep


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for path, text in {
        "a.py": "def total():\n    return 0\n",
        "src/b.py": "from a import total\n\nprint(total())\n",
        "src/pkg/c.py": "total = 1\n",
        "notes.md": "The total (sum) costs 5$\n",
        "node_modules/x.js": "total\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "image.png").write_bytes(b"total\0")
    return Workspace(tmp_path)


def test_a_plain_word(workspace: Workspace) -> None:
    assert grep(workspace, "total") == (
        Match("a.py", 1, "def total():"),
        Match("notes.md", 1, "The total (sum) costs 5$"),
        Match("src/b.py", 1, "from a import total"),
        Match("src/b.py", 3, "print(total())"),
        Match("src/pkg/c.py", 1, "total = 1"),
    )


def test_a_regular_expression(workspace: Workspace) -> None:
    assert grep(workspace, r"^def \w+\(") == (Match("a.py", 1, "def total():"),)
    assert grep(workspace, "TOTAL") == ()
    assert len(grep(workspace, "(?i)TOTAL")) == 5


def test_what_is_no_regular_expression_is_literal(workspace: Workspace) -> None:
    assert grep(workspace, "total(") == (
        Match("a.py", 1, "def total():"),
        Match("src/b.py", 3, "print(total())"),
    )
    assert grep(workspace, "*") == ()


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("*.md", ["notes.md"]),
        ("b.py", ["src/b.py"]),
        ("src/*", ["src/b.py", "src/pkg/c.py"]),
        ("src/**/*.py", ["src/b.py", "src/pkg/c.py"]),
        ("**/*.py", ["a.py", "src/b.py", "src/pkg/c.py"]),
        ("./a.py", ["a.py"]),
        ("*.rs", []),
    ],
)
def test_globs(workspace: Workspace, glob: str, paths: list[str]) -> None:
    found = grep(workspace, "total", glob)
    assert list(dict.fromkeys(match.path for match in found)) == paths


@pytest.mark.parametrize("pattern", ["total", "tot.l"])
def test_the_limit(workspace: Workspace, pattern: str) -> None:
    assert len(grep(workspace, pattern, limit=2)) == 2


def test_long_lines_are_shown_around_the_match(workspace: Workspace) -> None:
    workspace.write("long.txt", "x" * 900 + "needle" + "y" * 5000 + "far\n")
    (match,) = grep(workspace, "needle")
    assert len(match.text) == 200
    assert "needle" in match.text
    assert grep(workspace, "far") == ()


def test_hostile_names_are_only_names(workspace: Workspace) -> None:
    names = ["-rf", "--include=*", "$(touch pwn).txt", "quote'\".txt", "*", "~", "a b"]
    for name in names:
        (workspace.root / name).write_text("canary\n")
    with suppress(OSError):  # macOS has no such names
        (workspace.root / os.fsdecode(b"\xff\xfe.txt")).write_text("canary\n")
    assert sorted(match.path for match in grep(workspace, "c.nary")) == sorted(names)
    assert not (workspace.root / "pwn").exists()


def test_links_are_not_followed(workspace: Workspace) -> None:
    (workspace.root / "link.py").symlink_to("a.py")
    (workspace.root / "src" / "up").symlink_to("..")
    assert len(grep(workspace, "total")) == 5


def test_a_runaway_pattern_is_stopped(workspace: Workspace) -> None:
    workspace.write("bait.txt", "a" * 40 + "!\n")
    with pytest.raises(EditError, match="takes too long"):
        grep(workspace, "(a+)+$", time_budget_s=0.5)


def test_an_empty_pattern(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="empty"):
        grep(workspace, " ")
