"""Files that somebody else changes while a run goes on: noticed, kept, not taken back."""

from greenloop.nodes.deps import Deps
from greenloop.state import AgentState


def adopt(state: AgentState, deps: Deps) -> AgentState:
    """The state with the tree as it is found, and the paths that changed since the last node."""
    found = deps.snapshots.take()
    if found == state["tree"]:
        return state
    paths = {change.path for change in deps.snapshots.changed(state["tree"], found)}
    paths |= known(state, deps)
    shown = ", ".join(sorted(paths)[:5])
    event = deps.events.emit(
        "theirs", f"changed outside of the run, kept: {shown}", content="\n".join(sorted(paths))
    )
    return {**state, "tree": found, "theirs": event.ref}


def known(state: AgentState, deps: Deps) -> frozenset[str]:
    """Paths that were changed outside of the run so far."""
    ref = state.get("theirs", "")
    return frozenset(deps.blobs.get(ref).split("\n")) if ref else frozenset()


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


def go_back(state: AgentState, deps: Deps, tree: str) -> None:
    """Make the files those of an earlier tree, but for those that somebody else changed."""
    theirs = known(state, deps)
    if not theirs:
        deps.snapshots.restore(tree)
        return
    changes = deps.snapshots.changed(state["tree"], tree)
    deps.snapshots.restore_paths(tree, [c.path for c in changes if c.path not in theirs])
