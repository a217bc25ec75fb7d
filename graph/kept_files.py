"""Files that no checkpoint of a thread has, made one: so nothing that a user had is lost."""

from dataclasses import replace

from greenloop.checkpoints.events import EventLog
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.checkpoints.threads import Thread
from greenloop.graph.accounted import changed_by_others
from greenloop.graph.edges import START
from greenloop.graph.history import FILES
from greenloop.graph.timeline import Checkpoint, Timeline
from greenloop.nodes.summary import score
from greenloop.state import AgentState, Best

_NAMED = 5
"""Files named in an event."""


def keep_found(
    timeline: Timeline,
    thread: Thread,
    snapshots: SnapshotStore,
    last: Checkpoint,
    found: str,
    words: str = "",
) -> Checkpoint:
    """Make the files as they are a checkpoint, so that they have a number to come back to.

    Args:
        timeline: the thread's, held.
        thread: the row.
        snapshots: the thread's.
        last: the checkpoint where it stands.
        found: snapshot of the files.
        words: what the files are, for people; by default found out.

    Returns:
        The new checkpoint.
    """
    storage, state = timeline.storage, last.state
    theirs = changed_by_others(thread, storage, snapshots, state, found)
    update: AgentState = {"tree": found, "events": last.number + 1}
    update["base_tree"] = snapshots.overlay(state["base_tree"], found, theirs)
    if "best" in state:
        best = snapshots.overlay(state["best"].tree, found, theirs)
        update["best"] = replace(state["best"], tree=best)
    node = last.node
    if thread.status == "undone" and "plan" in state:
        node = "code"  # so that the tests come next
        update.update(_judged_anew(state, found))
    log = EventLog(storage.database, storage.blobs, thread.thread)
    log.begin(last.number + 1, shown(node))
    log.emit(
        "moved",
        (words or _words(thread, theirs)) + _names(snapshots, state["tree"], found),
        sender=FILES,
        content=update["base_tree"],
        tree=found,
    )
    timeline.put(None, update, node)
    return timeline.last()


def _judged_anew(state: AgentState, found: str) -> AgentState:
    """What the tests said of the run's files says nothing of those before it."""
    plan = state["plan"]
    update: AgentState = {
        "plan": replace(plan, steps=tuple(replace(step, done=False) for step in plan.steps)),
        "step": 0,
        "attempt": 0,
        "changed": True,
        "gave_up": "",
        "feedback": "",
        "status": "running",
        "report": state["baseline"],
        "best": Best(found, score(state["baseline"]), state["baseline"]),
    }
    return update


def _words(thread: Thread, theirs: tuple[str, ...]) -> str:
    if thread.status == "undone":
        return "as undone: "
    return "your own changes: " if theirs else "left by the kill: "


def _names(snapshots: SnapshotStore, before: str, after: str) -> str:
    names = [change.path for change in snapshots.changed(before, after)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def shown(node: str) -> str:
    """A node's name as events have it: none before the first."""
    return "" if node == START else node
