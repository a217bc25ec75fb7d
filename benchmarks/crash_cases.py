"""The tasks of the torture: every edit adds a line of its own at a mark that stays.

An edit that is made twice leaves its line twice, and a lost one leaves none. What the stand-in
answers depends on the question alone, so a question may be asked at any time and again.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PIECE_DELAY_S = 0.004
"""Between the pieces of a reply, so that kills land in the middle of replies too."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of task."""

    name: str
    task: str
    files: Mapping[str, str]
    lines: Sequence[str]
    """Words of which each must be in the files exactly once afterwards."""
    replies: Sequence[Mapping[str, Any]]
    test_cmd: str
    git: bool = False
    """The folder is a git repository, with one commit and one file that is not in it."""

    def write(self, folder: Path) -> Path:
        """Make the folder as it is before the task."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (folder / "run.sh").chmod(0o755)
        (folder / "link").symlink_to("notes/own.txt")
        if self.git:
            identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
            for words in (("init", "-q"), ("add", "--all"), (*identity, "commit", "-qm", "all")):
                subprocess.run(("git", *words), cwd=folder, check=True)
            (folder / "notes" / "later.txt").write_text("not committed\n", encoding="utf-8")
        return folder


def cases(python: str) -> tuple[Case, ...]:
    """Every case; `python` runs the tests of those that are judged by pytest."""
    return (
        _ledger("ledger", git=False),
        _ledger("tracked", git=True),
        _package("package", f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {python} -m pytest -q"),
    )


_OWN = {
    "notes/own.txt": "the user's own words\n",
    "run.sh": "#!/bin/sh\necho run\n",
    ".gitignore": "*.log\n",
    "kept.log": "ignored, and the user's\n",
}


def _ledger(name: str, *, git: bool) -> Case:
    """Judged by a shell script that leaves litter and names the first entry that is missing."""
    check = (
        "echo litter > litter.txt\necho litter > notes/litter.txt\n"
        "for name in one two three; do\n"
        '  grep -qr "entry-$name" book || { echo "missing entry-$name"; exit 1; }\n'
        "done\nrm litter.txt\n"
    )
    marker = f"(case {name})"
    task = f"1. enter the first in book/a.txt\n2. enter all the others\n{marker}"
    coder: tuple[tuple[str, str, int], ...] = (
        ("missing entry-one", block("book/a.txt", "no such line\n", "entry-never\n"), 0),
        ("missing entry-one", _entry("book/a.txt", "one") + whole("book/new/b.txt", "b-whole"), 1),
        ("missing entry-two", _entry("book/c.txt", "two") + _entry("book/a.txt", "two-too"), 0),
        ("missing entry-three", _entry("book/c.txt", "three"), 0),
        ("lacks the fourth", _entry("book/d.txt", "four") + whole("book/e.txt", "e-whole"), 0),
    )
    return Case(
        name,
        task,
        {**_OWN, **{f"book/{each}.txt": f"{each} begins\n# mark\n" for each in "acd"},
         "check.sh": check},
        ("entry-one", "entry-two-too", "entry-two\n", "entry-three", "entry-four", "b-whole",
         "e-whole"),
        _replies(marker, ("Enter the first", "Enter all the others"), coder),
        "sh check.sh",
        git,
    )  # fmt: skip


def _package(name: str, test_cmd: str) -> Case:
    """Judged by pytest, in one step with one repair."""
    marker = f"(case {name})"
    # No file may hold the words by which the stand-in knows what is missing.
    tests = (
        "def need(name):\n    assert f'entry-{name}' in tally.ALL, f'missing entry-{name}'\n\n\n"
    )
    tests += "".join(f"def test_{each}():\n    need('{each}')\n\n\n" for each in ("one", "two"))
    edit = "    'entry-{}',\n    # mark\n"
    coder: tuple[tuple[str, str, int], ...] = (
        ("lacks the fourth", _entry("words.txt", "four"), 0),
        ("missing entry-one", block("tally.py", "    # mark\n", edit.format("one")), 0),
        ("missing entry-two", block("tally.py", "    # mark\n", edit.format("two")), 0),
    )
    return Case(
        name,
        f"let tally know its entries {marker}",
        {**_OWN, "tally.py": "ALL = [\n    # mark\n]\n", "words.txt": "words\n# mark\n",
         "tests/test_tally.py": f"import tally\n\n\n{tests}", "conftest.py": ""},
        ("'entry-one'", "'entry-two'", "entry-four"),
        _replies(marker, (), coder),
        test_cmd,
    )  # fmt: skip


def block(path: str, old: str, new: str) -> str:
    """A SEARCH/REPLACE block."""
    return f"{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n\n"


def whole(path: str, text: str) -> str:
    """A new file."""
    return f"{path}\n```\n{text}\n```\n\n"


def _entry(path: str, name: str) -> str:
    return block(path, "# mark\n", f"entry-{name}\n# mark\n")


def _replies(
    marker: str, steps: Sequence[str], coder: Sequence[tuple[str, str, int]]
) -> list[Mapping[str, Any]]:
    """The planner's, coder's and reviewer's words; the reviewer misses the fourth entry first."""
    listed = "".join(f"{n}. {step}\n" for n, step in enumerate(steps, 1))
    planner, reviewer = "You split a programming task", "You review a change"
    said: list[tuple[str, dict[str, Any]]] = [
        (listed or "1. All\n", {"system": planner, "lacks": "What was found"}),
        ("1. Enter the fourth, which it lacks\n", {"system": planner}),
        ("All is there.\nVERDICT: keep\n", {"system": reviewer, "contains": "entry-four"}),
        ("- it lacks the fourth\nVERDICT: reject\n", {"system": reviewer}),
        *((text, {"contains": words, "turns": turns}) for words, text, turns in coder),
    ]
    return [
        {
            "text": text,
            "times": None,
            "delay": PIECE_DELAY_S,
            "when": {**when, "contains": [marker, *_several(when.get("contains"))]},
        }
        for text, when in said
    ]


def _several(words: object) -> list[str]:
    return [str(words)] if words else []
