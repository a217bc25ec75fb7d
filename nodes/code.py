"""code: one step, one small prompt; edits are checked before they are applied, all or none."""

from collections.abc import Sequence
from dataclasses import replace

from greenloop.errors import EditError
from greenloop.nodes.ask import Answer, ask, brief
from greenloop.nodes.context import gather
from greenloop.nodes.deps import Deps
from greenloop.nodes.guarded import guard
from greenloop.nodes.prompting import render
from greenloop.nodes.theirs import adopt, put_back
from greenloop.state import AgentState, over_budget
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edit_parse import parse_edits
from greenloop.tools.edits import Edit
from greenloop.tools.lookups import answer, parse_lookups
from greenloop.tools.model.base import Message

_CORRECTIONS = 2
"""Replies that may be sent back before the step counts as without an edit."""
_LOOKUPS = 2
"""Turns in which the coder may look around before it edits."""
_FORMAT = (
    "Your reply holds no edit. Write the path of the file on a line of its own, then either a "
    "SEARCH/REPLACE block or the whole file in a fenced block."
)


def code(state: AgentState, deps: Deps) -> AgentState:
    """Ask the coder until an edit applies or it has had its turns.

    An edit that does not apply, or breaks a file's syntax, goes back with what was wrong.
    """
    facts = brief(state, deps)
    messages = _prompt(state, deps)
    refusal = ""
    corrections = lookups = 0
    while corrections <= _CORRECTIONS and not _spent_out(state, deps):
        reply = ask(deps, state, "coder", messages, facts, corrections)
        if reply.unusable:
            refusal = reply.unusable
            corrections += 1
            continue
        state = _catch_up(state, deps)
        if reply.gave_up:
            deps.events.emit("note", f"gave up: {reply.gave_up}")
            return {**_trees(state), "changed": False, "gave_up": reply.gave_up}
        found = _look_up(reply, deps) if lookups < _LOOKUPS else ""
        if found:
            lookups += 1
            messages += _turn(reply, found)
            continue
        refusal = _apply(reply, state, deps)
        if not refusal:
            return {**_trees(state), "changed": True, "gave_up": "", "feedback": ""}
        deps.events.emit("refused", refusal.splitlines()[0], content=refusal)
        corrections += 1
        messages += _turn(reply, f"{refusal}\nSend the edit again, corrected.")
    feedback = f"No edit could be applied. {refusal}"
    return {**_trees(state), "changed": False, "feedback": feedback}


def _catch_up(state: AgentState, deps: Deps) -> AgentState:
    """Take in what happened to the files while the brain was thinking."""
    if deps.model.reads_prompt:
        return adopt(state, deps)
    put_back(deps, state["tree"])  # its trial runs leave things behind
    return state


def _trees(state: AgentState) -> AgentState:
    update: AgentState = {"base_tree": state["base_tree"], "best": state["best"]}
    return update


def _spent_out(state: AgentState, deps: Deps) -> bool:
    """Whether the calls of this node have used the budget up."""
    spent, meter = state["spent"], deps.meter
    spent = replace(
        spent, model_calls=spent.model_calls + meter.calls, tokens=spent.tokens + meter.tokens
    )
    return bool(over_budget(spent, state["budget"]))


def _prompt(state: AgentState, deps: Deps) -> list[Message]:
    if not deps.model.reads_prompt:
        return []
    plan, step = state["plan"], state["step"]
    current = plan.steps[min(step, len(plan.steps) - 1)].text
    prompt = render(
        "coder",
        context=gather(state, deps, current),
        task=state["task"],
        step=current,
        number=step + 1,
        total=len(plan.steps),
        feedback=state.get("feedback") or _baseline_failures(state),
    )
    return [Message("system", render("coder_system")), Message("user", prompt)]


def _baseline_failures(state: AgentState) -> str:
    """On the first try the failures before the run are all the evidence there is."""
    lines = [f"{f.test_id}: {f.message}\n{f.excerpt}" for f in state["baseline"].failures[:3]]
    return "\n".join(lines)[:6000]


def _turn(reply: Answer, answer_text: str) -> list[Message]:
    return [Message("assistant", reply.text), Message("user", answer_text)]


def _look_up(reply: Answer, deps: Deps) -> str:
    """What the coder asked to see; empty when it asked for nothing or sent edits."""
    wanted = parse_lookups(reply.text)
    if not wanted or "<<<<<<" in reply.text or "```" in reply.text:
        return ""
    shown = [answer(deps.workspace, lookup) for lookup in wanted]
    deps.events.emit("lookup", ", ".join(map(str, wanted)), content="\n\n".join(shown))
    return "\n\n".join(shown)


def _apply(reply: Answer, state: AgentState, deps: Deps) -> str:
    """Apply the reply's edits; returns what is wrong with them, empty when nothing is."""
    try:
        edits = parse_edits(reply.text)
        if not edits:
            return _FORMAT
        _refuse_uncovered(edits, state, deps)
        named = [edit.path for edit in edits]
        deps.events.emit("edits", ", ".join(named), content="\0".join(named))
        protected = guard(deps.snapshots, state["base_tree"], deps.runner.command.argv)
        keep_tests = deps.settings.protect_tests
        paths = apply_edits(deps.workspace, edits, lambda path: keep_tests and protected(path))
    except EditError as error:
        return str(error)
    diff = deps.snapshots.diff(state["tree"], deps.snapshots.take())
    deps.events.emit("diff", ", ".join(paths), content=diff)
    return ""


def _refuse_uncovered(edits: Sequence[Edit], state: AgentState, deps: Deps) -> None:
    """A file that is there but in no snapshot, since it is ignored, could not be brought back.

    Raises:
        EditError: an edit touches such a file.
    """
    covered = frozenset(deps.snapshots.paths(state["tree"]))
    for edit in edits:
        path = deps.workspace.relative(edit.path)
        if path not in covered and deps.workspace.exists(path):
            raise EditError(f"{path} is ignored by git and not yours to change. Edit other files.")
