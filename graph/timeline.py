"""A thread's checkpoints, opened without a brain: found by number, and put behind the last one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from greenloop.checkpoints.databases.saver import NUMBER, find_checkpoint
from greenloop.checkpoints.events import EventLog, checkpoint_event
from greenloop.checkpoints.shape import check_state
from greenloop.errors import ThreadError
from greenloop.graph.build import build_graph
from greenloop.graph.edges import START
from greenloop.graph.storage import Storage
from greenloop.state import AgentState

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

    from greenloop.graph.build import Graph


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint of a thread."""

    number: int
    node: str
    """The node as which the thread stands there, `START` before the first."""
    state: AgentState
    config: "RunnableConfig"
    """What names it to LangGraph."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The checkpoints of one thread, which may have none yet."""

    thread: str
    graph: "Graph"
    saver: "BaseCheckpointSaver[Any]"
    storage: Storage

    def last(self) -> Checkpoint:
        """The checkpoint where the thread stands.

        Raises:
            ThreadError: there is none yet.
        """
        state = self._state(self._config)
        if "tree" not in state:
            raise ThreadError(
                f"{self.thread} has no checkpoint yet: `greenloop resume {self.thread}` begins it"
            )
        return self._checkpoint(state, self._config)

    def at(self, number: int) -> Checkpoint:
        """The checkpoint of that number, as its super-step left it.

        Raises:
            ThreadError: there is none.
        """
        found = self._first(number)
        if found is None:
            last = self.last().number
            raise ThreadError(
                f"{self.thread} has no checkpoint {number}: they go from 0 to {last}, and "
                f"`greenloop history {self.thread}` lists them"
            )
        return self._checkpoint(self._state(found.config), found.config)

    def put(self, after: "RunnableConfig | None", update: AgentState, node: str) -> tuple[str, ...]:
        """Put a checkpoint behind the last one, with the state of another one and an update.

        Args:
            after: names the other one; None for the last, or for the first of a new thread.
            update: what is different.
            node: the thread stands as if this node had just finished.

        Returns:
            The nodes that come next; none at the end.
        """
        self.graph.update_state(after or self._config, update, as_node=node)
        return self.graph.get_state(self._config).next

    @property
    def _config(self) -> "RunnableConfig":
        return {"configurable": {"thread_id": self.thread, "checkpoint_ns": ""}}

    def _state(self, config: "RunnableConfig") -> AgentState:
        values = self.graph.get_state(config).values
        check_state(values, self.thread)
        return cast(AgentState, values)

    def _first(self, number: int) -> "CheckpointTuple | None":
        """A resume may have put further ones of that number behind it, with a fresh budget."""
        every = self.saver.list(self._config, filter={NUMBER: number})
        of_work = [each for each in every if "tree" in each.checkpoint["channel_values"]]
        return of_work[-1] if of_work else find_checkpoint(self.saver, self.thread, number)

    def _checkpoint(self, state: AgentState, config: "RunnableConfig") -> Checkpoint:
        number = state.get("events", 0)
        event = checkpoint_event(self.storage.database, self.thread, number)
        node = event.node if event and event.node else START
        if node == "done" and state["status"] == "running":
            node = "test"  # an ended run that was resumed stands there
        return Checkpoint(number, node, state, config)


def arrive(log: EventLog, number: int, following: tuple[str, ...]) -> None:
    """Record that a move is complete, and which nodes come next.

    Raises:
        StorageError: it cannot be written.
    """
    log.after(number)
    if following:
        log.emit("waiting", following[0])
    else:
        log.emit("note", "at the end of the run")


@contextmanager
def open_timeline(thread: str, storage: Storage) -> Iterator[Timeline]:
    """Open a thread's checkpoints to read them; whoever puts one must hold the thread.

    Raises:
        StorageError: the database cannot be read.
    """
    with storage.database.saver() as saver:
        yield Timeline(thread, build_graph(saver), saver, storage)


@contextmanager
def held_timeline(thread: str, storage: Storage) -> Iterator[Timeline]:
    """Open a thread's checkpoints; no other process works on it meanwhile.

    Raises:
        ThreadError: another one does.
        StorageError: the database cannot be read.
    """
    busy = f"another process works on {thread}: wait for it or stop it"
    with storage.database.hold(thread, busy), open_timeline(thread, storage) as timeline:
        yield timeline
