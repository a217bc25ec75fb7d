"""A pytest plugin that writes what each test did, as JSON lines, to the file it is told.

Runs inside the tested project's interpreter: standard library and pytest only, Python 3.8 on.
The file and the workspace come in as GREENLOOP_REPORT and GREENLOOP_WORKSPACE.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, Generator, List

import pytest

_MESSAGE_CHARS = 600
_EXCERPT_LINES = 40
_EXCERPT_CHARS = 4000
_ERROR_LINE = re.compile(r"^E\s+([A-Za-z_][\w.]*?)(?::\s*(.*))?$", re.MULTILINE)
_PLACE = re.compile(r"^(\S[^:\n]*\.py):(\d+): ", re.MULTILINE)


class _Reporter:
    def __init__(self, path: str, workspace: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._workspace = os.path.realpath(workspace)

    def _write(self, **event: Any) -> None:
        self._file.write(json.dumps(event) + "\n")
        self._file.flush()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, Any, None]:
        outcome = yield
        report = outcome.get_result()
        if call.excinfo is not None and report.failed:
            # A plain attribute: pytest-xdist carries it from the worker to the controller.
            report.greenloop = self._describe(call.excinfo, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(event="collect_error", id=report.nodeid, **self._from_text(report))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(event="start", id=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        details = getattr(report, "greenloop", None)
        if details is None and report.failed:
            details = self._from_text(report)
        self._write(
            event="phase",
            id=report.nodeid,
            when=report.when,
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            seconds=report.duration,
            **(details or {}),
        )

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._write(event="finish", exit=int(exitstatus))
        self._file.close()

    def _describe(
        self, excinfo: pytest.ExceptionInfo[BaseException], report: Any
    ) -> Dict[str, Any]:
        frames: List[List[Any]] = []
        for entry in excinfo.traceback:
            place = self._relative(str(entry.path))
            if place:
                frames.append([place, entry.lineno + 1, entry.name])
        return {
            "error": excinfo.typename,
            "message": excinfo.exconly(tryshort=True)[:_MESSAGE_CHARS],
            "frames": frames[-20:],
            "excerpt": _excerpt(report.longreprtext),
        }

    def _from_text(self, report: Any) -> Dict[str, Any]:
        text = report.longreprtext
        errors = _ERROR_LINE.findall(text)
        name, message = errors[-1] if errors else ("", "")
        frames = [[self._relative(path), int(line), ""] for path, line in _PLACE.findall(text)]
        return {
            "error": name.rpartition(".")[2],
            "message": ("%s: %s" % (name, message) if message else name)[:_MESSAGE_CHARS],
            "frames": [frame for frame in frames if frame[0]][-20:],
            "excerpt": _excerpt(text),
        }

    def _relative(self, path: str) -> str:
        full = os.path.realpath(os.path.join(self._workspace, path))
        if not full.startswith(self._workspace + os.sep):
            return ""
        return os.path.relpath(full, self._workspace).replace(os.sep, "/")


def _excerpt(text: str) -> str:
    return "\n".join(text.splitlines()[-_EXCERPT_LINES:])[-_EXCERPT_CHARS:]


def pytest_configure(config: pytest.Config) -> None:
    """Report from the process that pytest itself reports from, not from its workers."""
    path = os.environ.get("GREENLOOP_REPORT")
    if not path:
        return
    workspace = os.environ.get("GREENLOOP_WORKSPACE") or os.getcwd()
    is_worker = hasattr(config, "workerinput")
    reporter = _Reporter(os.devnull if is_worker else path, workspace)
    config.pluginmanager.register(reporter, "greenloop-report")
