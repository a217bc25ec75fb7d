"""The coder's prompt for one step, from what stays the same to what changes most."""

from dataclasses import replace

from greenloop.nodes.context import in_order, in_view
from greenloop.nodes.conversation import Conversation
from greenloop.nodes.deps import Deps
from greenloop.nodes.evidence import failures
from greenloop.nodes.fitting import Part, fit, trim
from greenloop.nodes.prompting import placeholders, render, room_beside, tool_tokens, usable
from greenloop.nodes.reading import LOOKING
from greenloop.state import AgentState, Plan

_TURNS = 3
"""One part in so many of the window is kept for the further turns of the step."""
_MOST_WHOLE = 3
"""Files that are asked for whole; a reply with more would be long."""


def open_conversation(state: AgentState, deps: Deps) -> Conversation:
    """The first two messages of a step; empty for a brain that does not read.

    Raises:
        ContextError: the window is too small for any prompt.
    """
    model = deps.model
    if not model.reads_prompt:
        return Conversation(model)
    system = render("coder_system")
    tools = LOOKING if model.profile.native_tools else ()
    room = room_beside(model, system) - tool_tokens(model, tools) - usable(model) // _TURNS
    return Conversation(model, system, _first_message(state, deps, room), tools)


def _first_message(state: AgentState, deps: Deps, room: int) -> str:
    plan, number = state["plan"], min(state["step"], len(state["plan"].steps) - 1)
    step = plan.steps[number].text
    view = in_view(state, deps, step, room)
    parts = (*_words(state, deps, plan, step, room), *view.parts)
    words = {"number": number + 1, "total": len(plan.steps)}
    count = deps.model.count
    own = render("coder", **placeholders(parts), whole=_named(view.short), **words)
    fitted = fit(parts, room - count(own), count)
    # What fits does not depend on the order, and the order depends on what fits.
    fitted = fit(in_order(parts, fitted.untouched), room - count(own), count)
    seen = {part.path for part in fitted.untouched}
    whole = _named(tuple(path for path in view.short if path in seen))
    return render("coder", **fitted.slots, whole=whole, **words)


def _words(state: AgentState, deps: Deps, plan: Plan, step: str, room: int) -> tuple[Part, ...]:
    several = len(plan.steps) > 1
    listed = "\n".join(f"{n}. {each.text}" for n, each in enumerate(plan.steps, 1))
    # On the first try the failures before the run are all the evidence there is.
    before = failures(state["baseline"].failures, deps.workspace.root, step)
    known = state.get("feedback") or before
    evidence = Part("feedback", known, priority=200, least=max(room // 6, 1))
    if deps.model.count(known) > room // 3:  # the code is needed more than a third failure
        evidence = replace(evidence, text=trim(evidence, room // 3, deps.model.count))
    return (
        Part("files", ""),  # there may be none
        evidence,
        Part("steps", listed if several else "", priority=250, least=max(room // 12, 1)),
        Part("task", state["task"], priority=400, least=max(room // 6, 1)),
        Part("step", "" if step == state["task"] else step, 500, least=max(room // 8, 1)),
    )


def _named(paths: tuple[str, ...]) -> str:
    return ", ".join(paths[:_MOST_WHOLE])
