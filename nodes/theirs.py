"""Files that somebody else changes while a run goes on: noticed, kept, not taken back."""

from dataclasses import replace

from greenloop.nodes.deps import Deps
from greenloop.state import AgentState


def adopt(state: AgentState, deps: Deps) -> AgentState:
    """The state with the files as they are found.

    What changed since the last look becomes a part of every tree that the run may go back to, so
    going back does not take it away.
    """
    found = deps.snapshots.take()
    if found == state["tree"]:
        return state
    paths = [change.path for change in deps.snapshots.changed(state["tree"], found)]
    adopted: AgentState = {**state, "tree": found}
    base = adopted["base_tree"] = deps.snapshots.overlay(state["base_tree"], found, paths)
    if "best" in state:
        best = deps.snapshots.overlay(state["best"].tree, found, paths)
        adopted["best"] = replace(state["best"], tree=best)
    deps.events.emit(
        "theirs", f"changed outside of the run, kept: {', '.join(paths[:5])}", content=base
    )
    return adopted


def put_back(deps: Deps, tree: str) -> None:
    """Undo what a command left in the files; it is kept as a snapshot first.

    It may be litter of the tests, or what somebody saved while they ran: the two cannot be told
    apart, so nothing is lost and the names are said.
    """
    left = deps.snapshots.take()
    if left == tree:
        return
    names = [change.path for change in deps.snapshots.changed(tree, left)]
    if names:
        shown = ", ".join(names[:5])
        deps.events.emit("saved", f"changed while it ran, put back: {shown}", content=left)
    deps.snapshots.restore(tree)
