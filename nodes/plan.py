"""plan: run the tests as they are, and decide on the steps.

The plan is the task itself unless it plainly has several parts: a plan made by a small model
before there is any evidence costs more than it brings.
"""

from collections.abc import Sequence

from greenloop.errors import NoTestsError, UserError
from greenloop.nodes.ask import brief
from greenloop.nodes.baseline import run_once
from greenloop.nodes.command_approval import allowed_commands
from greenloop.nodes.conversation import Conversation
from greenloop.nodes.decisions import decide, read_steps, steps_schema
from greenloop.nodes.deps import Deps
from greenloop.nodes.fitting import Part
from greenloop.nodes.plan_approval import agreed_steps
from greenloop.nodes.prompting import compose, render, room_beside
from greenloop.nodes.steps import has_parts, most_steps
from greenloop.nodes.summary import describe, score, summarise
from greenloop.state import AgentState, Best, Plan, Step, TestSummary
from greenloop.tools.runner.run import NOT_STARTED, USAGE_ERROR
from greenloop.tools.text import clip

_LINE_CHARS = 300
"""Of a step in an event; a plan may be the task itself, of any length."""


def plan(state: AgentState, deps: Deps) -> AgentState:
    """Baseline, then steps.

    Raises:
        NoTestsError: there is nothing to judge by.
        UserError: the embedded brain was asked for work that no failing test describes.
    """
    allowed = allowed_commands(state, deps)
    baseline = _baseline(state, deps)
    update: AgentState = {
        "baseline": baseline,
        "report": baseline,
        "best": Best(state["tree"], score(baseline), baseline),
        "step": 0,
        "attempt": 0,
        "allowed": allowed,
    }
    known: AgentState = {**state, **update}
    update["plan"] = _agreed(_first_plan(known, deps), known, deps)
    for number, step in enumerate(update["plan"].steps, 1):
        deps.events.emit("plan", f"{number}. {one_line(step.text)}")
    return update


def one_line(text: str) -> str:
    """A step's words for an event."""
    return clip(" ".join(text.split()), _LINE_CHARS)


def _baseline(state: AgentState, deps: Deps) -> TestSummary:
    report = run_once(deps, state["tree"])
    if not report.structured and report.exit_code in NOT_STARTED:
        raise NoTestsError(
            f"the test command does not start: {deps.runner.command.shown} "
            f"(exit code {report.exit_code}); give another with --test-cmd"
        )
    is_pytest = deps.runner.command.python is not None
    if is_pytest and not report.structured and report.exit_code == USAGE_ERROR:
        said = [line for line in report.output.splitlines() if line.strip()]
        raise NoTestsError(f"pytest does not start: {' '.join(said[-3:])[:300]}")
    if report.kind == "no_tests":
        raise NoTestsError(
            f"no tests found in {deps.workspace.root} by `{deps.runner.command.shown}`: "
            "greenloop needs tests to judge by; name a command with --test-cmd"
        )
    baseline = summarise(report, deps.blobs, None)
    deps.events.emit("tests", describe(baseline), content=report.output)
    if baseline.green and not deps.model.reads_prompt:
        raise UserError(
            f"all {baseline.passed} tests pass, and the embedded brain only repairs failing "
            "tests: start `ollama serve` and `ollama pull "
            f"{type(deps.settings).model_fields['model'].default}` for other tasks"
        )
    return baseline


def _first_plan(state: AgentState, deps: Deps) -> Plan:
    task = Plan((Step(state["task"]),))
    wanted = deps.settings.plan
    reads = deps.model.reads_prompt
    if reads and (wanted == "never" or (wanted == "auto" and not has_parts(state["task"]))):
        return task
    parts = [Part("task", state["task"], least=1)]
    steps = ask_steps(state, deps, "planner", parts, report=describe(state["baseline"]))
    return Plan(tuple(Step(text) for text in steps)) if steps else task


def _agreed(plan: Plan, state: AgentState, deps: Deps) -> Plan:
    """The plan as the user will have it."""

    def again(listed: str, why: str) -> tuple[str, ...]:
        parts = (
            Part("feedback", why, priority=2, least=1),
            Part("open", listed, priority=1, least=1),
            Part("task", state["task"], priority=3, least=1),
        )
        return ask_steps(state, deps, "replanner", parts, done="")

    return Plan(agreed_steps(plan.steps, state, deps, again))


def ask_steps(
    state: AgentState, deps: Deps, template: str, parts: Sequence[Part], **words: str
) -> tuple[str, ...]:
    """The steps that the planner answers to a prompt; empty when it names none.

    Raises:
        ModelUnavailableError, ModelNotFoundError, ContextError: see `ChatModel.reply`.
    """
    most = most_steps(state["task"])
    talk = Conversation(deps.model)
    if deps.model.reads_prompt:
        system = render("planner_system", json=deps.model.profile.json_schema, most=most)
        room = room_beside(deps.model, system)
        user = compose(template, parts, room, deps.model.count, **words)
        talk = Conversation(deps.model, system, user)
    facts = brief(state, deps)
    return read_steps(decide(deps, state, "planner", talk, facts, steps_schema(most)).text, most)
