"""Searching a project's files for a pattern, without a program that may not be installed.

Bounds: MAX_FILES files and MAX_TOTAL_CHARS of text are looked at, 2,000 characters of a line,
TIME_BUDGET_S seconds; files that are binary, larger than 2 MiB or unreadable are passed over.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from greenloop.errors import EditError, StorageError
from greenloop.tools import search_worker
from greenloop.tools.files import Workspace

TIME_BUDGET_S = 5.0
MAX_FILES = 20_000
MAX_TOTAL_CHARS = 40_000_000


@dataclass(frozen=True, slots=True)
class Match:
    """A line in which the pattern occurs."""

    path: str
    line: int
    """Counted from 1."""
    text: str
    """The line, or 200 characters of it around the match."""


def grep(
    workspace: Workspace,
    pattern: str,
    glob: str = "",
    limit: int = 50,
    *,
    time_budget_s: float = TIME_BUDGET_S,
) -> tuple[Match, ...]:
    """The first lines that a regular expression matches, folder by folder, nearest first.

    A pattern that is no valid regular expression is searched for literally. `glob` restricts the
    files: `*.py` by name anywhere, `src/**/*.py` by path.

    Raises:
        EditError: the pattern is empty or takes too long.
        StorageError: the root cannot be read, or the search process failed.
    """
    if not pattern.strip():
        raise EditError("the pattern is empty; name what to look for")
    files = _texts(workspace, glob)
    if re.escape(pattern) == pattern:  # a plain word cannot run away
        found = search_worker.find(re.compile(pattern), files)
        return tuple(Match(*row) for row in islice(found, limit))
    request = json.dumps({"pattern": pattern, "limit": limit, "files": list(files)})
    rows = _in_own_process(request, pattern, time_budget_s)
    return tuple(Match(*json.loads(row)) for row in rows)


def _in_own_process(request: str, pattern: str, time_budget_s: float) -> list[str]:
    # -I and -S: neither the project's modules nor its environment are imported.
    command = [sys.executable, "-I", "-S", str(Path(search_worker.__file__))]
    try:
        done = subprocess.run(
            command,
            input=request,
            capture_output=True,
            text=True,
            timeout=time_budget_s,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        message = f"the pattern {pattern!r} takes too long to search for; use a simpler one"
        raise EditError(message) from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise StorageError(f"the search process failed: {error}; try again") from error
    return done.stdout.splitlines()


def _texts(workspace: Workspace, glob: str) -> Iterator[tuple[str, str]]:
    room = MAX_TOTAL_CHARS
    for path in islice((p for p in workspace.walk() if _fits(p, glob)), MAX_FILES):
        try:
            text = workspace.read(path).text
        except (EditError, StorageError):
            continue
        room -= len(text)
        if room < 0:
            return
        yield path, text


def _fits(path: str, glob: str) -> bool:
    if not glob:
        return True
    glob = glob.removeprefix("./")
    if "/" not in glob:
        return fnmatchcase(path.rpartition("/")[2], glob)
    # fnmatch's star crosses folders already, so `**/` only has to be able to mean nothing.
    return fnmatchcase(path, glob) or fnmatchcase(path, glob.replace("**/", ""))
