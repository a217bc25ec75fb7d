"""done: leave the best tree in the folder and say how the run ended."""

from greenloop.nodes.deps import Deps
from greenloop.nodes.summary import describe
from greenloop.nodes.theirs import go_to
from greenloop.state import AgentState, over_budget


def done(state: AgentState, deps: Deps) -> AgentState:
    """Green only if the best tree is green and review kept it."""
    best = state["best"]
    go_to(deps, best.tree)
    if best.score.accepted and best.score.green:
        deps.events.emit("note", f"green: {describe(best.report)}")
        return {"status": "green", "report": best.report}
    deps.events.emit("note", f"not solved: {_reason(state)}; best: {describe(best.report)}")
    return {"status": "unsolved", "report": best.report}


def _reason(state: AgentState) -> str:
    if state.get("gave_up"):
        return state["gave_up"]
    limit = over_budget(state["spent"], state["budget"])
    if limit:
        return f"the budget of {limit.replace('_', ' ')} is used up"
    review = state.get("review")
    if state["best"].score.green and review and not review.keep:
        return "the tests pass, but review did not accept the change"
    return "every plan allowed was tried"
