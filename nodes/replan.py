"""replan: start afresh from the best tree with a new revision of the plan, and say why."""

from collections.abc import Iterable

from greenloop.nodes.deps import Deps
from greenloop.nodes.evidence import standing
from greenloop.nodes.fitting import Part
from greenloop.nodes.plan import ask_steps, one_line
from greenloop.nodes.plan_approval import agreed_steps
from greenloop.nodes.theirs import adopt, go_to
from greenloop.state import AgentState, Plan, Step
from greenloop.tools.text import clip

_LEAST = 150
"""Tokens that each part of the prompt keeps."""
_TRIED_CHARS = 800


def replan(state: AgentState, deps: Deps) -> AgentState:
    """Steps that are done stay; what comes after them is planned again from what failed."""
    done = tuple(step for step in state["plan"].steps if step.done)
    todo = _agreed(state, deps, done)
    state = adopt(state, deps)  # what somebody saved in the meantime stays
    best = state["best"]
    go_to(deps, best.tree)
    why = _why(state)
    plan = Plan((*done, *todo), revision=state["plan"].revision + 1, why=why)
    deps.events.emit("replan", f"revision {plan.revision}: {why}", content=state["feedback"])
    for number, step in enumerate(plan.steps, 1):
        line = f"{number}. {one_line(step.text)}"
        deps.events.emit("plan", line + (" (done)" if step.done else ""))
    return {
        "plan": plan,
        "step": len(done),
        "attempt": 0,
        "replans": state.get("replans", 0) + 1,
        "report": best.report,
        "base_tree": state["base_tree"],
        "best": best,
        "feedback": _feedback(state, deps),
    }


def _agreed(state: AgentState, deps: Deps, done: tuple[Step, ...]) -> tuple[Step, ...]:
    """What is to be done now; the user is asked unless it is what they agreed to before."""
    same = _same_again(state)
    todo = _new_steps(state, deps, done) or same
    if todo == same and any(not step.done for step in state["plan"].steps):
        return todo

    def again(listed: str, why: str) -> tuple[str, ...]:
        told: AgentState = {**state, "feedback": f"{state['feedback']}\n\n{why}:\n{listed}"}
        return tuple(step.text for step in _new_steps(told, deps, done))

    return agreed_steps(todo, state, deps, again)


def _feedback(state: AgentState, deps: Deps) -> str:
    """What holds of the tree that the work goes back to, and what was learned from the other."""
    best = state["best"]
    if best.tree == state["tree"]:
        return state["feedback"]
    now = standing({**state, "report": best.report}, deps.workspace.root)
    return f"{now}\n\nTried before and taken back: {clip(state['feedback'], _TRIED_CHARS)}".strip()


def _new_steps(state: AgentState, deps: Deps, done: tuple[Step, ...]) -> tuple[Step, ...]:
    if not deps.model.reads_prompt:
        return ()
    parts = (
        Part("feedback", state["feedback"], priority=1, least=_LEAST),
        Part("done", _listed(done), priority=0, least=_LEAST // 2),
        Part("open", _listed(s for s in state["plan"].steps if not s.done), 2, least=_LEAST),
        Part("task", state["task"], priority=3, least=_LEAST),
    )
    finished = {step.text for step in done}
    found = ask_steps(state, deps, "replanner", parts)
    return tuple(Step(text) for text in found if text not in finished)


def _listed(steps: Iterable[Step]) -> str:
    return "\n".join(f"- {step.text}" for step in steps)


def _same_again(state: AgentState) -> tuple[Step, ...]:
    """The open steps as they were; after a rejected review, the reasons are the step."""
    left = tuple(step for step in state["plan"].steps if not step.done)
    return left or (Step(state["feedback"].strip() or state["task"]),)


def _why(state: AgentState) -> str:
    review = state.get("review")
    if all(step.done for step in state["plan"].steps) and review and not review.keep:
        return "review rejected: " + "; ".join(review.reasons)
    first = state["feedback"].strip().splitlines()
    return first[0] if first else "the step was not solved"
