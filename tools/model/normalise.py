"""What is asked of a model, without what differs between machines and between runs.

A recording is looked up by this form, so that it answers in another folder, on another day.
"""

import re
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

WORKSPACE = "⟦workspace⟧"
"""Stands for the workspace's path; no code is likely to hold these brackets."""

_PATH = r"[^\s'\"`:,;()<>\[\]{}|⟦⟧]{0,400}"
_START = rf"(?:{WORKSPACE}|(?<![\w/.⟧-]))"
"""Where an absolute path begins; an environment may lie in the workspace."""
_UNIT = r"(?:seconds?|secs?|s|ms|us|µs|ns)"
_SYSTEM_TEMPS = (
    r"(?:/private)?/tmp",
    r"(?:/private)?/var/tmp",
    r"(?:/private)?/var/folders/[^/\s]+/[^/\s]+/[TC]",  # macOS
)

_Rules = tuple[tuple[re.Pattern[str], str], ...]
_PLACES: _Rules = (
    # Where Python and its packages lie: only what is below is the same everywhere.
    (re.compile(rf"{_START}/{_PATH}/(?:site|dist)-packages(?=/)"), "⟦packages⟧"),
    (re.compile(rf"{_START}/{_PATH}/lib/python3\.\d+(?=/)"), "⟦python⟧"),
)
_CHANCE: _Rules = (
    (re.compile(r"\b0x[0-9a-fA-F]{6,16}\b"), "⟦address⟧"),
    (
        re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"),
        "⟦date⟧",
    ),
    (re.compile(rf"\b\d+\.\d+(?:e-?\d+)? ?{_UNIT}\b(?: \(\d+:\d\d:\d\d\))?"), "⟦time⟧"),
    (re.compile(r"\b\d+ ?(?:ms|us|µs|ns)\b"), "⟦time⟧"),
    (re.compile(r"\b((?:Fork|Spawn)?(?:Thread|Process|PoolWorker)|Dummy)-\d+(?::\d+)?"), r"\1-⟦n⟧"),
    (re.compile(r"\b(ThreadPoolExecutor|asyncio)[-_]\d+(?:_\d+)?"), r"\1-⟦n⟧"),
    (re.compile(r"\b(pid|PID|process id|thread id)(\s?[=:]?\s?)\d+"), r"\1\2⟦n⟧"),
)


def normalise(text: str, workspace: Path) -> str:
    """A text with marks for what differs between two runs of the same work.

    Marked are the workspace's path, temporary paths, where Python's packages lie, memory
    addresses, dates with a time, durations, and numbers of threads and processes; line ends
    become newlines.
    """
    text = hide_workspace(text.replace("\r\n", "\n").replace("\r", "\n"), workspace)
    text = _marked(text, _PLACES)
    text = _temporary(tempfile.gettempdir()).sub("⟦temporary⟧", text)
    return _marked(text, _CHANCE)


def hide_workspace(text: str, workspace: Path) -> str:
    """The text with a mark for the workspace's path."""
    for path in dict.fromkeys((str(workspace.resolve()), str(workspace.absolute()))):
        if path != "/" and path in text:
            text = re.sub(rf"(?<![\w.⟧-]){re.escape(path)}(?![\w-])", WORKSPACE, text)
    return text


def show_workspace(text: str, workspace: Path) -> str:
    """The text with the workspace's path for its mark."""
    return text.replace(WORKSPACE, str(workspace.resolve()))


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A value of JSON with every text in it changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [each_text(part, change) for part in value]
    if isinstance(value, dict):
        return {key: each_text(part, change) for key, part in value.items()}
    return value


def _marked(text: str, rules: _Rules) -> str:
    for pattern, mark in rules:
        text = pattern.sub(mark, text)
    return text


@lru_cache
def _temporary(folder: str) -> re.Pattern[str]:
    """Paths in any folder for temporary files; the names in them are drawn by chance."""
    known = [*_SYSTEM_TEMPS, re.escape(folder.rstrip("/"))]
    return re.compile(rf"(?<![\w/.⟧-])(?:{'|'.join(known)})/{_PATH}")
