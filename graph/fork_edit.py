"""What is different from a fork on: another task, another plan, or a word to the coder."""

import re
from dataclasses import dataclass

from greenloop.config import Settings
from greenloop.errors import ThreadError, UserError
from greenloop.graph.edges import START
from greenloop.graph.routing import after_code, after_review, after_test
from greenloop.graph.run import budget_from
from greenloop.graph.timeline import Checkpoint
from greenloop.state import AgentState, Plan, Spent, Step

_ROUTES = {"code": after_code, "test": after_test, "review": after_review}
_BY_USER = "given by the user"
_MARK = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+")


@dataclass(frozen=True, slots=True)
class Edit:
    """The user's changes; what is empty stays as it is."""

    task: str = ""
    """The run starts again, at `plan`."""
    plan: tuple[str, ...] = ()
    """Steps in place of those that are not done; the run goes on at `code`."""
    feedback: str = ""
    """What the next coder is told."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A state, and the node as which a thread stands with it."""

    state: AgentState
    node: str


def read_plan(text: str) -> tuple[str, ...]:
    """The steps of a plan that somebody wrote: one a line, numbered, bulleted or plain.

    Raises:
        UserError: there is none.
    """
    lines = (_MARK.sub("", line).strip() for line in text.splitlines())
    steps = tuple(line for line in lines if line and not line.startswith("#"))
    if not steps:
        raise UserError("the plan holds no step: write one on each line")
    return steps


def edited(target: Checkpoint, edit: Edit, settings: Settings, parent: str) -> Standing:
    """The beginning of a fork. What was spent is not carried over; the budget is fresh.

    Args:
        target: the checkpoint to start from.
        edit: what is different.
        settings: of the new thread.
        parent: name of the thread that the checkpoint is of.

    Raises:
        ThreadError: the checkpoint comes before the plan that is to be changed, or after it
            there is nothing left to do.
    """
    if edit.task:
        return _anew(target, edit, settings)
    _refuse_empty(target, edit, parent)
    state: AgentState = {**target.state, **_fresh(settings)}
    node = target.node
    if node == "done":
        # As a resume of an ended run: its tests have just been judged.
        state.update({"gave_up": "", "replans": 0, "status": "running"})
        node = "test"
    if edit.plan:
        state, node = _replanned(state, edit.plan), "plan"
    if edit.feedback:
        state["feedback"] = edit.feedback
        if _next(state, node) not in ("code", "replan"):
            state, node = _with_open_step(state), "plan"
    return Standing(state, node)


def _anew(target: Checkpoint, edit: Edit, settings: Settings) -> Standing:
    """A new task is measured from the files of the checkpoint."""
    tree = target.state["tree"]
    state: AgentState = {"task": edit.task, "base_tree": tree, "tree": tree, "replans": 0}
    return Standing({**state, **_fresh(settings)}, START)


def _fresh(settings: Settings) -> AgentState:
    return {
        "spent": Spent(),
        "budget": budget_from(settings, Spent()),
        "max_repairs": settings.max_repairs,
        "max_replans": settings.max_replans,
        "status": "running",
        "tried": (),
        "events": 0,
    }


def _refuse_empty(target: Checkpoint, edit: Edit, parent: str) -> None:
    if (edit.plan or edit.feedback) and "plan" not in target.state:
        raise ThreadError(
            f"checkpoint {target.number} of {parent} is before the plan: fork a later one, or "
            "say what is wanted with --task"
        )
    if target.state["status"] == "green" and not (edit.plan or edit.feedback):
        raise ThreadError(
            f"{parent} is green at {target.number}, so there is nothing left to do: fork an "
            "earlier checkpoint, or add --task TEXT, --set plan=@FILE or --set feedback=TEXT"
        )


def _replanned(state: AgentState, steps: tuple[str, ...]) -> AgentState:
    """Steps that were done stay; these come after them."""
    done = tuple(step for step in state["plan"].steps if step.done)
    todo = tuple(Step(text) for text in steps)
    plan = Plan((*done, *todo), revision=state["plan"].revision + 1, why=_BY_USER)
    return {**state, "plan": plan, "step": len(done), "attempt": 0}


def _next(state: AgentState, node: str) -> str:
    route = _ROUTES.get(node)
    return route(state) if route else "code"


def _with_open_step(state: AgentState) -> AgentState:
    """A coder works at a step; where all are done, what the user says is one more."""
    steps = state["plan"].steps
    if all(step.done for step in steps):
        return _replanned(state, (state["feedback"],))
    first = next(index for index, step in enumerate(steps) if not step.done)
    return {**state, "step": first, "attempt": 0}
