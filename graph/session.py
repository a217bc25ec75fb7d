"""A thread at work: the compiled graph, its checkpoints and the live objects, in one process."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from greenloop.checkpoints.events import EventLog, Listener
from greenloop.checkpoints.journal import Journal
from greenloop.checkpoints.shape import check_state
from greenloop.checkpoints.threads import Thread, ThreadStatus
from greenloop.config import Settings, environment
from greenloop.errors import CancelledError, InfrastructureError, UserError
from greenloop.graph.approval import Questions, asked_in, consent, pauses
from greenloop.graph.brain import open_brain
from greenloop.graph.build import build_graph
from greenloop.graph.result import RunResult, make_result
from greenloop.graph.storage import Storage, store_of
from greenloop.nodes.approval import Plain, Proposal, Verdict
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ChatModel
from greenloop.tools.retrieval.open import open_retriever
from greenloop.tools.runner.command import find_command
from greenloop.tools.runner.run import TestRunner
from greenloop.tools.sandbox.local import LocalSandbox

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.runtime import RunControl
    from langgraph.types import Command

    from greenloop.graph.build import Graph

    First = AgentState | Command[Any] | None

_RECURSION_LIMIT = 100_000
"""LangGraph's own limit is out of the way: ours, in the state, lets the run end in good order."""


@dataclass(slots=True)
class Run:
    """A run's handle for its caller: who listens, and a way to ask it to stop."""

    listeners: Sequence[Listener] = ()
    model: ChatModel | None = None
    """A brain to use instead of the one that the thread names; for embedding and tests."""
    answer: Verdict | None = None
    """What the user says to the question that a resumed thread waits with."""
    thread: str = ""
    """Name of the thread once there is one."""
    stopping: bool = field(default=False, init=False)
    brain: ChatModel | None = field(default=None, init=False)
    """The one at work."""
    control: "RunControl | None" = field(default=None, init=False)

    def stop(self) -> None:
        """Ask to stop at the next checkpoint; safe to call from a signal handler."""
        self.stopping = True
        if self.control is not None:
            self.control.request_drain("asked to stop")

    def cancel(self) -> None:
        """Break off the reply that is being made, from another thread than the run's.

        The run ends with a CancelledError; its thread is resumable.
        """
        self.stop()
        if self.brain is not None:
            self.brain.cancel()


@dataclass(frozen=True, slots=True)
class Session:
    """A thread opened for work: the compiled graph, its checkpoints and the live objects."""

    thread: Thread
    graph: "Graph"
    config: "RunnableConfig"
    deps: Deps
    storage: Storage
    run: Run

    def drive(self, first: "First") -> RunResult:
        """Run to the end, to the checkpoint after a request to stop, or to a question.

        Args:
            first: the initial state, None to go on from the last checkpoint, or the answer to
                the question there.
        """
        threads, name = self.storage.threads, self.thread.thread
        threads.set_status(name, "running")
        try:
            stopped = self._stream(first)
        except UserError:
            threads.set_status(name, "failed")
            raise
        except (KeyboardInterrupt, CancelledError):
            self._wait_here("interrupted")
            raise
        except BaseException:
            self._wait_here("failed")
            raise
        state = self.state()
        if stopped == "drained":
            self._wait_here("interrupted")
            return make_result(self.thread, state, self.deps.snapshots, "interrupted", self.model)
        if stopped:
            asked = self._ask(stopped, state)
            return make_result(self.thread, state, self.deps.snapshots, asked, self.model)
        return self.finish(state)

    def finish(self, state: AgentState) -> RunResult:
        """Record the end that the last checkpoint holds.

        Raises:
            InfrastructureError: it holds none.
        """
        if state["status"] == "running":
            raise InfrastructureError(f"{self.thread.thread} stopped before its end: resume it")
        self.storage.threads.set_status(self.thread.thread, state["status"])
        return make_result(self.thread, state, self.deps.snapshots, state["status"], self.model)

    @property
    def model(self) -> str:
        """The brain at work."""
        return self.deps.model.name

    def state(self) -> AgentState:
        """The last checkpoint's state; empty before the first."""
        values = self.graph.get_state(self.config).values
        check_state(values, self.thread.thread)
        return cast(AgentState, values)

    def questions(self, state: AgentState) -> Questions:
        """What is asked behind the checkpoint of this state."""
        step = state.get("events", 0)
        return Questions(self.thread.thread, step, self.storage.database, self.storage.blobs)

    def _ask(self, asked: Plain, state: AgentState) -> Proposal:
        """Leave the question where whoever answers finds it, in days maybe."""
        proposal = self.questions(state).note(asked, self.deps.events)
        self.storage.threads.set_status(self.thread.thread, "waiting")
        return proposal

    def _stream(self, first: "First") -> Plain | Literal["drained"] | None:
        """Why the run stopped before its end: a request, or what is asked; None at its end."""
        from langgraph.errors import GraphDrained  # noqa: PLC0415
        from langgraph.runtime import RunControl  # noqa: PLC0415

        self.run.control = RunControl()
        if self.run.stopping:
            self.run.stop()
        asked = None
        try:
            # A mode that keeps nodes in this thread, where Ctrl-C reaches them at once.
            for part in self.graph.stream(
                first,
                self.config,
                context=self.deps,
                stream_mode="updates",
                durability="sync",
                control=self.run.control,
            ):
                asked = asked_in(part) or asked
        except GraphDrained:
            return "drained"
        return asked

    def _wait_here(self, status: ThreadStatus) -> None:
        """Record where the thread stands, for those who look without loading LangGraph."""
        self.storage.threads.set_status(self.thread.thread, status)
        snapshot = self.graph.get_state(self.config)
        if snapshot.next:
            self.deps.events.after(snapshot.values.get("events", 0))
            self.deps.events.emit("waiting", snapshot.next[0])


@contextmanager
def opened(
    thread: Thread, workspace: Workspace, settings: Settings, storage: Storage, run: Run
) -> Iterator[Session]:
    """Open a thread for work; no other process can while it is.

    Raises:
        ThreadError: another one does, or prunes the snapshots.
    """
    config: RunnableConfig = {
        "configurable": {"thread_id": thread.thread},
        "recursion_limit": _RECURSION_LIMIT,
    }
    with ExitStack() as held:
        busy = f"another process works on {thread.thread}: wait for it or stop it"
        held.enter_context(storage.database.hold(thread.thread, busy))
        held.enter_context(storage.in_use(store_of(thread)))
        deps = _assemble(thread, workspace, settings, storage, run)
        held.enter_context(closing(deps.retriever))
        saver = held.enter_context(storage.database.saver())
        yield Session(thread, build_graph(saver), config, deps, storage, run)


def _assemble(
    thread: Thread,
    workspace: Workspace,
    settings: Settings,
    storage: Storage,
    run: Run,
) -> Deps:
    known = environment()
    sandbox = LocalSandbox(known.passed_on)
    command = find_command(
        workspace.root, settings.test_cmd, known.virtual_env, known.path, sandbox, settings.venv
    )
    run.brain = run.model or open_brain(settings.model, settings, sandbox, command)
    return Deps(
        model=run.brain,
        runner=TestRunner(sandbox, command, workspace.root, settings.test_timeout),
        workspace=workspace,
        snapshots=storage.snapshots(workspace.root, thread.store),
        events=EventLog(storage.database, storage.blobs, thread.thread, run.listeners),
        journal=Journal(storage.database, storage.blobs, thread.thread),
        blobs=storage.blobs,
        retriever=open_retriever(
            settings.retrieval, workspace.root, storage.root / "index", settings.embedding_model
        ),
        settings=settings,
        consent=consent,
        pauses=pauses(),
    )
