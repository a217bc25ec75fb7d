"""A kill between a node's end and its checkpoint: LangGraph has the node's writes already."""

from typing import cast

import pytest
from graph_bench.bench import Bench, say

from greenloop.graph.build import build_graph
from greenloop.state import AgentState, Event

_KEEP = "VERDICT: keep"


def test_a_node_whose_writes_are_kept_is_not_run_again(bench: Bench) -> None:
    def stop(event: Event) -> None:
        if (event.kind, event.step) == ("started", 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.start("colours", say("red", "blue"), _KEEP, listener=stop)
    (thread,) = bench.storage.threads.all()
    # The checkpoint of the third node goes; its writes stay with the one before.
    execute = bench.storage.database.execute
    ((last,),) = execute("SELECT max(checkpoint_id) FROM checkpoints")
    execute("DELETE FROM checkpoints WHERE checkpoint_id = ?", (last,))
    execute("DELETE FROM events WHERE step > 3")
    bench.storage.threads.set_status(thread.thread, "running")
    began = started(bench)
    assert state(bench)["events"] == 3

    assert bench.resume(_KEEP).status == "green"
    assert began == {step: at for step, at in started(bench).items() if step <= 3}
    assert bench.path() == ["plan", "code", "test", "review", "done"]
    # It was no run that had ended, which would get a fresh budget.
    assert state(bench)["budget"].steps == bench.settings({}).budget_steps


def started(bench: Bench) -> dict[int, float]:
    return {event.step: event.at for event in bench.events() if event.kind == "started"}


def state(bench: Bench) -> AgentState:
    (thread,) = bench.storage.threads.all()
    with bench.storage.database.saver() as saver:
        found = build_graph(saver).get_state({"configurable": {"thread_id": thread.thread}})
    return cast(AgentState, found.values)
