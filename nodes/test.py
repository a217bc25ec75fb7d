"""test: put the judged test files back, run the tests, and keep the best tree."""

from dataclasses import replace

from greenloop.nodes.command_approval import allowed_commands
from greenloop.nodes.deps import Deps
from greenloop.nodes.evidence import feedback
from greenloop.nodes.guarded import guarded_paths
from greenloop.nodes.summary import describe, score, summarise
from greenloop.nodes.theirs import go_to, tidied
from greenloop.state import AgentState, Best, Plan, Score, TestSummary


def test(state: AgentState, deps: Deps) -> AgentState:
    """Judge the tree.

    Green or an intermediate step without harm moves the plan on; anything else counts an
    attempt, and progress starts the count anew.
    """
    allowed = allowed_commands(state, deps)
    tree = _with_original_tests(state, deps)
    with tidied(deps, tree):
        report = deps.runner.run()
    summary = summarise(report, deps.blobs, state["baseline"])
    deps.events.emit("tests", describe(summary), content=report.output)
    reached = score(summary)
    best = state["best"]
    progress = reached > best.score
    ticked = step_is_done(state["plan"], state["step"], summary, reached, state["baseline"])
    update: AgentState = {"report": summary, "allowed": allowed}
    if progress or (ticked and reached >= best.score):
        update["best"] = Best(tree, reached, summary)
    if ticked:
        # Green and nothing more to edit: earlier steps have done the rest too.
        last = state["step"] if state["changed"] else len(state["plan"].steps) - 1
        update["plan"] = _tick(state["plan"], last)
        update["step"] = last + 1
        update["attempt"] = 0
    else:
        update["attempt"] = 1 if progress else state["attempt"] + 1
    steps = state["plan"].steps
    following = steps[min(update.get("step", state["step"]), len(steps) - 1)].text
    update["feedback"] = feedback(summary, deps.workspace.root, following)
    return update


test.__test__ = False  # type: ignore[attr-defined]  # its name would make pytest collect it


def step_is_done(
    plan: Plan, step: int, summary: TestSummary, reached: Score, baseline: TestSummary
) -> bool:
    """The last step needs green; a step before it must do no harm.

    Harm is a test that passed before and fails now, or more failures than at the start.
    """
    if step >= len(plan.steps) - 1:
        return summary.green
    runs = summary.kind not in ("syntax", "collection", "crash", "timeout", "no_tests")
    return summary.green or (runs and summary.broken == 0 and -reached.failed <= baseline.failed)


def _with_original_tests(state: AgentState, deps: Deps) -> str:
    """Undo whatever happened to the judged files; returns the tree that is tested."""
    if not deps.settings.protect_tests:
        return state["tree"]
    guarded = guarded_paths(deps.snapshots, state["base_tree"])
    go_to(deps, state["base_tree"], guarded)
    tree = deps.footing.now
    if tree != state["tree"]:
        deps.events.emit("saved", "test files put back as they were", tree=state["tree"])
    return tree


def _tick(plan: Plan, step: int) -> Plan:
    """Everything up to this step is done."""
    steps = tuple(
        replace(each, done=each.done or index <= step) for index, each in enumerate(plan.steps)
    )
    return replace(plan, steps=steps)
