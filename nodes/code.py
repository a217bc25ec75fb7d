"""code: one step, one small conversation, until an edit applies or the turns are used up."""

from greenloop.nodes.ask import Answer, Question, ask, brief, spent_out
from greenloop.nodes.attempt import Attempt
from greenloop.nodes.command_approval import allowed_commands
from greenloop.nodes.deps import Deps
from greenloop.nodes.evidence import standing
from greenloop.nodes.loops import Watch
from greenloop.nodes.step_prompt import open_conversation
from greenloop.nodes.theirs import adopt, tidied
from greenloop.state import AgentState


def code(state: AgentState, deps: Deps) -> AgentState:
    """Ask the coder until an edit applies or it has had its turns.

    An edit that does not apply, or breaks a file's syntax, goes back with what was wrong. A
    reply that repeats what was of no use is pointed out once; the next one ends the attempt.
    """
    if not deps.model.reads_prompt:  # it runs the tests to judge its trials
        state = {**state, "allowed": allowed_commands(state, deps)}
    watch = Watch(state.get("tried", ()))
    watch.same_tree(state["tree"])
    attempt = Attempt(deps, open_conversation(state, deps), watch)
    facts = brief(state, deps)
    while attempt.goes_on and not spent_out(state, deps):
        talk = attempt.talk
        question = Question("coder", talk.messages, facts, attempt.refused, talk.tools)
        answer, state = _asked(deps, state, question)
        if answer.gave_up:
            deps.events.emit("note", f"gave up: {answer.gave_up}")
            return {**_kept(state, watch), "changed": False, "gave_up": answer.gave_up}
        if attempt.take(answer, state):
            return {**_kept(state, watch), "changed": True, "gave_up": "", "feedback": ""}
    return {**_kept(state, watch), "changed": False, "feedback": _why_not(attempt, state, deps)}


def _asked(deps: Deps, state: AgentState, question: Question) -> tuple[Answer, AgentState]:
    """The answer, and what happened to the files while the brain was thinking."""
    if deps.model.reads_prompt:
        answer = ask(deps, state, question)
        return answer, adopt(state, deps)
    with tidied(deps, state["tree"]):  # its trial runs leave things behind
        return ask(deps, state, question), state


def _kept(state: AgentState, watch: Watch) -> AgentState:
    kept: AgentState = {
        "base_tree": state["base_tree"],
        "best": state["best"],
        "tried": watch.tried,
        "allowed": tuple(state.get("allowed", ())),
    }
    return kept


def _why_not(attempt: Attempt, state: AgentState, deps: Deps) -> str:
    """What the next planner and coder are told of an attempt that changed nothing."""
    lines = [f"No edit could be applied. {attempt.why}".strip()]
    if state.get("changed") is False:  # the round before was no better
        deps.events.emit("note", "two rounds in a row changed nothing")
        lines.append("Two rounds have changed nothing: try another place or another cause.")
    return "\n".join([*lines, "", standing(state, deps.workspace.root)]).strip()
