"""Going back to a checkpoint, state and files, by a new checkpoint: nothing is ever lost by it."""

from dataclasses import dataclass
from typing import cast

from greenloop.checkpoints.events import EventLog
from greenloop.checkpoints.snapshots.store import Change, SnapshotStore
from greenloop.checkpoints.threads import Thread, ThreadStatus
from greenloop.config import Settings
from greenloop.graph.holding import working_on
from greenloop.graph.kept_files import keep_found, shown
from greenloop.graph.resume import check_version
from greenloop.graph.run import budget_from
from greenloop.graph.storage import Storage
from greenloop.graph.timeline import Checkpoint, Timeline, arrive, held_timeline
from greenloop.state import AgentState
from greenloop.tools.files import Workspace


@dataclass(frozen=True, slots=True)
class Rewound:
    """What a rewind did."""

    number: int
    """Of the checkpoint where the thread stands now."""
    back: int
    """Number of the checkpoint that holds what was there before; `number` if nothing moved."""
    own: tuple[str, ...]
    """Files that were not those of the last checkpoint, and so became a checkpoint: `back`."""
    changed: tuple[Change, ...]
    """What happened to the files of the folder."""
    next: str
    """Node that comes next; empty at the end of a run."""
    status: ThreadStatus


def rewind(
    thread: Thread, workspace: Workspace, settings: Settings, storage: Storage, number: int
) -> Rewound:
    """Bring state and files back to a checkpoint of any thread, also of an ended one.

    The thread stands at a new checkpoint afterwards. Files that the last checkpoint does not
    have become a checkpoint of their own first.

    Args:
        thread: the row.
        workspace: its folder.
        settings: name the budget, which begins anew; what was spent stays spent.
        storage: the stores.
        number: of the checkpoint.

    Raises:
        ThreadError: no such checkpoint, made by another version, or in use.
        StorageError: a file (named) cannot be changed; a resume goes on with it.
    """
    with working_on(workspace, storage), held_timeline(thread.thread, storage) as timeline:
        thread = storage.threads.find(thread.thread)
        check_version(thread)
        target, last = timeline.at(number), timeline.last()
        snapshots = storage.snapshots(workspace.root, thread.store)
        found = snapshots.take_before(target.state["tree"])
        own = tuple(change.path for change in snapshots.changed(last.state["tree"], found))
        if found != last.state["tree"]:
            last = keep_found(timeline, thread, snapshots, last, found)
        elif target.number == last.number and thread.status != "undone":
            return Rewound(number, number, (), (), "", thread.status)
        storage.threads.set_status(thread.thread, "running")
        return _move(timeline, snapshots, settings, target, (last, found, own))


def _move(
    timeline: Timeline,
    snapshots: SnapshotStore,
    settings: Settings,
    target: Checkpoint,
    since: tuple[Checkpoint, str, tuple[str, ...]],
) -> Rewound:
    """On record before it is done: a kill at any moment leaves what a resume can complete.

    Args:
        timeline: the thread's.
        snapshots: its snapshots.
        settings: name the budget.
        target: where it goes.
        since: the last checkpoint, the files as they are, and those that were somebody's own.
    """
    (last, found, own), storage = since, timeline.storage
    number, tree = last.number + 1, target.state["tree"]
    log = EventLog(storage.database, storage.blobs, timeline.thread)
    log.begin(number, shown(target.node))
    log.emit("intent", f"rewind to {target.number}", tree=found)
    base = target.state["base_tree"]
    log.emit(
        "moved", f"rewound to {target.number}", content=base, sender=str(target.number), tree=tree
    )
    spent = last.state["spent"]
    ended = target.node == "done"
    update: AgentState = {
        "events": number,
        "spent": spent,
        "budget": budget_from(settings, spent),
        "status": target.state["status"] if ended else "running",
    }
    following = timeline.put(target.config, update, target.node)
    changed = snapshots.changed(found, tree)
    log.spared(snapshots.restore(tree))
    status = cast(ThreadStatus, update["status"]) if ended else "interrupted"
    arrive(log, number, following)
    storage.threads.set_status(timeline.thread, status)
    return Rewound(number, last.number, own, changed, "".join(following[:1]), status)
