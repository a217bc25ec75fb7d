"""replan: start afresh from the best tree with a new revision of the plan, and say why."""

from greenloop.nodes.ask import ask, brief
from greenloop.nodes.deps import Deps
from greenloop.nodes.prompting import render
from greenloop.nodes.steps import parse_steps
from greenloop.state import AgentState, Plan, Step
from greenloop.tools.model.base import Message


def replan(state: AgentState, deps: Deps) -> AgentState:
    """Steps that are done stay; what comes after them is planned again from what failed."""
    best = state["best"]
    deps.snapshots.restore(best.tree)
    done = tuple(step for step in state["plan"].steps if step.done)
    todo = _new_steps(state, deps, done) or _same_again(state)
    why = _why(state)
    plan = Plan((*done, *todo), revision=state["plan"].revision + 1, why=why)
    deps.events.emit("replan", f"revision {plan.revision}: {why}", content=state["feedback"])
    for number, step in enumerate(plan.steps, 1):
        line = " ".join(step.text.split())
        deps.events.emit("plan", f"{number}. {line}" + (" (done)" if step.done else ""))
    return {
        "plan": plan,
        "step": len(done),
        "attempt": 0,
        "replans": state.get("replans", 0) + 1,
        "report": best.report,
    }


def _new_steps(state: AgentState, deps: Deps, done: tuple[Step, ...]) -> tuple[Step, ...]:
    if not deps.model.reads_prompt:
        return ()
    prompt = render(
        "replanner",
        task=state["task"],
        done=[step.text for step in done],
        open=[step.text for step in state["plan"].steps if not step.done],
        feedback=state["feedback"],
    )
    messages = [Message("system", render("planner_system")), Message("user", prompt)]
    reply = ask(deps, state, "planner", messages, brief(state, deps))
    finished = {step.text for step in done}
    return tuple(Step(text) for text in parse_steps(reply.text) if text not in finished)


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
