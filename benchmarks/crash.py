"""Torture: runs are killed at random moments, their disks filled and locked; is anything lost?

Scripted tasks go through the command line with real files, real tests and the stand-in server as
the model. Each is killed with SIGKILL, group and all, at a moment that is uniform over what is
left of an undisturbed run, and resumed with `greenloop resume`, until it is done.
"""

import random
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from benchmarks.crash_books import Page, Questions, all_trees, read_page
from benchmarks.crash_cases import Case, cases
from benchmarks.crash_process import Launcher, Life, launcher
from benchmarks.crash_site import Part, Site, sites
from greenloop.tools.standin.start import start_standin

MODEL = "qwen2.5-coder:7b"
_MOST_LIVES = 60
"""Of one task; more would mean that it does not come forward."""
_PATIENCE_S = 120.0
"""Longest life."""
_START_S = 0.1
"""What a process needs before it is at work."""
_SPARED = 0.25
"""Share of the lives that nothing happens to, or a task would hardly ever be done."""
_FAULTS: tuple[tuple[str, float], ...] = (
    ("kill", 0.62), ("full data", 0.12), ("full work", 0.08), ("locked data", 0.08),
    ("locked work", 0.1),
)  # fmt: skip
"""What happens to a life on a small disk, and how often."""

_MEANING = {
    "kills": "SIGKILLs that landed while a run was at work",
    "tasks": "each resumed until it was done",
    "disk_full_faults": "runs that met a full disk: exit code 3, one line",
    "read_only_faults": "runs that met a read-only disk: the same",
    "lost_edits": "lines that are not in the files at the end",
    "doubled_edits": "lines that are there more than once",
    "nodes_rerun": "nodes that ran again behind their checkpoint",
    "replies_asked_twice": "questions asked again whose reply was on record",
    "answered_but_lost": "asked again: the kill came between the reply's end and its record",
    "finished_but_not_kept": "run again: the kill came between a node's end and its checkpoint",
    "trees_unequal": "tasks that did not end with the files of an undisturbed run",
    "not_resumed": "runs that ended otherwise than they should",
    "integrity_ok": "the database is whole, every record named in it is readable",
    "seconds": "for all of it",
}

Files = Mapping[str, tuple[bytes, int]]
"""By path: bytes, or a link's target, and mode."""


@dataclass(slots=True)
class Counts:
    """What happened; all but the first few should be 0."""

    kills: int = 0
    tasks: int = 0
    disk_full_faults: int = 0
    read_only_faults: int = 0
    lost_edits: int = 0
    doubled_edits: int = 0
    nodes_rerun: int = 0
    replies_asked_twice: int = 0
    answered_but_lost: int = 0
    finished_but_not_kept: int = 0
    trees_unequal: int = 0
    not_resumed: int = 0
    integrity_ok: bool = True
    seconds: float = 0.0
    troubles: list[str] = field(default_factory=list)
    """In words, with the task and the life."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """How a case runs without any of this."""

    seconds: float
    steps: int
    files: Files


@dataclass(slots=True)
class _Task:
    """A task on its way."""

    name: str
    case: Case
    site: Site
    repo: Path
    known: Undisturbed
    page: Page | None = None
    """What the store held after the last life."""

    @property
    def left(self) -> float:
        """Seconds that the rest of it should take, by the super-steps that have finished."""
        done = self.page.number / self.known.steps if self.page else 0.0
        return self.known.seconds * (1.0 - done) + _START_S


class Torture:
    """Runs tasks until enough kills have landed."""

    def __init__(
        self,
        launch: Launcher,
        questions: Questions,
        scratch: Path,
        seed: int,
        store: str = "",
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.counts = Counts()
        self._launch = launch
        self._questions = questions
        self._scratch = scratch
        self._store = store
        self._random = random.Random(seed)
        self._tell = tell
        self._known: dict[tuple[str, bool], Undisturbed] = {}

    def run(self, kills: int, every: tuple[Case, ...], places: tuple[Site, ...]) -> None:
        """New tasks until so many kills have landed while a run was at work."""
        templates = self._scratch / "templates"
        for case in every:
            (templates / case.name).mkdir(parents=True)
            case.write(templates / case.name)
            for site in places:
                self._undisturbed(case, site)  # the first fills the machine's caches
                self._known[case.name, site.small] = self._undisturbed(case, site)
        while self.counts.kills < kills:
            case, site = self._random.choice(every), self._random.choice(places)
            self._one(case, site)
            if self.counts.tasks % 10 == 0:
                self._tell(f"{self.counts.kills} kills in {self.counts.tasks} tasks")

    def _one(self, case: Case, site: Site) -> None:
        """One task to its end."""
        self.counts.tasks += 1
        known = self._known[case.name, site.small]
        name = f"task-{self.counts.tasks}"
        task = _Task(name, case, site, self._project(case, site, name), known)
        self._questions.new_task()
        for _ in range(_MOST_LIVES):
            if self._live(task):
                break
        else:
            self._trouble(task, f"not done after {_MOST_LIVES} lives")
            self.counts.not_resumed += 1
        self._compare(task, known.files)
        shutil.rmtree(task.repo)
        if site.small:
            shutil.rmtree(site.data, ignore_errors=True)

    def _project(self, case: Case, site: Site, name: str) -> Path:
        repo = site.work / name
        shutil.copytree(self._scratch / "templates" / case.name, repo, symlinks=True)
        return repo

    def _undisturbed(self, case: Case, site: Site) -> Undisturbed:
        name = f"{case.name}-undisturbed"
        nothing = Undisturbed(0.0, 1, {})
        task = _Task(name, case, site, self._project(case, site, name), nothing)
        began = time.monotonic()
        life = self._begin(task)
        code = life.wait()
        seconds = time.monotonic() - began
        if code != 0:
            raise RuntimeError(f"{name} ends with {code}: {life.complaint}")
        page = read_page(site.data, self._store, task.repo, self._scratch / "books")
        assert page is not None
        files = _files(task.repo)
        shutil.rmtree(task.repo)
        return Undisturbed(seconds, page.number, files)

    def _begin(self, task: _Task, *more: str) -> Life:
        if task.page is None:
            words = ["run", task.case.task, "--model", MODEL, "--test-cmd", task.case.test_cmd,
                     "--set", "retrieval=keyword"]  # fmt: skip
        else:
            words = ["resume", task.page.thread]
        env = {
            "GREENLOOP_DATA_DIR": str(task.site.data),
            "GREENLOOP_STORE": self._store,
            "OLLAMA_HOST": self._questions.standin.url,
            "XDG_CONFIG_HOME": str(self._scratch / "config"),
        }
        argv = [*words, "--repo", str(task.repo), "--json", *more]
        return self._launch.start(argv, env, self._scratch / "out")

    def _live(self, task: _Task) -> bool:
        """One process; True when the task is done."""
        fault = "kill"
        if task.site.small:
            kinds, weights = zip(*_FAULTS, strict=True)
            (fault,) = self._random.choices(kinds, weights)
        before, moment = task.page, self._random.uniform(0.0, task.left)
        if self._random.random() < _SPARED:
            fault, moment = "kill", _PATIENCE_S
        what, _, where = fault.partition(" ")
        part: Part = "data" if where == "data" else "work"
        if fault == "locked data":  # its database is open for writing for as long as it runs
            task.site.lock(part)
            moment = 0.0
        began = time.monotonic()
        life = self._begin(task)
        code = life.wait(moment)
        if code == 0:
            self._learn(task, before, time.monotonic() - began)
        if code is None and what == "kill":
            code = life.kill()
        elif code is None:
            code = self._hinder(task.site, what, part, life)
        if fault == "locked data":
            task.site.unlock(part)
        self._settle()
        task.page = self._read(task, before)
        return self._judge(task, before, life, code, what)

    def _learn(self, task: _Task, before: Page | None, seconds: float) -> None:
        """How quick the machine is just now, from a life that came to the end of its task."""
        known = task.known
        share = 1.0 - (before.number / known.steps if before else 0.0)
        whole = (known.seconds + max(0.0, seconds - _START_S) / max(share, 1 / known.steps)) / 2
        self._known[task.case.name, task.site.small] = replace(known, seconds=whole)

    def _hinder(self, site: Site, what: str, part: Part, life: Life) -> int:
        """Let it run into a disk that is full or read-only."""
        if what == "full":
            site.fill(part)
        locked = what == "locked" and (part == "data" or site.lock(part))
        code = life.wait()
        if what == "full":
            site.free(part)
        elif locked and part == "work":
            site.unlock(part)
        if code is None:
            life.kill()
            raise RuntimeError(f"a run hangs on a {what} disk")
        return code

    def _settle(self) -> None:
        """Wait until the server has noticed that nobody listens any more."""
        while self._questions.standin.counts().in_flight:
            time.sleep(0.005)

    def _read(self, task: _Task, before: Page | None) -> Page | None:
        """Read the books, and compare them with what they held before this life."""
        counts = self.counts
        page = read_page(task.site.data, self._store, task.repo, self._scratch / "books")
        twice, lost = self._questions.look(before.replies if before else 0)
        counts.replies_asked_twice += twice
        counts.answered_but_lost += lost
        if twice:
            self._trouble(task, f"{twice} questions asked again whose replies were on record")
        if page is None:
            return before
        if page.damage:
            counts.integrity_ok = False
            self._trouble(task, "; ".join(page.damage))
        if before is not None:
            counts.finished_but_not_kept += before.told
            again = [n for n, at in before.started.items() if page.started.get(n) != at]
            counts.nodes_rerun += len(again)
            if again:
                self._trouble(task, f"finished super-steps {again} ran again")
        return page

    def _judge(self, task: _Task, before: Page | None, life: Life, code: int, what: str) -> bool:
        """Whether the task is done; an end that it should not have had is a trouble."""
        counts, page = self.counts, task.page
        if code == 0 or (page is not None and page.status == "green"):
            return True
        if code < 0:
            counts.kills += page is not None and page.status == "running"
            return False
        if what == "kill" or not _is_clean(life, code, what):
            counts.not_resumed += 1
            self._trouble(task, f"exit code {code} after {what}: {life.complaint.strip()}")
            if code == 2 and before is not None and "--files" in life.complaint:
                self._begin(task, "--files", "restore").wait()
            return False
        counts.disk_full_faults += what == "full"
        counts.read_only_faults += what == "locked"
        return False

    def _compare(self, task: _Task, wanted: Files) -> None:
        found = _files(task.repo)
        texts = [data for path, (data, _) in found.items() if not path.startswith(".git/")]
        for line in task.case.lines:
            times = sum(text.count(line.encode()) for text in texts)
            self.counts.lost_edits += times == 0
            self.counts.doubled_edits += max(0, times - 1)
        if found != wanted:
            self.counts.trees_unequal += 1
            names = sorted(p for p in {*found, *wanted} if found.get(p) != wanted.get(p))
            self._trouble(task, f"the tree is not that of an undisturbed run: {names}")
        wrong = all_trees(task.site.data, self._store, task.repo, self._scratch / "books")
        if wrong:
            self.counts.integrity_ok = False
            self._trouble(task, "; ".join(wrong))

    def _trouble(self, task: _Task, what: str) -> None:
        line = f"{task.name} ({task.case.name}): {what}"
        self.counts.troubles.append(line)
        self._tell(line)


def measure(
    kills: int, seed: int, store: str = "", tell: Callable[[str], None] = lambda line: None
) -> Counts:
    """Torture until so many kills have landed.

    Args:
        kills: how many.
        seed: of the moments, the tasks and the faults.
        store: address of the database; empty for a file in the data folder.
        tell: is told of troubles and of progress.
    """
    began = time.monotonic()
    every = cases(sys.executable)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-"))
        scratch = Path(name).resolve()
        script = {"replies": [reply for case in every for reply in case.replies]}
        standin = stack.enter_context(start_standin(script, scratch))
        launch = stack.enter_context(launcher())
        places = stack.enter_context(sites(scratch))
        torture = Torture(launch, Questions(standin), scratch, seed, store, tell)
        torture.run(kills, every, places)
    torture.counts.seconds = round(time.monotonic() - began, 1)
    return torture.counts


def figures(counts: Counts) -> Mapping[str, object]:
    """The counts by name, without the words."""
    return {name: value for name, value in asdict(counts).items() if name != "troubles"}


def table(counts: Counts) -> str:
    """One line for each count, with what it means."""
    lines = [
        f"{name:<22}  {value!s:>7}  {_MEANING[name]}" for name, value in figures(counts).items()
    ]
    return "\n".join(lines)


def _files(folder: Path) -> Files:
    """All that is in a folder; git's own files too, for nobody may touch them."""
    found: dict[str, tuple[bytes, int]] = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = (bytes(path.readlink()), 0)
        else:
            found[name] = (b"" if path.is_dir() else path.read_bytes(), stat.S_IMODE(mode))
    return found


def _is_clean(life: Life, code: int, what: str) -> bool:
    """Whether it ended as a run should that cannot write: one line, and the right exit code."""
    lines = life.complaint.strip().splitlines()
    one = len(lines) == 1 and lines[0].startswith("greenloop: ")
    ours = code == 3 or (code == 2 and what == "locked" and "cannot write" in life.complaint)
    return one and ours and "failed inside" not in life.complaint
