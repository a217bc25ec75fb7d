"""review: keep or send back a green tree. Rules first, then the model; it never edits."""

from greenloop.nodes.ask import brief
from greenloop.nodes.conversation import Conversation
from greenloop.nodes.decisions import VERDICT, decide, read_verdict
from greenloop.nodes.deps import Deps
from greenloop.nodes.evidence import objections
from greenloop.nodes.fitting import Part
from greenloop.nodes.guarded import guarded_paths
from greenloop.nodes.prompting import compose, render, room_beside
from greenloop.nodes.summary import describe, score
from greenloop.state import AgentState, Best, Review, over_budget

_LEAST = 200
"""Tokens that the task and the change each keep."""
_MOST = 5000
"""Tokens beyond which a small model loses the thread of a change."""


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
    return {"review": verdict, "feedback": objections(verdict)}


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
        answer = decide(deps, state, "reviewer", Conversation(deps.model), facts, VERDICT)
        return read_verdict(answer.text) or Review(keep=True)
    if not diff:
        return Review(keep=False, reasons=("nothing was changed",), by="rules")
    answer = decide(deps, state, "reviewer", _conversation(state, deps, diff), facts, VERDICT)
    verdict = read_verdict(answer.text)
    if verdict is None:
        deps.events.emit("note", "the reviewer gave no clear verdict; the tests decide")
        return Review(keep=True, by="model")
    return verdict


def _conversation(state: AgentState, deps: Deps, diff: str) -> Conversation:
    system = render("reviewer_system", json=deps.model.profile.json_schema)
    parts = (
        Part("diff", diff, priority=0, least=_LEAST),
        Part("task", state["task"], priority=1, least=_LEAST),
    )
    room = min(room_beside(deps.model, system), _MOST)
    words = {"report": describe(state["report"])}
    user = compose("reviewer", parts, room, deps.model.count, **words)
    return Conversation(deps.model, system, user)
