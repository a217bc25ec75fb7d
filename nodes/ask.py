"""Asking the model: every prompt and reply becomes an event, every token is counted."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from greenloop.errors import ModelReplyError
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState, over_budget
from greenloop.tools.model.base import Brief, Message, ModelReply, ModelRequest, Role, Schema
from greenloop.tools.model.outcome import decode_outcome, encode_outcome
from greenloop.tools.reader.base import Call, Tool

_WARMER_PER_AGAIN = 0.3
"""Asking again is of use only if the model does not repeat itself."""
_HOTTEST = 0.9
_UNSURE = 0.5
"""Mean probability of a token below which a reply is little more than a guess."""


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


def spent_out(state: AgentState, deps: Deps) -> bool:
    """Whether the calls of this node have used the budget up."""
    spent, meter = state["spent"], deps.meter
    spent = replace(
        spent, model_calls=spent.model_calls + meter.calls, tokens=spent.tokens + meter.tokens
    )
    return bool(over_budget(spent, state["budget"]))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and of whom."""

    role: Role
    messages: tuple[Message, ...]
    """The prompt; empty for a brain that does not read."""
    facts: Brief
    """What the prompt was made from."""
    refused: int = 0
    """Replies to this prompt that were of no use so far."""
    tools: tuple[Tool, ...] = ()
    schema: Schema | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking."""

    text: str = ""
    gave_up: str = ""
    """Why the brain has nothing more to offer; empty while it has."""
    unusable: str = ""
    """Why there is no reply to work with, such as one cut at its longest; empty if there is."""
    feedback: str = ""
    """What to tell the model about a reply that cannot be used; empty when that is of no use."""
    calls: tuple[Call, ...] = ()
    """Tools called through the server."""


def ask(deps: Deps, state: AgentState, question: Question) -> Answer:
    """One question. A reply that is cut or empty is the model's failure and no end of the run.

    Raises:
        ModelUnavailableError, ModelNotFoundError, ContextError: see `ChatModel.reply`.
    """
    role = question.role
    request = ModelRequest(
        role,
        question.messages,
        question.facts,
        temperature=temperature(state, question.refused),
        seed=state.get("replans", 0),
        tools=question.tools,
        schema=question.schema,
    )
    if question.messages:
        prompt = "\n\n".join(f"[{m.role}]\n{m.content}" for m in question.messages)
        deps.events.emit("prompt", f"to {role}", content=prompt, sender="graph", receiver=role)
    deps.meter.calls += 1
    outcome = _outcome(deps, request)
    if isinstance(outcome, ModelReplyError):
        deps.meter.tokens += outcome.tokens
        deps.events.emit("refused", str(outcome), sender=role, tokens=outcome.tokens)
        return Answer(unusable=str(outcome), feedback=outcome.feedback)
    return _told(deps, role, outcome)


def _outcome(deps: Deps, request: ModelRequest) -> ModelReply | ModelReplyError:
    """What comes of a request; from the journal where it was answered before a crash."""
    key = _fingerprint(deps.model.name, request)
    known = deps.journal.recall(key)
    if known is not None:
        deps.events.emit("note", f"the {request.role} has answered this already; not asked again")
        outcome = decode_outcome(json.loads(known))
        if isinstance(outcome, ModelReply | ModelReplyError):
            return outcome
    try:
        outcome = deps.model.reply(request, on_text=deps.events.say)
    except ModelReplyError as error:
        outcome = error
    deps.journal.keep(key, json.dumps(encode_outcome(outcome)))
    return outcome


def _fingerprint(brain: str, request: ModelRequest) -> str:
    """Of a question to a brain; the same in another folder."""
    anywhere = replace(request, brief=replace(request.brief, workspace=Path()))
    return hashlib.sha256(repr((brain, anywhere)).encode("utf-8", "backslashreplace")).hexdigest()


def _told(deps: Deps, role: Role, reply: ModelReply) -> Answer:
    tokens = reply.tokens_in + reply.tokens_out
    deps.meter.tokens += tokens
    called = ", ".join(call.tool for call in reply.calls)
    line = reply.gave_up or _first_line(reply.text) or called
    content = "\n".join([reply.text, *map(str, reply.calls)]).strip("\n")
    deps.events.emit("reply", line, content=content, sender=role, receiver="graph", tokens=tokens)
    if reply.confidence is not None and reply.confidence < _UNSURE:
        deps.events.emit("note", f"{role} is unsure of this reply: {reply.confidence:.0%}")
    return Answer(reply.text, reply.gave_up, calls=reply.calls)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
