"""Agreeing on the steps of a plan with the user: as they are, in the user's words, or others."""

import re
from collections.abc import Callable, Iterable, Sequence

from greenloop.nodes.approval import Proposal, digest, seek
from greenloop.nodes.ask import spent_out
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState, Step

Again = Callable[[str, str], tuple[str, ...]]
"""Asks the planner for other steps, given those rejected, as a list, and why; maybe none."""

_NO_REASON = "no reason was given"
_NUMBER = re.compile(r"(?:\d+[.)]|[-*•])[ \t]+")
_DEEPER = "   "
"""Begins the further lines of a step."""


def agreed_steps(
    steps: Sequence[Step], state: AgentState, deps: Deps, again: Again
) -> tuple[Step, ...]:
    """The steps as the user will have them; as they are where nobody wants to be asked.

    A brain that does not read cannot be told why; then the user edits the steps, or the run
    waits. So it does when no call to the planner is left.

    Raises:
        Whatever `Deps.consent` pauses the run with.
    """
    steps = tuple(steps)
    while True:
        only = not deps.model.reads_prompt or spent_out(state, deps)
        lines = listed_steps(step.text for step in steps)
        count = f"{len(steps)} steps" if len(steps) > 1 else "one step"
        proposal = Proposal("plan", f"a plan of {count}", lines, {"": lines}, digest(lines), only)
        verdict = seek(deps, state, proposal)
        if verdict.action == "approve":
            return steps
        if verdict.action == "edit":
            return tuple(Step(text) for text in read_steps(verdict.texts[""]))
        deps.events.emit("note", "the plan was rejected; the planner is asked for another")
        found = again(lines, f"The user rejected this plan: {verdict.reason or _NO_REASON}")
        steps = tuple(Step(text) for text in found) or steps


def listed_steps(texts: Iterable[str]) -> str:
    """Steps as numbered lines; further lines of a step are indented."""
    return "\n".join(
        f"{number}. " + text.replace("\n", f"\n{_DEEPER}") for number, text in enumerate(texts, 1)
    )


def read_steps(text: str) -> tuple[str, ...]:
    """The steps that a user wrote, one to a line; numbers may be left out.

    An indented line goes on with the step above. Lines that begin with `#` do not count.
    """
    steps: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if steps and (line.startswith(_DEEPER) or not line.strip()):
            steps[-1].append(line.removeprefix(_DEEPER))
        elif line.strip():
            steps.append([_NUMBER.sub("", line.strip(), count=1)])
    found = ("\n".join(lines).strip() for lines in steps)
    return tuple(step for step in found if step)
