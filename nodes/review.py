"""review: keep or send back a green tree. Rules first, then the model; it never edits."""

import re

from greenloop.nodes.ask import ask, brief
from greenloop.nodes.deps import Deps
from greenloop.nodes.guarded import guarded_paths
from greenloop.nodes.plan import describe
from greenloop.nodes.prompting import render
from greenloop.nodes.summary import score
from greenloop.state import AgentState, Best, Review, over_budget
from greenloop.tools.model.base import Message
from greenloop.tools.text import clip

_VERDICT = re.compile(r"^\W*VERDICT\W+(keep|reject)\b", re.IGNORECASE | re.MULTILINE)
_REASON = re.compile(r"^\s*[-*]\s+(.+?)\s*$", re.MULTILINE)
_DIFF_CHARS = 12_000


def review(state: AgentState, deps: Deps) -> AgentState:
    """Judge the whole work so far."""
    diff = deps.snapshots.diff(state["base_tree"], state["tree"])
    verdict = by_rules(state, deps)
    if verdict.keep and not over_budget(state["spent"], state["budget"]):
        verdict = _by_model(state, deps, diff)
    shown = "kept" if verdict.keep else "rejected: " + "; ".join(verdict.reasons)
    deps.events.emit("review", shown, content="\n".join(verdict.reasons), sender=verdict.by)
    if verdict.keep:
        report = state["report"]
        best = Best(state["tree"], score(report, accepted=True), report)
        return {"review": verdict, "best": best, "feedback": ""}
    return {
        "review": verdict,
        "feedback": "The tests pass, but the review sent the change back:\n"
        + "\n".join(f"- {reason}" for reason in verdict.reasons),
    }


def by_rules(state: AgentState, deps: Deps) -> Review:
    """What needs no opinion: judged files are untouched and no file vanished unasked."""
    changes = deps.snapshots.changed(state["base_tree"], state["tree"])
    reasons = []
    if deps.settings.protect_tests:
        guarded = set(guarded_paths(deps.snapshots, state["base_tree"]))
        reasons += [f"{c.path} is a test that was changed" for c in changes if c.path in guarded]
    reasons += [
        f"{c.path} was deleted, which the task does not ask for"
        for c in changes
        if c.kind == "deleted" and c.path.rpartition("/")[2] not in state["task"]
    ]
    return Review(keep=not reasons, reasons=tuple(reasons))


def _by_model(state: AgentState, deps: Deps, diff: str) -> Review:
    """The reviewer's opinion; an unclear one does not overrule the tests."""
    facts = brief(state, deps, diff)
    if not deps.model.reads_prompt:
        reply = ask(deps, state, "reviewer", (), facts)
        return parse_verdict(reply.text) or Review(keep=True)
    if not diff:
        return Review(keep=False, reasons=("nothing was changed",), by="rules")
    prompt = render(
        "reviewer",
        task=state["task"],
        diff=clip(diff, _DIFF_CHARS),
        report=describe(state["report"]),
    )
    messages = [Message("system", render("reviewer_system")), Message("user", prompt)]
    reply = ask(deps, state, "reviewer", messages, facts)
    verdict = parse_verdict(reply.text)
    if verdict is None:
        deps.events.emit("note", "the reviewer gave no clear verdict; the tests decide")
        return Review(keep=True, by="model")
    return verdict


def parse_verdict(reply: str) -> Review | None:
    """`VERDICT: keep` or `VERDICT: reject` and bulleted reasons; None when there is no verdict."""
    found = _VERDICT.findall(reply)
    if not found:
        return None
    keep = found[-1].lower() == "keep"
    reasons = tuple(_REASON.findall(reply))[:5]
    if not keep and not reasons:
        reasons = ("the reviewer gave no reason",)
    return Review(keep, reasons, by="model")
