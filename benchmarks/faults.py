"""Every failure of the model server at three moments: what a run makes of it, and what is left.

For each a thread runs against a server that fails for good, with short deadlines; then the same
thread is resumed with a server that is well. No model and no GPU is needed.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.faults_cases import HEALTHY, Case, Moment, cases
from greenloop.config import Settings, load
from greenloop.errors import GreenloopError
from greenloop.graph.result import RunResult
from greenloop.graph.resume import resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import Storage, open_storage
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.model.profile import DEFAULT
from greenloop.tools.standin.start import Standin, start_standin

NAME = "qwen2.5-coder:7b"
GAP_S, OVERALL_S = 1.0, 2.0
"""The deadlines of the runs; those of users are minutes, see `stall_timeout`, `reply_timeout`."""
GRACE_S = 1.0
"""A reply that ends later than its deadline by more than this is past it."""

_FILES = {
    "check.sh": 'while read -r word; do grep -q "$word" answer.txt || exit 1; done < wanted\n',
    "wanted": "red\nblue\n",
    "answer.txt": "none\n",
}
_AFTERWARDS = {**_FILES, "answer.txt": "red\nblue\n"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at one moment, and what became of it."""

    name: str
    moment: Moment
    error: str
    """Class of the error that ended the run; `handled` when the run came to an end of its own."""
    named: bool
    """Whether that is an error of ours, with cause and cure."""
    asked: int
    """Replies that the run asked for."""
    tries: int
    """Requests that the server saw."""
    seconds: float
    """The longest of the replies."""
    resumed: bool
    """Whether the thread then came to its end with the files as they should be."""

    @property
    def retried(self) -> bool:
        """Whether the client asked again by itself."""
        return self.tries > self.asked

    @property
    def past_deadline(self) -> bool:
        """Whether a reply took longer than its deadline allows."""
        return self.seconds > OVERALL_S + GRACE_S


class Timed(OllamaModel):
    """A model that remembers how long its replies took, failed ones included."""

    __slots__ = ("asked", "longest")

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """See `OllamaModel.reply`."""
        began = time.monotonic()
        self.asked = getattr(self, "asked", 0) + 1
        try:
            return super().reply(request, on_text)
        finally:
            took = time.monotonic() - began
            self.longest = max(getattr(self, "longest", 0.0), took)


def measure(chosen: Sequence[Case] | None = None) -> tuple[Fault, ...]:
    """Run every case, or those chosen."""
    every = cases() if chosen is None else tuple(chosen)
    shared = [_only_for(case) for case in every if not case.needs_a_server]
    with (
        tempfile.TemporaryDirectory() as name,
        start_standin({"replies": shared}, Path(name)) as failing,
        start_standin({"replies": [{"text": HEALTHY, "times": None}]}, Path(name)) as healthy,
    ):
        return tuple(
            _once(case, failing, healthy, Path(name) / str(n)) for n, case in enumerate(every)
        )


def _only_for(case: Case) -> Mapping[str, object]:
    """The case's reply, for requests of its own run only."""
    return {**case.reply, "when": {"contains": case.key}}


def figures(rows: Sequence[Fault]) -> Mapping[str, int]:
    """The table in numbers; all but the first two should be 0."""
    return {
        "faults": len(rows),
        "resumed": sum(row.resumed for row in rows),
        "past_deadline": sum(row.past_deadline for row in rows),
        "unnamed": sum(not row.named for row in rows),
    }


def table(rows: Sequence[Fault]) -> str:
    """One line for each fault."""
    wide = max(len(row.name) for row in rows)
    head = f"{'fault':<{wide}}  moment  {'ends in':<21}  asked  tries  retried  longest  resumed"
    lines = [
        f"{row.name:<{wide}}  {row.moment:<6}  {row.error:<21}  {row.asked:5}  {row.tries:5}  "
        f"{'yes' if row.retried else 'no':<7}  {row.seconds:5.2f} s  "
        f"{'yes' if row.resumed else 'NO'}"
        for row in rows
    ]
    sums = ", ".join(f"{name} {value}" for name, value in figures(rows).items())
    return "\n".join([head, *lines, "", f"{sums} (deadlines {GAP_S:g} s and {OVERALL_S:g} s)"])


def _once(case: Case, failing: Standin, healthy: Standin, folder: Path) -> Fault:
    repo = folder / "repo"
    repo.mkdir(parents=True)
    for name, text in _FILES.items():
        (repo / name).write_text(text, encoding="utf-8")
    with open_storage(folder / "data") as storage, ExitStack() as stack:
        if case.needs_a_server:
            script = {"replies": [_only_for(case)], **case.script}
            failing = stack.enter_context(start_standin(script, folder))
        if case.nobody:
            failing.stop()
        model = _model(failing, native_tools=case.native_tools)
        ended = _ended(lambda: _begin(f"{case.task} {case.key}", repo, storage, model))
        again = _ended(lambda: _go_on(repo, storage, _well(healthy)))
        tries = sum(case.key in str(record["body"]) for record in failing.chats())
    return Fault(
        name=case.fault,
        moment=case.moment,
        error="handled" if isinstance(ended, RunResult) else type(ended).__name__,
        named=isinstance(ended, RunResult | GreenloopError),
        asked=model.asked,
        tries=tries,
        seconds=model.longest,
        resumed=isinstance(again, RunResult) and again.status == "green" and _is_done(repo),
    )


def _model(standin: Standin, *, native_tools: bool = False) -> Timed:
    return Timed(
        NAME,
        standin.url,
        num_ctx=4096,
        num_predict=1024,
        gap_s=GAP_S,
        overall_s=OVERALL_S,
        pauses_s=(0.01, 0.02),
        profile=replace(DEFAULT, native_tools=native_tools, json_schema=False),
    )


def _well(standin: Standin) -> Timed:
    """With time enough for a busy machine: here it is not the deadlines that matter."""
    model = _model(standin)
    model.gap_s = model.overall_s = 60.0
    return model


def _settings(**more: object) -> Settings:
    chosen = {"test_cmd": "sh check.sh", "retrieval": "none", "model": NAME, "plan": "never"}
    return load({**chosen, **more}).settings


def _begin(task: str, repo: Path, storage: Storage, model: Timed) -> RunResult:
    settings = _settings(max_repairs=0, max_replans=0, budget_calls=4)
    return start(task, Workspace(repo), settings, storage, Run(model=model))


def _go_on(repo: Path, storage: Storage, model: Timed) -> RunResult:
    (thread,) = storage.threads.all()
    return resume(thread, Workspace(repo), _settings(), storage, Run(model=model))


def _ended(work: Callable[[], RunResult]) -> RunResult | Exception:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - what is not ours is what is looked for
        return error


def _is_done(repo: Path) -> bool:
    found = {p.name: p.read_text(encoding="utf-8") for p in repo.iterdir() if p.is_file()}
    return found == _AFTERWARDS
