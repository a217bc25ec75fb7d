"""One forked child that runs pytest in-process and reports each test through a pipe.

Runs inside the tested project's interpreter: standard library and pytest only, Python 3.8 on.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from typing import Any, Callable, Dict, FrozenSet, Generator, List, Optional

import pytest

_PLACE = re.compile(r'^(?:E\s+File "|)(\S[^:\n"]*\.py)(?:", line |:)(\d+)', re.MULTILINE)
_ERROR = re.compile(r"^E\s+([A-Za-z_][\w.]*(?:: .*)?)$", re.MULTILINE)
_MEMORY_BYTES = 4 << 30
"""Added to what the parent has mapped: a candidate that grows without end dies early."""
_MESSAGE_CHARS = 2000


class TooSlow(BaseException):
    """A test ran past its limit; not an Exception, so that the code under test lets it pass."""


class Reporter:
    """A pytest plugin: selects tests, limits each one, and sends what happened as JSON lines."""

    def __init__(self, fd: int, workspace: str) -> None:
        self.fd = fd
        self.workspace = workspace
        self.only: Optional[FrozenSet[str]] = None
        self.order: Dict[str, int] = {}
        self.protected: FrozenSet[str] = frozenset()
        self.test_limit_s = 0.0
        self.hanging: FrozenSet[str] = frozenset()
        self.after_test: Optional[Callable[[str], Dict[str, Any]]] = None
        self.before: Optional[Callable[[], None]] = None
        self.describe = False
        self.hasty = False
        self.cpu_before_s = 0.0
        self._slow = 0

    def send(self, **event: Any) -> None:
        """Write one event, whole, to the pipe."""
        data = json.dumps(event).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data) :]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: List[pytest.Item]
    ) -> None:
        """Keep the tests that are asked for, in the order that is asked for."""
        if self.only is not None:
            only = self.only
            items[:] = [i for i in items if i.nodeid in only or i.nodeid.split("::")[0] in only]
        if self.order:
            items.sort(key=lambda item: self.order.get(item.nodeid, len(self.order)))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell how pytest understood its arguments."""
        config = session.config
        self.send(
            event="collected",
            cpu_s=time.process_time() - self.cpu_before_s,
            root=str(config.rootpath),
            ini=str(config.inipath or ""),
            positional=[str(arg) for arg in config.option.file_or_dir or ()],
            imported=self.after_test("") if self.after_test else {},
        )

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Stop a test at its limit, and tell when it is over."""
        if self.test_limit_s:
            signal.signal(signal.SIGALRM, self._on_alarm)
            limit = self.test_limit_s if self._slow < 2 else min(self.test_limit_s, 3.0)
            limit = min(limit, 1.0) if item.nodeid in self.hanging else limit
            signal.setitimer(signal.ITIMER_REAL, limit, 0.5)
        yield
        if self.test_limit_s:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.send(
            event="ran", id=item.nodeid, **(self.after_test(item.nodeid) if self.after_test else {})
        )

    def _on_alarm(self, *_: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._slow += 1
        raise TooSlow("the test ran past its limit")

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, Any, None]:
        """Tell how setup, call or teardown went."""
        report = (yield).get_result()
        event: Dict[str, Any] = {
            "event": "phase",
            "id": item.nodeid,
            "when": report.when,
            "outcome": report.outcome,
            "xfail": hasattr(report, "wasxfail"),
            "seconds": round(report.duration, 4),
        }
        if report.failed and call.excinfo is not None and self.describe:
            event.update(self._of_excinfo(call.excinfo))
        self.send(**event)
        if report.failed and item.nodeid in self.protected:
            item.session.shouldstop = "a test that passed before fails"

    def _of_excinfo(self, excinfo: Any) -> Dict[str, Any]:
        frames = []
        for entry in excinfo.traceback:
            path = self._relative(str(entry.path))
            if path:
                frames.append([path, entry.lineno + 1])
        return {
            "error": excinfo.typename,
            "message": excinfo.exconly(tryshort=True)[:_MESSAGE_CHARS],
            "frames": frames[-40:],
            "slow": isinstance(excinfo.value, TooSlow),
        }

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell which test is running, in case the process does not survive it."""
        self.send(event="start", id=nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell what was imported; leave at once where nothing more is wanted."""
        if self.describe:
            self.send(event="modules", **loaded_modules(self.workspace))
        if self.hasty:
            # What follows costs as much as a quick test: summaries and full garbage collections.
            self.send(event="end", exit=0)
            os._exit(0)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell which files could not be collected, and why."""
        if not report.failed:
            return
        text = report.longreprtext
        errors = _ERROR.findall(text)
        message = errors[-1] if errors else text[-300:]
        places = [(self._relative(p), int(n)) for p, n in _PLACE.findall(text)]
        self.send(
            event="collect_error",
            id=report.nodeid,
            error=message.partition(":")[0].rpartition(".")[2],
            message=message[:_MESSAGE_CHARS],
            frames=[list(place) for place in places if place[0]][-40:],
        )

    def _relative(self, path: str) -> str:
        full = os.path.realpath(os.path.join(self.workspace, path))
        if not full.startswith(self.workspace + os.sep):
            return ""
        return os.path.relpath(full, self.workspace).replace(os.sep, "/")


def loaded_modules(workspace: str) -> Dict[str, List[str]]:
    """What is imported: modules from elsewhere by name, the project's own by file."""
    outside, inside = [], []
    for name, module in list(sys.modules.items()):
        origin = getattr(getattr(module, "__spec__", None), "origin", None) or ""
        if not isinstance(origin, str) or not os.path.isabs(origin):
            continue
        real = os.path.realpath(origin)
        if real.startswith(workspace + os.sep) and "site-packages" not in real:
            if origin.endswith(".py"):
                inside.append(origin)
        elif not name.startswith(("greenloop_", "conftest", "__m")):
            outside.append(name)
    return {"outside": outside, "inside": inside}


class Child:
    """A run in progress, seen from its parent."""

    def __init__(self, wall_s: float, folder: str) -> None:
        self.deadline = time.monotonic() + wall_s
        self.started = time.monotonic()
        self.events: List[Dict[str, Any]] = []
        self.ended = False
        self.timed_out = False
        self.cpu_s = 0.0
        self._home = tempfile.mkdtemp(prefix="c", dir=folder)
        self._rest = b""
        self.fd, self._write_fd = os.pipe()
        self.pid = 0

    def start(self, args: List[str], reporter: Reporter, cpu_s: float) -> None:
        """Fork; the child runs pytest with `args` and never returns."""
        sys.stdout.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            reporter.fd = self._write_fd
            reporter.cpu_before_s = time.process_time()
            _be_child(args, reporter, self._home, parent, cpu_s)
        os.close(self._write_fd)

    def pump(self) -> List[Dict[str, Any]]:
        """Read what is there; the new events."""
        data = os.read(self.fd, 1 << 16)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        new = [json.loads(line) for line in lines]
        self.events += new
        self.ended = not data or any(event["event"] == "end" for event in new)
        return new

    def finish(self) -> float:
        """Kill what is left of the child's group; seconds that it took."""
        self.timed_out = not self.ended
        for kill in (os.killpg, os.kill):
            try:
                kill(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        usage = os.wait4(self.pid, 0)[2]
        self.cpu_s = usage.ru_utime + usage.ru_stime
        os.close(self.fd)
        shutil.rmtree(self._home, ignore_errors=True)
        return time.monotonic() - self.started


def _be_child(args: List[str], reporter: Reporter, home: str, parent: int, cpu_s: float) -> None:
    status = 3
    try:
        os.setsid()
        _die_with(parent)
        _limit(cpu_s)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.environ["TMPDIR"] = home
        tempfile.tempdir = None
        sys.argv = ["pytest", *args]
        if reporter.before:
            reporter.before()
        status = int(pytest.main(args, plugins=[reporter]))
    except BaseException:  # noqa: BLE001 - whatever the tests did, the child ends here
        status = 3
    finally:
        try:
            reporter.send(event="end", exit=status)
        finally:
            os._exit(0)


def _die_with(parent: int) -> None:
    """On Linux, ask to be killed when the parent is (prctl(2), PR_SET_PDEATHSIG = 1)."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


def _limit(cpu_s: float) -> None:
    if cpu_s:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY_BYTES, hard))
    except (OSError, ValueError):
        return
