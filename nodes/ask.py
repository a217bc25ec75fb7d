"""Asking the model: every prompt and reply becomes an event, every token is counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from greenloop.errors import ModelReplyError
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState
from greenloop.tools.model.base import Brief, Message, ModelRequest, Role

_WARMER_PER_AGAIN = 0.3
"""Asking again is of use only if the model does not repeat itself."""
_HOTTEST = 0.9


def temperature(state: AgentState, refused: int = 0) -> float:
    """Cold at first, warmer with each new plan and each reply that was of no use."""
    again = state.get("replans", 0) + refused
    return min(_HOTTEST, _WARMER_PER_AGAIN * again)


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking."""

    text: str = ""
    gave_up: str = ""
    """Why the brain has nothing more to offer; empty while it has."""
    unusable: str = ""
    """Why there is no reply to work with, such as one cut at its longest; empty if there is."""


def ask(
    deps: Deps,
    state: AgentState,
    role: Role,
    messages: Sequence[Message],
    facts: Brief,
    refused: int = 0,
) -> Answer:
    """One question. A reply that is cut or empty is the model's failure and no end of the run.

    Args:
        deps: with the model.
        state: sets the temperature.
        role: who is asked.
        messages: the prompt; empty for a brain that does not read.
        facts: what the prompt was made from.
        refused: replies to this prompt that were of no use so far.

    Raises:
        ModelUnavailableError, ModelNotFoundError, ContextError: see `ChatModel.reply`.
    """
    request = ModelRequest(
        role,
        tuple(messages),
        facts,
        temperature=temperature(state, refused),
        seed=state.get("replans", 0),
    )
    if messages:
        prompt = "\n\n".join(f"[{m.role}]\n{m.content}" for m in messages)
        deps.events.emit("prompt", f"to {role}", content=prompt, sender="graph", receiver=role)
    deps.meter.calls += 1
    try:
        reply = deps.model.reply(request, on_text=deps.events.say)
    except ModelReplyError as error:
        deps.events.emit("refused", str(error), sender=role)
        return Answer(unusable=str(error))
    tokens = reply.tokens_in + reply.tokens_out
    deps.meter.tokens += tokens
    line = reply.gave_up or _first_line(reply.text)
    deps.events.emit(
        "reply", line, content=reply.text, sender=role, receiver="graph", tokens=tokens
    )
    return Answer(reply.text, reply.gave_up)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
