"""Asking the model: every prompt and reply becomes an event, every token is counted."""

from collections.abc import Sequence

from greenloop.nodes.deps import Deps
from greenloop.state import AgentState
from greenloop.tools.model.base import Brief, Message, ModelReply, ModelRequest, Role

_WARMER_PER_REPLAN = 0.3
"""A fresh start is only fresh if the model does not repeat itself."""
_HOTTEST = 0.9


def temperature(state: AgentState) -> float:
    """Cold at first, warmer with each new plan."""
    return min(_HOTTEST, _WARMER_PER_REPLAN * state.get("replans", 0))


def brief(state: AgentState, deps: Deps, diff: str = "") -> Brief:
    """The facts for a brain that does not read."""
    report = state.get("report") or state.get("baseline")
    return Brief(
        workspace=deps.workspace.root,
        task=state["task"],
        failures=report.failures if report else (),
        ordinal=state.get("replans", 0),
        diff=diff,
    )


def ask(
    deps: Deps, state: AgentState, role: Role, messages: Sequence[Message], facts: Brief
) -> ModelReply:
    """One question, one reply.

    Raises:
        ModelUnavailableError, ModelReplyError, ModelNotFoundError: see `ChatModel.reply`.
    """
    request = ModelRequest(
        role,
        tuple(messages),
        facts,
        temperature=temperature(state),
        seed=state.get("replans", 0),
    )
    if messages:
        prompt = "\n\n".join(f"[{m.role}]\n{m.content}" for m in messages)
        deps.events.emit("prompt", f"to {role}", content=prompt, sender="graph", receiver=role)
    reply = deps.model.reply(request, on_text=deps.events.say)
    deps.meter.calls += 1
    deps.meter.tokens += reply.tokens_in + reply.tokens_out
    deps.events.emit(
        "reply",
        reply.gave_up or _first_line(reply.text),
        content=reply.text,
        sender=role,
        receiver="graph",
        tokens=reply.tokens_in + reply.tokens_out,
    )
    return reply


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
