"""Running greenloop as a user does, in a process of its own, on projects written for the test."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PYTEST = f"{sys.executable} -m pytest -q"

_TEST = """from words.{name} import {name}


def test_{name}():
    assert {name}({given!r}) == {expected!r}
"""
GREETING_TESTS = {
    "tests/test_greet.py": _TEST.format(name="greet", given="Ada", expected="Hello, Ada!"),
    "tests/test_shout.py": _TEST.format(name="shout", given="hi", expected="HI!"),
}
GREETING = {
    "conftest.py": "",
    "words/__init__.py": "",
    "words/greet.py": "def greet(name):\n    return 'Hello ' + name\n",
    "words/shout.py": "def shout(text):\n    return text\n",
    **GREETING_TESTS,
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a project; returns its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def read(folder: Path) -> dict[str, str]:
    """Every file below the folder, but for git's own and what runs leave behind."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(folder).parts)
    }


def command(*words: str) -> Sequence[str]:
    """The command line of greenloop."""
    return (sys.executable, "-m", "greenloop", *words)


def greenloop(
    *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end; nothing is raised for an exit code."""
    return subprocess.run(
        command(*words),
        cwd=cwd or "/",
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object on stdout, and nothing else there."""
    lines = done.stdout.splitlines()
    assert len(lines) == 1, (done.stdout, done.stderr)
    result = json.loads(lines[0])
    assert isinstance(result, dict)
    return result


def block(path: str, old: str, new: str) -> str:
    """A SEARCH/REPLACE block."""
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
