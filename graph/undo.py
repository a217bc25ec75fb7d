"""Taking a run back, and taking that back: only the files that the run changed are touched."""

from typing import cast

from greenloop.checkpoints.events import EventLog, read_events
from greenloop.checkpoints.snapshots import SnapshotStore
from greenloop.checkpoints.threads import Thread, ThreadStatus
from greenloop.errors import ThreadError
from greenloop.graph.run import working_on
from greenloop.graph.storage import Storage
from greenloop.tools.files import Workspace


def undo(thread: Thread, workspace: Workspace, storage: Storage, *, force: bool) -> tuple[str, ...]:
    """Put back every file that the run changed; returns their paths.

    What is there now is kept as a snapshot first. After a kill the half-done node's changes
    count as the run's own.

    Raises:
        ThreadError: undone already, or files were changed since the run and not `force`.
    """
    if thread.status == "undone":
        raise ThreadError(f"{thread.thread} is undone already; --redo takes that back")
    with working_on(workspace, storage):
        snapshots = storage.snapshots(workspace.root)
        found = snapshots.take()
        left = _tree_left(thread, storage)
        ours = {change.path for change in snapshots.changed(thread.base_tree, left)}
        if thread.status == "running":
            ours |= {change.path for change in snapshots.changed(thread.base_tree, found)}
        elif not force:
            _refuse_to_overwrite(thread, snapshots, left, found, ours)
        paths = tuple(sorted(ours - _theirs(thread, storage)))
        events = EventLog(storage.connection, storage.blobs, thread.thread)
        events.after(_last_step(thread, storage))
        events.emit("undo", found, sender=thread.status)
        snapshots.restore_paths(thread.base_tree, paths)
        storage.threads.set_status(thread.thread, "undone")
    return paths


def redo(thread: Thread, workspace: Workspace, storage: Storage) -> tuple[str, ...]:
    """Take the last undo back; returns the paths.

    Raises:
        ThreadError: nothing was undone.
    """
    undone = [e for e in read_events(storage.connection, thread.thread) if e.kind == "undo"]
    if thread.status != "undone" or not undone:
        raise ThreadError(f"{thread.thread} was not undone: there is nothing to take back")
    with working_on(workspace, storage):
        snapshots = storage.snapshots(workspace.root)
        saved = undone[-1].text
        changes = snapshots.changed(thread.base_tree, saved)
        paths = tuple(sorted(change.path for change in changes))
        snapshots.restore_paths(saved, paths)
        storage.threads.set_status(thread.thread, cast(ThreadStatus, undone[-1].sender))
    return paths


def _refuse_to_overwrite(
    thread: Thread, snapshots: SnapshotStore, left: str, found: str, ours: set[str]
) -> None:
    changed = {change.path for change in snapshots.changed(left, found)}
    both = sorted(changed & ours)
    if both:
        raise ThreadError(
            f"changed since {thread.thread}: {', '.join(both[:5])}; --force puts them back too "
            "(what is there now is kept, --redo brings it back)"
        )


def _tree_left(thread: Thread, storage: Storage) -> str:
    """The tree after the last finished node, as its event recorded it."""
    finished = [
        event
        for event in read_events(storage.connection, thread.thread)
        if event.kind == "finished"
    ]
    return finished[-1].text if finished else thread.base_tree


def _theirs(thread: Thread, storage: Storage) -> set[str]:
    """Paths that somebody else changed during the run; not the run's to take back."""
    events = read_events(storage.connection, thread.thread)
    refs = [event.ref for event in events if event.kind == "theirs"]
    return set(storage.blobs.get(refs[-1]).split("\n")) if refs else set()


def _last_step(thread: Thread, storage: Storage) -> int:
    events = read_events(storage.connection, thread.thread)
    return max((event.step for event in events), default=0)
