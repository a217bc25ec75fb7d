"""The arms of the growth benchmark, each in a process of its own.

    python -m benchmarks.growth_arms ours|theirs|paired|resume FOLDER STEPS

The last line printed is one JSON object.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from greenloop.checkpoints.threads import Thread
from greenloop.config import Settings, load
from greenloop.errors import CancelledError
from greenloop.graph.build import build_graph
from greenloop.graph.edges import GRAPH_VERSION, NODES
from greenloop.graph.holding import working_on
from greenloop.graph.resume import resume
from greenloop.graph.run import initial_state, stored_settings
from greenloop.graph.session import Run, Session, opened
from greenloop.graph.storage import Storage, folder_key, open_storage
from greenloop.nodes.deps import Deps
from greenloop.state import (
    STATE_VERSION,
    AgentState,
    Best,
    Event,
    Plan,
    Score,
    Step,
    TestSummary,
)
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
    from langchain_core.runnables import RunnableConfig

SIZES = (10, 100, 300, 1000, 3000)
"""Steps after which the figures are taken."""
MESSAGE_CHARS, OUTPUT_CHARS = 2_000, 200_000
THEIRS_BYTES, THEIRS_S = 1_000_000_000, 180.0
"""Where the arm without our store is stopped."""
PAIRS = 200
"""Steps of the long thread that are timed beside those of a new one."""
_SETTLED = 200
"""Steps that a new thread makes before that: its stores make their folders first."""
_WARM = 10
_FILES = 30
_THREAD = "growth"
_WORDS = ("error", "value", "expected", "assert", "None", "tests/test_cart.py", "total", "price")


@dataclass(frozen=True, slots=True)
class Point:
    """Figures at one size."""

    steps: int
    database_bytes: int
    blob_bytes: int
    rss_bytes: int


@dataclass(slots=True)
class Arm:
    """What one arm found."""

    times_ms: list[float] = field(default_factory=list)
    """Of each step, checkpoint included."""
    points: list[Point] = field(default_factory=list)
    stopped: str = ""
    """Why before its end; empty if it came there."""


def message(step: int) -> str:
    """What a model might say at a step; no two are alike."""
    return _text(step, MESSAGE_CHARS)


def output(step: int) -> str:
    """What a test run might print at a step; no two are alike."""
    return _text(step + 1_000_003, OUTPUT_CHARS)


def _text(seed: int, chars: int) -> str:
    """Lines in which numbers and words change by a linear congruence, as quick as can be."""
    lines, number = [], seed
    for _ in range(chars // 50):
        number = (number * 1103515245 + 12345) % 2147483648
        word, other = _WORDS[number >> 8 & 7], _WORDS[number >> 16 & 7]
        lines.append(f"E   {word} {number:010d} != {other} at 0x{number:08x} line")
    return "\n".join(lines)


def ours(folder: Path, steps: int) -> Arm:
    """Our graph, saver, events, journal, blobs and snapshots around nodes without work."""
    arm, settings = Arm(), _settings(steps)
    run = Run(model=ScriptedModel(()))
    watch = _Watch(arm, run, folder / "data", steps)
    run.listeners = (watch,)
    with _long(folder, settings, run) as session:
        watch.begin()
        session.drive(initial_state(session.thread, settings))
    return arm


def paired(folder: Path, steps: int) -> Mapping[str, Any]:
    """Steps of the long thread and of a young one in turn, so that both meet the same machine."""
    times: dict[str, list[float]] = {"early": [], "late": []}
    settings = _settings(2 * steps)
    (folder / "new").mkdir()
    with ExitStack() as stack:
        long = stack.enter_context(_long(folder, settings, Run(model=ScriptedModel(()))))
        new = stack.enter_context(_long(folder / "new", settings, Run(model=ScriptedModel(()))))
        streams = {
            "late": _steps(long, None),
            "early": _steps(new, initial_state(new.thread, settings)),
        }
        for _ in range(min(_SETTLED, steps)):
            next(streams["early"])
        for number in range(_WARM + min(PAIRS, steps)):
            for name, stream in streams.items():
                began = time.perf_counter()
                next(stream)
                if number >= _WARM:
                    times[name].append((time.perf_counter() - began) * 1000)
    return times


def _steps(session: Session, first: AgentState | None) -> Iterator[Any]:
    """The thread's super-steps, one at a time, as `Session.drive` makes them."""
    return session.graph.stream(
        first, session.config, context=session.deps, stream_mode="updates", durability="sync"
    )


@contextmanager
def _long(folder: Path, settings: Settings, run: Run) -> Iterator[Session]:
    """The thread of a folder, made on first use, opened with nodes that do no work."""
    repo = folder / "repo"
    if not repo.exists():
        repo.mkdir()
        for number in range(_FILES):
            (repo / f"module_{number}.py").write_text(f"VALUE = {number}\n", encoding="utf-8")
    workspace = Workspace(repo)
    with open_storage(folder / "data") as storage, working_on(workspace, storage):
        known = storage.threads.all()
        thread = known[0] if known else _thread(workspace.root, storage, settings)
        if not known:
            storage.threads.add(thread)
        with opened(thread, workspace, settings, storage, run) as session:
            saver: Any = session.graph.checkpointer
            yield replace(session, graph=build_graph(saver, dict.fromkeys(NODES, _idle)))


class _Watch:
    """Times each step by its `finished` event and asks the run to stop at the last."""

    def __init__(self, arm: Arm, run: Run, data: Path, steps: int) -> None:
        self._arm, self._run, self._data, self._steps = arm, run, data, steps
        self._last = 0.0

    def begin(self) -> None:
        self._last = time.perf_counter()

    def __call__(self, event: Event) -> None:
        if event.kind != "finished":
            return
        self._arm.times_ms.append((time.perf_counter() - self._last) * 1000)
        if event.step in (*SIZES, self._steps):
            database = _bytes(self._data, "greenloop.db*")
            blobs = _bytes(self._data / "blobs", "??/*")
            self._arm.points.append(Point(event.step, database, blobs, rss()))
        if event.step == self._steps:
            self._run.stop()
        self._last = time.perf_counter()


def _idle(state: AgentState, deps: Deps) -> AgentState:
    """What a node leaves behind, without what it does."""
    step = state.get("events", 0) + 1
    deps.events.emit("prompt", "to coder", content=message(-step), sender="graph")
    deps.journal.keep(f"question {step}", json.dumps({"reply": message(step)}))
    deps.events.emit("reply", "an edit", content=message(step), sender="coder", tokens=500)
    deps.workspace.write(f"module_{step % _FILES}.py", f"VALUE = {step}\n")
    deps.events.emit("tests", "1 failed", content=output(step))
    report = TestSummary(passed=0, failed=1, skipped=0, kind="assertion")
    return {
        "plan": Plan((Step("go on"),)),
        "step": 0,
        "attempt": 0,
        "changed": True,
        "baseline": report,
        "report": report,
        "best": Best(state["tree"], Score(), report),
    }


def _settings(steps: int) -> Settings:
    return load(
        {
            "test_cmd": "true",
            "retrieval": "none",
            "model": "scripted",
            "budget_steps": steps + 10 * PAIRS,
            "budget_seconds": 1e6,
        }
    ).settings


def _thread(folder: Path, storage: Storage, settings: Settings) -> Thread:
    now = time.time()
    tree = storage.snapshots(folder).take()
    return Thread(
        thread=_THREAD, repo=str(folder), task="go on", model=settings.model,
        test_cmd=settings.test_cmd, settings=stored_settings(settings), status="running",
        base_tree=tree, graph_version=GRAPH_VERSION, state_version=STATE_VERSION,
        created=now, updated=now, store=folder_key(folder),
    )  # fmt: skip


def theirs(folder: Path, steps: int) -> Arm:
    """Plain LangGraph: messages in the state by `add_messages`, the stock SqliteSaver."""
    from langchain_core.messages import AIMessage, ToolMessage  # noqa: PLC0415
    from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415
    from langgraph.graph.message import add_messages  # noqa: PLC0415

    class Talk(TypedDict):
        messages: Annotated[list["AnyMessage"], add_messages]

    def node(state: Talk) -> dict[str, Any]:
        step = len(state["messages"]) // 2 + 1
        said = AIMessage(message(step))
        return {"messages": [said, ToolMessage(output(step), tool_call_id=str(step))]}

    Talk.__annotations__["messages"] = Annotated[list[Any], add_messages]
    graph = StateGraph(Talk)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    last = 2 * steps
    graph.add_conditional_edges(
        "node", lambda state: END if len(state["messages"]) >= last else "node", ["node", END]
    )
    arm, file = Arm(), folder / "theirs.db"
    config: RunnableConfig = {"configurable": {"thread_id": "1"}, "recursion_limit": steps + 10}
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        compiled: Any = graph.compile(checkpointer=SqliteSaver(connection))
        began = before = time.perf_counter()
        # As ours: with its default the writing lags behind, and memory fills with what waits.
        parts = compiled.stream({"messages": []}, config, stream_mode="updates", durability="sync")
        for _ in parts:
            now = time.perf_counter()
            arm.times_ms.append((now - before) * 1000)
            done, size = len(arm.times_ms), _bytes(folder, "theirs.db*")
            arm.stopped = _over(size, now - began)
            if done in (*SIZES, steps) or arm.stopped:
                arm.points.append(Point(done, size, 0, rss()))
            if arm.stopped:
                break
            before = time.perf_counter()
    return arm


def _over(size: int, seconds: float) -> str:
    if size > THEIRS_BYTES:
        return f"its database passed {THEIRS_BYTES / 1e9:g} GB"
    return f"it took longer than {THEIRS_S:g} s" if seconds > THEIRS_S else ""


def resumed(folder: Path) -> Mapping[str, Any]:
    """Milliseconds from the call of `resume` to the first node, and what was still imported."""
    _import_all()
    settings = _settings(0)
    reached: list[float] = []

    def listen(event: Event) -> None:
        if event.kind == "started":
            reached.append(time.perf_counter())
            raise CancelledError("far enough")

    with open_storage(folder / "data") as storage:
        thread = storage.threads.find(_THREAD)
        known = {**thread.settings, **{"budget_steps": settings.budget_steps}}
        own = load({k: v for k, v in known.items() if k in Settings.model_fields}).settings
        workspace = Workspace(Path(thread.repo))
        modules = set(sys.modules)
        began = time.perf_counter()
        run = Run(listeners=(listen,), model=ScriptedModel(()))
        try:
            resume(thread, workspace, own, storage, run)
        except CancelledError:
            late = sorted(set(sys.modules) - modules)
            return {"ms": (reached[0] - began) * 1000, "late_imports": late}
    raise RuntimeError("the resumed run ended before its first node")


def _import_all() -> None:
    from importlib import import_module  # noqa: PLC0415

    for name in (
        "langgraph.graph",
        "langgraph.checkpoint.sqlite",
        "langgraph.errors",
        "langgraph.runtime",
        "langgraph.types",
        "langchain_core.tracers.context",
        "langchain_core.tracers.run_collector",
        "langchain_core.tracers.stdout",
    ):
        import_module(name)


def rss() -> int:
    """Bytes of memory that this process holds now; where the system does not say, at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource  # noqa: PLC0415

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    import os  # noqa: PLC0415

    return pages * os.sysconf("SC_PAGE_SIZE")


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def main() -> int:
    """Run one arm."""
    name, folder, steps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if name == "resume":
        print(json.dumps(resumed(folder)))
    elif name == "paired":
        print(json.dumps(paired(folder, steps)))
    else:
        arm = ours(folder, steps) if name == "ours" else theirs(folder, steps)
        print(json.dumps(asdict(arm)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
