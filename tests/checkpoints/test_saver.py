"""What a checkpointer must do for our state, held against ours and LangGraph's in memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from greenloop.checkpoints.cipher import PLAIN
from greenloop.checkpoints.databases.saver import serde
from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.errors import StorageError
from greenloop.state import (
    CHECKPOINTED,
    AgentState,
    Best,
    Budget,
    Plan,
    Review,
    Score,
    Spent,
    Step,
    TestFailure,
    TestSummary,
)

SUMMARY = TestSummary(3, 1, 0, "assertion", (TestFailure("t::a", "assertion", "1 != 2"),))
STATE: AgentState = {
    "task": "größe 🐛",
    "plan": Plan((Step("a", done=True), Step("b")), revision=2, why="because"),
    "report": SUMMARY,
    "best": Best("t1", Score(green=True, failed=-1), SUMMARY),
    "review": Review(False, ("no", "really")),
    "spent": Spent(1, 2, 3, 4.5),
    "budget": Budget(),
    "status": "running",
}

Opener = Callable[[Path], AbstractContextManager[Any]]


@contextmanager
def sqlite(folder: Path) -> Iterator[Any]:
    with closing(SqliteDatabase(folder / "greenloop.db")) as database, database.saver() as saver:
        yield saver


@contextmanager
def memory(folder: Path) -> Iterator[Any]:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    del folder
    yield InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=CHECKPOINTED))


@pytest.fixture(params=[sqlite, memory], ids=["sqlite", "memory"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    opener: Opener = request.param
    with opener(tmp_path) as opened:
        yield opened


def compiled(saver: Any) -> Any:
    """Two nodes: one that fills the state, one that counts on."""
    from langgraph.graph import StateGraph

    graph = StateGraph(AgentState)
    graph.add_node("fill", lambda state: {**STATE, "step": 0})
    graph.add_node("count", lambda state: {"step": state["step"] + 1})
    graph.add_edge("__start__", "fill")
    graph.add_edge("fill", "count")
    return graph.compile(checkpointer=saver)


def config(thread: str = "t") -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def test_every_record_comes_back_as_what_it_was(saver: Any) -> None:
    graph = compiled(saver)
    graph.invoke({"task": "x"}, config(), durability="sync")
    values = graph.get_state(config()).values
    assert {key: values[key] for key in STATE} == STATE
    assert isinstance(values["plan"].steps, tuple)
    assert isinstance(values["report"].failures[0], TestFailure)


def test_there_is_a_checkpoint_after_every_super_step(saver: Any) -> None:
    graph = compiled(saver)
    graph.invoke({"task": "x"}, config(), durability="sync")
    steps = [snapshot.metadata["step"] for snapshot in graph.get_state_history(config())]
    assert steps == [2, 1, 0, -1]


def test_threads_do_not_see_each_other(saver: Any) -> None:
    graph = compiled(saver)
    graph.invoke({"task": "x"}, config("a"), durability="sync")
    assert graph.get_state(config("b")).values == {}


def test_an_old_checkpoint_can_be_gone_on_from(saver: Any) -> None:
    graph = compiled(saver)
    graph.invoke({"task": "x"}, config(), durability="sync")
    before_count = list(graph.get_state_history(config()))[1]
    fork = graph.update_state(before_count.config, {"step": 10})
    graph.invoke(None, fork, durability="sync")
    assert graph.get_state(config()).values["step"] == 11


def test_every_record_of_the_state_is_on_the_list() -> None:
    named = {type(value) for value in STATE.values() if type(value).__module__.startswith("green")}
    assert named | {Step, Score, TestFailure} == set(CHECKPOINTED)


@dataclass
class Foreign:
    """A class that no checkpoint of ours may bring to life."""

    path: str


def test_a_class_that_is_not_on_the_list_is_not_brought_to_life() -> None:
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    planted = JsonPlusSerializer().dumps_typed(Foreign("/etc/passwd"))
    with pytest.raises(StorageError, match=r"names the class .*Foreign"):
        serde(PLAIN).loads_typed(planted)
