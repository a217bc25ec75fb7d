"""The matching half of a search, run as a process of its own.

Python's regular expressions cannot be interrupted, and one pattern such as `(a+)+$` can take
longer than the universe; a process can be killed. Needs the standard library only: it runs
without site-packages.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator

Found = tuple[str, int, str]
"""Path, line from 1, the line or the part of it around the match."""

MAX_LINE_CHARS = 2000
"""Searched of a line; what is beyond is not seen."""
MAX_SHOWN_CHARS = 200
_CHARS_BEFORE = 60


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression, or literally where it is none."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return re.compile(re.escape(pattern))


def find(pattern: re.Pattern[str], files: Iterable[tuple[str, str]]) -> Iterator[Found]:
    """Every line of the files (path, text) in which the pattern occurs."""
    for path, text in files:
        for number, line in enumerate(text.split("\n"), start=1):
            match = pattern.search(line[:MAX_LINE_CHARS])
            if match and (match.group() or line):
                yield path, number, _around(line, match)


def _around(line: str, match: re.Match[str]) -> str:
    start = 0 if match.end() <= MAX_SHOWN_CHARS else max(match.start() - _CHARS_BEFORE, 0)
    return line[start : start + MAX_SHOWN_CHARS]


def main() -> None:
    """Read {pattern, limit, files} as JSON from stdin; write one JSON line per match."""
    request = json.load(sys.stdin)
    found = find(compile_pattern(request["pattern"]), request["files"])
    for _, row in zip(range(request["limit"]), found, strict=False):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
