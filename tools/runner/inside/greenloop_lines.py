"""Records which lines of the project run, by sys.monitoring where it exists, else by sys.settrace.

Runs inside the tested project's interpreter: standard library only, Python 3.8 on.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Callable, Dict, List, Set, Tuple

_IGNORED = {"site-packages", "dist-packages", "node_modules", ".git", "build", "dist"}
_TESTS = {"test", "tests", "testing"}


def is_suspect(filename: str, workspace: str) -> bool:
    """Whether a file is the project's own code, and no test of it."""
    real = os.path.realpath(filename)
    if not real.startswith(workspace + os.sep) or not os.path.isfile(real):
        return False
    parts = os.path.relpath(real, workspace).split(os.sep)
    name = parts.pop()
    if name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py":
        return False
    hidden = any(part.startswith(".") or part in _IGNORED for part in parts)
    return not hidden and not any(part in _TESTS for part in parts)


class LineRecorder:
    """Lines of the project's own files that ran since the last `take`."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._wanted: Dict[str, bool] = {}
        self._hits: Set[Tuple[str, int]] = set()
        self._monitoring: Any = getattr(sys, "monitoring", None)

    def start(self) -> None:
        """Begin to record, in this thread and in those started later."""
        if self._monitoring is not None and self._start_monitoring():
            return
        self._monitoring = None
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)

    def take(self) -> Dict[str, List[int]]:
        """Line numbers by file path relative to the workspace; forgets them."""
        found: Dict[str, List[int]] = {}
        for filename, line in sorted(self._hits):
            path = os.path.relpath(os.path.realpath(filename), self._workspace)
            found.setdefault(path.replace(os.sep, "/"), []).append(line)
        self._hits = set()
        if self._monitoring is not None:
            self._monitoring.restart_events()
        elif sys.gettrace() is None:
            sys.settrace(self._on_call)  # a test may have switched tracing off
        return found

    def _is_wanted(self, filename: str) -> bool:
        if filename not in self._wanted:
            self._wanted[filename] = is_suspect(filename, self._workspace)
        return self._wanted[filename]

    def _start_monitoring(self) -> bool:
        tool = 4  # free for anyone, by the table in sys.monitoring's documentation
        try:
            self._monitoring.use_tool_id(tool, "greenloop")
        except ValueError:
            return False
        line = self._monitoring.events.LINE
        self._monitoring.register_callback(tool, line, self._on_monitored)
        self._monitoring.set_events(tool, line)
        return True

    def _on_monitored(self, code: Any, line: int) -> Any:
        if self._is_wanted(code.co_filename):
            self._hits.add((code.co_filename, line))
        return self._monitoring.DISABLE

    def _on_call(self, frame: Any, event: str, arg: Any) -> Any:
        return self._line_tracer() if self._is_wanted(frame.f_code.co_filename) else None

    def _line_tracer(self) -> Callable[[Any, str, Any], Any]:
        hits = self

        def on_line(frame: Any, event: str, arg: Any) -> Any:
            if event == "line":
                hits._hits.add((frame.f_code.co_filename, frame.f_lineno))
            return on_line

        return on_line
