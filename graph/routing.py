"""Where to go next: pure functions of the state, one for each node with a choice."""

from typing import Literal

from greenloop.state import AgentState, over_budget


def _spent_out(state: AgentState) -> bool:
    return bool(over_budget(state["spent"], state["budget"]))


def _replan_or_done(state: AgentState) -> Literal["replan", "done"]:
    if _spent_out(state) or state.get("replans", 0) >= state["max_replans"]:
        return "done"
    return "replan"


def after_plan(state: AgentState) -> Literal["code", "done"]:
    """Work, unless the budget is gone already."""
    return "done" if _spent_out(state) else "code"


def after_code(state: AgentState) -> Literal["test", "replan", "done"]:
    """An edit is always judged, even with the budget gone; without one, think again.

    Unless earlier steps have done it all, as small models often do everything in the first.
    """
    all_done = state["report"].green and state["tree"] != state["base_tree"]
    if state["changed"] or all_done:
        return "test"
    return "done" if state.get("gave_up") else _replan_or_done(state)


def after_test(state: AgentState) -> Literal["review", "code", "replan", "done"]:
    """All steps done means green: review. Else go on, repair, or think again."""
    if all(step.done for step in state["plan"].steps):
        return "review"
    if _spent_out(state):
        return "done"
    if state["attempt"] <= state["max_repairs"]:
        return "code"
    return _replan_or_done(state)


def after_review(state: AgentState) -> Literal["done", "replan"]:
    """What review keeps is done."""
    return "done" if state["review"].keep else _replan_or_done(state)


def after_replan(state: AgentState) -> Literal["code", "done"]:
    """Work on the new plan."""
    return after_plan(state)
