"""Small decisions of a model, the verdict of a review and the steps of a plan, and reading them.

They are asked for as JSON under a schema where the model's profile says that it keeps one. JSON
is read strictly and never mended. A server may ignore the schema, so the forms of text that the
other models are asked for are understood too.
"""

import json
import re
from typing import Any, TypeGuard

from greenloop.nodes.ask import Answer, Question, ask, spent_out
from greenloop.nodes.conversation import Conversation
from greenloop.nodes.deps import Deps
from greenloop.nodes.steps import first_steps, parse_steps
from greenloop.state import AgentState, Review
from greenloop.tools.model.base import Brief, Role, Schema

VERDICT: Schema = {
    "type": "object",
    "properties": {
        "reasons": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
        "verdict": {"type": "string", "enum": ["keep", "reject"]},
    },
    "required": ["reasons", "verdict"],
    "additionalProperties": False,
}
"""Reasons first: what is written first is thought of first."""
_MOST_REASONS = 5
_REASON_CHARS = 300
_CORRECTIONS = 2
"""Times that a reply which could not be read is sent back."""

_VERDICT = re.compile(r"^\W*VERDICT\W+(keep|reject)\b", re.IGNORECASE | re.MULTILINE)
_REASON = re.compile(r"^[ \t]*[-*][ \t]+(\S.*)$", re.MULTILINE)
_DECODER = json.JSONDecoder()


def steps_schema(most: int) -> Schema:
    """At least one step, at most `most`."""
    items = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": most}
    return {
        "type": "object",
        "properties": {"steps": items},
        "required": ["steps"],
        "additionalProperties": False,
    }


def decide(
    deps: Deps, state: AgentState, role: Role, talk: Conversation, facts: Brief, schema: Schema
) -> Answer:
    """Ask for a decision; what the server could not read goes back with its complaint.

    Raises:
        ModelUnavailableError, ModelNotFoundError, ContextError: see `ChatModel.reply`.
    """
    wanted = schema if deps.model.profile.json_schema and talk.messages else None
    for refused in range(_CORRECTIONS + 1):
        question = Question(role, talk.messages, facts, refused, schema=wanted)
        answer = ask(deps, state, question)
        again = answer.feedback and refused < _CORRECTIONS and not spent_out(state, deps)
        if not again or not talk.add("", answer.feedback):
            break
    return answer


def read_verdict(reply: str) -> Review | None:
    """The verdict as JSON or as a line `VERDICT: keep|reject` below bulleted reasons.

    None when there is none, or JSON that is no verdict. What comes last counts; words around the
    JSON are passed over.
    """
    data = _json_object(reply, "verdict")
    if data is not None:
        return _verdict_of(data)
    found = _VERDICT.findall(reply)
    if not found:
        return None
    return _review(found[-1].lower() == "keep", _REASON.findall(reply))


def read_steps(reply: str, most: int) -> tuple[str, ...]:
    """The steps as JSON or as a numbered list, at most `most`; empty when there are none."""
    data = _json_object(reply, "steps")
    if data is None:
        return parse_steps(reply, most)
    steps = data.get("steps")
    return first_steps(steps, most) if _is_texts(steps) else ()


def _verdict_of(data: dict[str, Any]) -> Review | None:
    verdict, reasons = str(data["verdict"]).strip().lower(), data.get("reasons", [])
    reasons = [reasons] if isinstance(reasons, str) else reasons
    if verdict not in ("keep", "reject"):
        return None
    return _review(verdict == "keep", reasons if _is_texts(reasons) else [])


def _review(keep: bool, found: list[str]) -> Review:
    reasons = [" ".join(reason.split())[:_REASON_CHARS] for reason in found]
    reasons = [reason for reason in reasons if reason][:_MOST_REASONS]
    if not keep and not reasons:
        reasons = ["the reviewer gave no reason"]
    return Review(keep, tuple(reasons), by="model")


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _json_object(reply: str, key: str) -> dict[str, Any] | None:
    """The last object in a reply that has this key; None when there is none that is whole."""
    found, at = None, reply.find("{")
    while at >= 0:
        try:
            data, end = _DECODER.raw_decode(reply, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found = data if key in data else found
        at = reply.find("{", end)
    return found
