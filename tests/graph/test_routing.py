import pytest

from greenloop.graph import routing
from greenloop.graph.edges import EDGES, targets
from greenloop.state import AgentState, Budget, Plan, Review, Spent, Step, TestSummary

OPEN = Plan((Step("a", done=True), Step("b")))
DONE = Plan((Step("a", done=True), Step("b", done=True)))
RED = TestSummary(1, 1, 0, "assertion")
GREEN = TestSummary(2, 0, 0, "none")


def state(**changes: object) -> AgentState:
    base: AgentState = {
        "plan": OPEN,
        "report": RED,
        "base_tree": "t0",
        "tree": "t1",
        "attempt": 1,
        "replans": 0,
        "max_repairs": 2,
        "max_replans": 3,
        "changed": True,
        "gave_up": "",
        "spent": Spent(),
        "budget": Budget(),
        "review": Review(keep=True),
    }
    return {**base, **changes}  # type: ignore[typeddict-item]


SPENT = {"spent": Spent(tokens=10), "budget": Budget(tokens=10)}
NO_REPLANS = {"replans": 3}
REJECTED = {"review": Review(keep=False)}


@pytest.mark.parametrize(
    ("node", "changes", "target"),
    [
        ("plan", {}, "code"),
        ("plan", SPENT, "done"),
        ("code", {}, "test"),
        ("code", SPENT, "test"),
        ("code", {"changed": False}, "replan"),
        ("code", {"changed": False, "report": GREEN}, "test"),
        ("code", {"changed": False, "report": GREEN, "tree": "t0"}, "replan"),
        ("code", {"changed": False, **NO_REPLANS}, "done"),
        ("code", {"changed": False, **SPENT}, "done"),
        ("code", {"changed": False, "gave_up": "searched all"}, "done"),
        ("test", {"plan": DONE}, "review"),
        ("test", {"plan": DONE, **SPENT}, "review"),
        ("test", {"attempt": 0}, "code"),
        ("test", {"attempt": 1}, "code"),
        ("test", {"attempt": 2}, "code"),
        ("test", {"attempt": 3}, "replan"),
        ("test", {"attempt": 3, **NO_REPLANS}, "done"),
        ("test", {"attempt": 1, **SPENT}, "done"),
        ("test", {"attempt": 1, "max_repairs": 0}, "replan"),
        ("review", {}, "done"),
        ("review", REJECTED, "replan"),
        ("review", {**REJECTED, **NO_REPLANS}, "done"),
        ("review", {**REJECTED, **SPENT}, "done"),
        ("replan", {}, "code"),
        ("replan", SPENT, "done"),
    ],
)
def test_where_to_go(node: str, changes: dict[str, object], target: str) -> None:
    route = getattr(routing, f"after_{node}")
    assert route(state(**changes)) == target
    assert target in targets(node)


@pytest.mark.parametrize("limit", ["steps", "model_calls", "tokens", "seconds"])
def test_each_limit_ends_the_run(limit: str) -> None:
    spent = state(spent=Spent(**{limit: 5}), budget=Budget(**{limit: 5}))
    assert routing.after_test(spent) == "done"


def test_every_edge_of_the_table_is_one_that_langgraph_has() -> None:
    from greenloop.graph.build import build_graph

    drawn = build_graph().get_graph()
    assert {(e.source, e.target) for e in drawn.edges} == {(e.source, e.target) for e in EDGES}
