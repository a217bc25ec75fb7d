"""Observes a project's tests, and tries candidate sources on them, without touching its files.

Runs inside the tested project's interpreter: standard library and pytest only, Python 3.8 on.
Started as `python greenloop_hunt.py job.json` with the workspace as the working folder; answers
as JSON lines in the file that the job names, and prints a line for each step of progress.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import sys
import time
from collections import deque
from importlib import metadata
from typing import Any, Callable, Deque, Dict, FrozenSet, Iterable, List, Optional, Set, Tuple

from greenloop_child import Child, Reporter, loaded_modules  # type: ignore[import-not-found]
from greenloop_lines import LineRecorder  # type: ignore[import-not-found]
from greenloop_outcomes import is_fixed, outcomes  # type: ignore[import-not-found]
from greenloop_overlay import Overlay  # type: ignore[import-not-found]

_ALWAYS = ["-p", "no:cacheprovider", "--continue-on-collection-errors", "--maxfail=0", "-q"]
_QUICK = ["--assert=plain", "--tb=no"]
_ONE_BY_ONE = 60
"""Above so many tests their files are named to pytest instead, and the others deselected."""

Json = Dict[str, Any]


class Hunt:
    """One job: its settings, the children it runs, and the file it answers in."""

    def __init__(self, job: Json) -> None:
        self.job = job
        self.workspace = os.path.realpath(os.getcwd())
        self.started = time.monotonic()
        self.overlay = Overlay()
        self.overlay.install()
        self._out = open(job["result"], "a", encoding="utf-8")  # noqa: SIM115

    def answer(self, **event: Any) -> None:
        """Append one line to the result."""
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def left_s(self) -> float:
        """Seconds until the job's deadline."""
        return float(self.job["deadline_s"]) - (time.monotonic() - self.started)

    def reporter(self) -> Any:
        """A reporter for the next child."""
        return Reporter(-1, self.workspace)

    def fork(self, args: List[str], reporter: Any, wall_s: float, cpu_s: float = 0.0) -> Any:
        """Start pytest in a child."""
        child = Child(max(0.1, min(wall_s, self.left_s())), self.job["folder"])
        child.start(_ALWAYS + args + _plugin_options(), reporter, cpu_s)
        return child

    def arguments(self, ids: Iterable[str]) -> List[str]:
        """Arguments that make pytest collect these tests as the user's command would."""
        ids = list(ids)
        one_by_one = len(ids) <= _ONE_BY_ONE
        places = {_place(test_id, one_by_one) for test_id in ids}
        return [*self.job["options"], *sorted(os.path.join(self.job["root"], p) for p in places)]

    def preload(self) -> None:
        """Import once what the tests need from outside the project; children inherit it."""
        bare = "--bare" in sys.argv
        for name in () if bare else self.job["preload"]:
            try:
                importlib.import_module(name)
            except BaseException:  # noqa: BLE001 - the tests' own import will tell
                continue
        if not bare and loaded_modules(self.workspace)["inside"]:
            # Something outside imports the project: it must not be in memory before a fork.
            os.execv(sys.executable, [sys.executable, *sys.argv, "--bare"])
        self.overlay.remember(self.job["sources"])
        gc.freeze()  # what is there now is never garbage: children need not look through it


def _place(test_id: str, one_by_one: bool) -> str:
    path, colons, rest = test_id.partition("::")
    name = rest.partition("[")[0]
    return path + colons + name if one_by_one and "." not in name else path


def _plugin_options() -> List[str]:
    """Switch off what would start workers, shuffle, or trace beside us."""
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return []
    options = {"xdist": ["-n0"], "pytest_cov": ["--no-cov"], "randomly": ["-p", "no:randomly"]}
    options["benchmark"] = ["--benchmark-disable"]
    if _plugin_options_known is None:
        _learn_plugins()
    names = _plugin_options_known or frozenset()
    return [word for name, words in options.items() if name in names for word in words]


_plugin_options_known: Optional[FrozenSet[str]] = None


def _learn_plugins() -> None:
    global _plugin_options_known  # noqa: PLW0603 - a cache of what is installed
    names: Set[str] = set()
    for distribution in metadata.distributions():
        names.update(e.name for e in distribution.entry_points if e.group == "pytest11")
    _plugin_options_known = frozenset(names)


def wait(children: Dict[Any, Any]) -> List[Any]:
    """Read from the children until one or more have ended or are past their deadline."""
    while True:
        now = time.monotonic()
        done = [child for child in children if child.ended or child.deadline <= now]
        if done:
            return done
        timeout = min(child.deadline for child in children) - now
        ready, _, _ = select.select([child.fd for child in children], [], [], max(0.0, timeout))
        for child in children:
            if child.fd in ready:
                child.pump()


def run_to_end(hunt: Hunt, child: Any, note: Callable[[Json], None]) -> float:
    """Read one child until its end; seconds that it took."""
    seen = 0
    while not child.ended and time.monotonic() < child.deadline:
        timeout = max(0.0, child.deadline - time.monotonic())
        if select.select([child.fd], [], [], timeout)[0]:
            child.pump()
        for event in child.events[seen:]:
            note(event)
        seen = len(child.events)
    return float(child.finish())


def observe(hunt: Hunt) -> None:
    """Run everything once as it is, then the failing tests and their neighbours line by line."""
    job = hunt.job
    reporter = hunt.reporter()
    reporter.describe = True
    reporter.test_limit_s = job["test_limit_s"]
    child = hunt.fork([*job["pytest_args"], "--tb=short"], reporter, job["suite_s"])
    ran = [0]

    def note(event: Json) -> None:
        if event["event"] == "ran":
            ran[0] += 1
            if ran[0] % 200 == 0:
                print("ran", ran[0], flush=True)

    seconds = run_to_end(hunt, child, note)
    tests = outcomes(child.events)
    for test_id, test in tests.items():
        hunt.answer(**{**test, "event": "test", "id": test_id})
    known = {event["event"]: event for event in child.events}
    collected = known.get("collected", {"positional": [], "root": hunt.workspace, "ini": ""})
    job["root"] = collected["root"]
    job["options"] = _options(job["pytest_args"], collected)
    modules = known.get("modules", {"outside": [], "inside": []})
    job["preload"], job["sources"] = modules["outside"], modules["inside"]
    keys = ("root", "options", "preload", "sources")
    hunt.answer(
        event="setup", seconds=seconds, finished=child.ended, **{key: job[key] for key in keys}
    )
    failing = [test_id for test_id, test in tests.items() if test["outcome"] in ("failed", "slow")]
    if failing and child.ended:
        _trace(hunt, tests, failing)


def _options(args: List[str], collected: Json) -> List[str]:
    positional = set(collected["positional"])
    options = [arg for arg in args if arg not in positional] + ["--rootdir=" + collected["root"]]
    return [*options, "-c", collected["ini"]] if collected["ini"] else options


def _trace(hunt: Hunt, tests: Dict[str, Json], failing: List[str]) -> None:
    files = {test_id.partition("::")[0] for test_id in failing}
    passing = [t for t, test in tests.items() if test["outcome"] == "passed"]
    near = [t for t in passing if t.partition("::")[0] in files]
    far = [t for t in passing if t.partition("::")[0] not in files]
    # Evenly from the rest: some of them meet the same lines and clear the sound ones.
    chosen = [*failing[:80], *near[:400], *far[:: max(1, len(far) // 200)]]
    recorder = LineRecorder(hunt.workspace)
    reporter = hunt.reporter()
    reporter.only = frozenset(chosen)
    reporter.order = {test_id: number for number, test_id in enumerate(chosen)}
    reporter.test_limit_s = min(hunt.job["test_limit_s"], 5.0)
    reporter.hanging = frozenset(t for t in failing if tests[t]["outcome"] == "slow")
    reporter.before = recorder.start
    reporter.after_test = lambda test_id: {"lines": recorder.take()}
    print("tracing", len(chosen), flush=True)
    child = hunt.fork([*hunt.arguments(chosen), *_QUICK], reporter, hunt.job["trace_s"])
    run_to_end(hunt, child, lambda event: None)
    found = outcomes(child.events)
    for event in child.events:
        if event["event"] == "collected":
            hunt.answer(event="imported", lines=event["imported"].get("lines", {}))
        elif event["event"] == "ran" and event["id"] in found:
            outcome = found[event["id"]]["outcome"]
            hunt.answer(event="lines", id=event["id"], outcome=outcome, lines=event["lines"])


class Search:
    """Tries candidates in their order, a few at a time, until enough is found."""

    def __init__(self, hunt: Hunt) -> None:
        self.hunt = hunt
        self.candidates: List[Json] = hunt.job["candidates"]
        self.targets: List[str] = hunt.job["targets"]
        self.last = len(self.candidates)
        """Candidates from here on are not tried any more."""
        self.full: List[int] = []
        self.best = 0
        self.tried = 0
        self.cpu_s = self.wall_s = 0.0
        self._texts: Dict[str, bytes] = {}
        self._next = 0
        self._again: Deque[int] = deque()

    def run(self) -> None:
        """Search; the result lines are in the order of the candidates only once sorted."""
        self._calibrate()
        running: Dict[Any, Tuple[int, List[str]]] = {}
        while True:
            while len(running) < self.hunt.job["workers"] and self.hunt.left_s() > 0:
                task = self._take()
                if task is None:
                    break
                running[self._start(*task)] = task
            if not running:
                break
            for child in wait(running):
                index, ids = running.pop(child)
                child.finish()
                self._judge(index, ids, outcomes(child.events))
                print("tried", self.tried, self.last, len(self.full), flush=True)
        stopped = "deadline" if self.hunt.left_s() <= 0 else ""
        self.hunt.answer(event="searched", tried=self.tried, last=self.last, stopped=stopped)

    def _calibrate(self) -> None:
        """Learn from an unchanged run what a candidate may take, were it not to end."""
        most = 1.5 if self.hunt.job["hanging"] else 4.0
        args, reporter = self._call(self.targets[: self.hunt.job["pivots"]])
        child = self.hunt.fork(args, reporter, 10.0, most)
        wall = run_to_end(self.hunt, child, lambda event: None)
        if not any(event["event"] == "end" for event in child.events):
            start = [e["cpu_s"] for e in child.events if e["event"] == "collected"] or [0.5]
            self.cpu_s, self.wall_s = 0.5 + 3 * start[0], 5.0
        else:
            self.cpu_s, self.wall_s = max(1.0, 5 * child.cpu_s), max(3.0, 8 * wall)
        found = outcomes(child.events)
        already = [test_id for test_id in self.targets if is_fixed(test_id, found)]
        self.hunt.answer(event="calibrated", cpu_s=self.cpu_s, passing=already)

    def _call(self, ids: List[str]) -> Tuple[List[str], Any]:
        reporter = self.hunt.reporter()
        reporter.only = frozenset(ids)
        reporter.hasty = True
        return [*self.hunt.arguments(ids), *_QUICK], reporter

    def _take(self) -> Optional[Tuple[int, List[str]]]:
        if self._again:
            return self._again.popleft(), self.targets
        if self._next >= self.last:
            return None
        index = self._next
        self._next += 1
        return index, [self.targets[number] for number in self.candidates[index]["tests"]]

    def _start(self, index: int, ids: List[str]) -> Any:
        candidate = self.candidates[index]
        args, reporter = self._call(ids)
        path, source = candidate["path"], self._spliced(candidate)
        reporter.before = lambda: self.hunt.overlay.replace(path, source)
        more = 1 + len(ids) // 20
        return self.hunt.fork(args, reporter, self.wall_s * more, self.cpu_s * more)

    def _spliced(self, candidate: Json) -> bytes:
        path = candidate["path"]
        if path not in self._texts:
            with open(path, "rb") as file:
                self._texts[path] = file.read()
        text = self._texts[path]
        for start, end, new in sorted(candidate["splices"], reverse=True):
            text = text[:start] + new.encode() + text[end:]
        return text

    def _judge(self, index: int, ids: List[str], found: Dict[str, Json]) -> None:
        everything = len(ids) == len(self.targets)
        if ids is not self.targets:
            self.tried += 1
        fixed = [test_id for test_id in ids if is_fixed(test_id, found)]
        if not fixed or index >= self.last:
            return
        if not everything:
            self._again.append(index)
            return
        self.hunt.answer(event="fixed", i=index, fixed=fixed)
        self._narrow(index, len(fixed))

    def _narrow(self, index: int, fixed: int) -> None:
        """Stop some way behind the first success, by count so that every run stops alike."""
        job = self.hunt.job
        if fixed >= min(len(self.targets), self.candidates[index]["covering"]):
            # All that run the line: with several faults, this one is mended.
            self.full.append(index)
            more = max(job["more"], min(index // 2, 2 * job["more"]))
            if len(self.full) >= job["enough"]:
                more = 0
        elif fixed > self.best and fixed >= 0.8 * self.candidates[index]["covering"]:
            more = 6 * job["more"] + index
        else:
            return
        self.best = max(self.best, fixed)
        self.last = min(self.last, index + more + 1)


def validate(hunt: Hunt) -> None:
    """Run the whole suite for each candidate, stopping at the first test that breaks."""
    job = hunt.job
    protected = frozenset(job["protected"])
    search = Search(hunt)
    for index, candidate in enumerate(job["candidates"]):
        if hunt.left_s() <= 0:
            break
        reporter = hunt.reporter()
        reporter.protected = protected
        reporter.test_limit_s = job["test_limit_s"]
        source = search._spliced(candidate)
        reporter.before = lambda c=candidate, s=source: hunt.overlay.replace(c["path"], s)
        child = hunt.fork([*job["pytest_args"], *_QUICK], reporter, job["suite_s"])
        seconds = run_to_end(hunt, child, lambda event: None)
        found = outcomes(child.events)
        passed = {t for t, test in found.items() if test["outcome"] == "passed"}
        failing = [t for t, test in found.items() if test["outcome"] in ("failed", "slow")]
        broken = sorted(protected - passed)
        hunt.answer(
            event="suite", i=index, passed=len(passed), failing=failing[:200],
            broken=broken[:20], finished=child.ended, seconds=seconds,
        )  # fmt: skip
        print("suite", index + 1, len(job["candidates"]), len(broken), flush=True)


def fix_addresses() -> None:
    """On Linux, start again without address randomisation where that is allowed.

    hash(None) and hash(object()) come from addresses, so the order of sets and with it the ids of
    parametrised tests would differ between this run and the next: personality(2),
    ADDR_NO_RANDOMIZE = 0x0040000.
    """
    if not sys.platform.startswith("linux") or "--fixed" in sys.argv:
        return
    try:
        personality = ctypes.CDLL(None).personality
    except (OSError, AttributeError):
        return
    known = personality(0xFFFFFFFF)
    if known >= 0 and not known & 0x0040000 and personality(known | 0x0040000) >= 0:
        os.execv(sys.executable, [sys.executable, *sys.argv, "--fixed"])


def main() -> None:
    """Read the job, become like the user's pytest process, and do what the job says."""
    fix_addresses()
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    # `python -m pytest` puts the working folder first on the path; `pytest` does not.
    sys.path.pop(0)
    if job["dash_m"]:
        sys.path.insert(0, os.getcwd())
    sys.dont_write_bytecode = True
    hunt = Hunt(job)
    if job["mode"] == "observe":
        observe(hunt)
        return
    hunt.preload()
    if job["mode"] == "search":
        Search(hunt).run()
    else:
        validate(hunt)


if __name__ == "__main__":
    main()
