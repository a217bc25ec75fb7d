"""plan: run the tests as they are, and decide on the steps.

The plan is the task itself unless it plainly has several parts: a plan made by a small model
before there is any evidence costs more than it brings.
"""

import re

from greenloop.errors import NoTestsError, UserError
from greenloop.nodes.ask import ask, brief
from greenloop.nodes.deps import Deps
from greenloop.nodes.prompting import render
from greenloop.nodes.steps import parse_steps
from greenloop.nodes.summary import score, summarise
from greenloop.nodes.theirs import put_back
from greenloop.state import AgentState, Best, Plan, Step, TestSummary
from greenloop.tools.model.base import Message
from greenloop.tools.runner.run import NOT_STARTED, USAGE_ERROR

_PART = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+\S", re.MULTILINE)


def plan(state: AgentState, deps: Deps) -> AgentState:
    """Baseline, then steps.

    Raises:
        NoTestsError: there is nothing to judge by.
        UserError: the embedded brain was asked for work that no failing test describes.
    """
    baseline = _baseline(state, deps)
    update: AgentState = {
        "baseline": baseline,
        "report": baseline,
        "best": Best(state["tree"], score(baseline), baseline),
        "step": 0,
        "attempt": 0,
    }
    known: AgentState = {**state, **update}
    update["plan"] = _first_plan(known, deps)
    for number, step in enumerate(update["plan"].steps, 1):
        deps.events.emit("plan", f"{number}. {' '.join(step.text.split())}")
    return update


def _baseline(state: AgentState, deps: Deps) -> TestSummary:
    report = deps.runner.run()
    put_back(deps, state["tree"])
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


def describe(summary: TestSummary) -> str:
    """The summary in one line."""
    if not summary.structured:
        if summary.green:
            return "the test command passes"
        return summary.failures[0].message if summary.failures else "the tests left no report"
    parts = [f"{summary.passed} passed", f"{summary.failed} failed"]
    if summary.skipped:
        parts.append(f"{summary.skipped} skipped")
    if summary.broken:
        parts.append(f"{summary.broken} broken since the start")
    if summary.kind in ("timeout", "crash"):
        parts.append(f"the run ended by a {summary.kind}")
    return ", ".join(parts)


def _first_plan(state: AgentState, deps: Deps) -> Plan:
    task = Plan((Step(state["task"]),))
    if not deps.model.reads_prompt:
        return _asked(state, deps, ()) or task
    wanted = deps.settings.plan
    if wanted == "never" or (wanted == "auto" and not has_parts(state["task"])):
        return task
    prompt = render("planner", task=state["task"], report=describe(state["baseline"]))
    system = Message("system", render("planner_system"))
    return _asked(state, deps, (system, Message("user", prompt))) or task


def _asked(state: AgentState, deps: Deps, messages: tuple[Message, ...]) -> Plan | None:
    reply = ask(deps, state, "planner", messages, brief(state, deps))
    steps = parse_steps(reply.text)
    return Plan(tuple(Step(text) for text in steps)) if steps else None


def has_parts(task: str) -> bool:
    """Whether the user listed several parts: two or more numbered or bulleted lines."""
    return len(_PART.findall(task)) > 1
