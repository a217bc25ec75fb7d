"""A new thread from a checkpoint of another one: the same state and files, another way on."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from greenloop.checkpoints.events import EventLog
from greenloop.checkpoints.snapshots.store import Change, SnapshotStore
from greenloop.checkpoints.threads import Thread, new_thread_name
from greenloop.config import Settings
from greenloop.errors import WorkspaceError
from greenloop.graph.edges import GRAPH_VERSION
from greenloop.graph.fork_edit import Edit, Standing, edited
from greenloop.graph.history import FORK_MARK
from greenloop.graph.holding import working_on
from greenloop.graph.kept_files import keep_found, shown
from greenloop.graph.resume import check_version
from greenloop.graph.run import stored_settings
from greenloop.graph.storage import Storage, store_of
from greenloop.graph.timeline import Timeline, arrive, open_timeline
from greenloop.state import STATE_VERSION, AgentState
from greenloop.tools.files import Workspace


@dataclass(frozen=True, slots=True)
class Forked:
    """A fork, ready to be resumed."""

    thread: Thread
    next: str
    """Node that comes next."""
    set_aside: tuple[str, ...]
    """Files of the folder that the parent's last checkpoint does not have so; an undo of the
    fork brings them back."""
    changed: tuple[Change, ...]
    """What happened to the files of the folder."""


def fork(
    parent: Thread,
    number: int,
    edit: Edit,
    workspace: Workspace,
    settings: Settings,
    storage: Storage,
) -> Forked:
    """Make a thread that stands at a checkpoint of another one, with its files in place.

    It waits to be resumed. The other thread is not changed, and may be at work elsewhere.

    Args:
        parent: the other thread.
        number: of the checkpoint there.
        edit: what is different from there on.
        workspace: the parent's folder, or an empty one, which gets the files.
        settings: of the new thread.
        storage: the stores.

    Raises:
        ThreadError: no such checkpoint, made by another version, nothing left to do there, or
            another run works in the folder.
        StorageError: a file (named) cannot be written; a resume of the fork goes on with it.
    """
    check_version(parent)
    with (
        # No row says yet that this folder shares the store: a prune must not meet it.
        storage.in_use(store_of(parent)),
        working_on(workspace, storage),
        open_timeline(parent.thread, storage) as timeline,
    ):
        target, last = timeline.at(number), timeline.last()
        standing = edited(target, edit, settings, parent.thread)
        thread = _row(parent, number, standing, workspace, settings)
        snapshots = storage.snapshots(workspace.root, thread.store)
        tree = target.state["tree"]
        found = snapshots.take_before(tree)
        in_place = workspace.root == Path(parent.repo)
        if in_place:
            thread = replace(thread, base_tree=found)
        own = replace(timeline, thread=thread.thread)
        log, following = _record(own, thread, standing, found)
        # From here on others can see it. A kill before leaves nothing that anybody meets.
        storage.threads.add(thread)
        log.spared(snapshots.restore(tree))
        arrive(log, 0, following)
        thread = replace(thread, status="interrupted")
        _accept(own, thread, snapshots)
        storage.threads.set_status(thread.thread, "interrupted")
        aside = snapshots.changed(last.state["tree"], found) if in_place else ()
        changed = snapshots.changed(found, tree)
    return Forked(
        thread,
        "".join(following[:1]),
        tuple(change.path for change in aside),
        changed,
    )


def empty_folder(into: Path, parent: Thread, data: Path) -> Path:
    """Make the folder of a fork, if it is not there.

    Args:
        into: the folder.
        parent: the thread that is forked.
        data: greenloop's own folder.

    Raises:
        WorkspaceError: it holds something, shares files with the parent's, or cannot be made.
    """
    folder, home = into.resolve(), Path(parent.repo)
    if folder.is_relative_to(data) or data.is_relative_to(folder):
        raise WorkspaceError(f"{folder} and greenloop's own data in {data} contain each other")
    if folder.is_relative_to(home) or home.is_relative_to(folder):
        raise WorkspaceError(
            f"{folder} and the folder of {parent.thread}, {home}, contain each other: name a "
            "folder beside it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise WorkspaceError(f"cannot make the folder {folder}: {error.strerror}") from error
    if taken is not None:
        raise WorkspaceError(f"{folder} is not empty: name a new folder")
    return folder


def _record(
    timeline: Timeline, thread: Thread, standing: Standing, found: str
) -> tuple[EventLog, tuple[str, ...]]:
    """Write the first checkpoint of a fork, and how it came about."""
    storage = timeline.storage
    log = EventLog(storage.database, storage.blobs, thread.thread)
    log.begin(0, shown(standing.node))
    log.emit("intent", "lay out the files", tree=found)
    source = f"{thread.parent}{FORK_MARK}{thread.parent_step}"
    log.emit(
        "moved",
        f"fork of {thread.parent} at {thread.parent_step}",
        content=standing.state["base_tree"],
        sender=source,
        tree=standing.state["tree"],
    )
    _say_plan(log, standing.state)
    return log, timeline.put(None, standing.state, standing.node)


def _accept(timeline: Timeline, thread: Thread, snapshots: SnapshotStore) -> None:
    """Files that git tracks although it ignores them are in no snapshot of a folder without git."""
    last, laid_out = timeline.last(), snapshots.take()
    if laid_out != last.state["tree"]:
        keep_found(timeline, thread, snapshots, last, laid_out, "laid out, but ignored here: ")


def _say_plan(log: EventLog, state: AgentState) -> None:
    if "plan" not in state:
        return
    for number, step in enumerate(state["plan"].steps, 1):
        done = " (done)" if step.done else ""
        log.emit("plan", f"{number}. {' '.join(step.text.split())}{done}")


def _row(
    parent: Thread, number: int, standing: Standing, workspace: Workspace, settings: Settings
) -> Thread:
    now, task = time.time(), standing.state["task"]
    return Thread(
        thread=new_thread_name(task),
        repo=str(workspace.root),
        task=task,
        model=settings.model,
        test_cmd=settings.test_cmd,
        settings=stored_settings(settings),
        status="running",
        base_tree=standing.state["tree"],
        graph_version=GRAPH_VERSION,
        state_version=STATE_VERSION,
        created=now,
        updated=now,
        store=store_of(parent),
        parent=parent.thread,
        parent_step=number,
    )
