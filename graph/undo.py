"""Taking a run back, and taking that back: only the files that the run changed are touched."""

from collections.abc import Iterable
from typing import cast

from greenloop.checkpoints.events import CHECKPOINTS, NAME_BASE, EventLog, read_events
from greenloop.checkpoints.snapshots.store import Change, SnapshotStore
from greenloop.checkpoints.threads import Thread, ThreadStatus
from greenloop.errors import ThreadError
from greenloop.graph.accounted import left_by_move
from greenloop.graph.holding import working_on
from greenloop.graph.storage import Storage
from greenloop.state import Event
from greenloop.tools.files import Workspace


def undo(thread: Thread, workspace: Workspace, storage: Storage, *, force: bool) -> tuple[str, ...]:
    """Put back every file that the run changed; returns their paths.

    What is there now is kept as a snapshot first. After a kill the edits of the half-done node
    count as the run's own.

    Raises:
        ThreadError: undone already, or files were changed since the run and not `force`.
    """
    with working_on(workspace, storage):
        thread = storage.threads.find(thread.thread)
        if thread.status == "undone":
            raise ThreadError(f"{thread.thread} is undone already; --redo takes that back")
        snapshots = storage.snapshots(workspace.root, thread.store)
        events = _events(thread, storage)
        half_done = _half_moved(thread, events, snapshots)
        # A rewind that a kill cut off has not happened, but for the files that it had reached.
        told = [e for e in events if e.step < _last_made(events)] if half_done else events
        found, base = snapshots.take(), _base(thread, told, storage, snapshots)
        left = next((e.tree for e in reversed(told) if e.kind in CHECKPOINTS), base)
        half_done |= _half_done(events, storage)
        ours = _paths(snapshots.changed(base, left))
        ours |= half_done & _paths(snapshots.changed(base, found))
        if not ours:
            return ()
        if not force:
            touched = _paths(snapshots.changed(left, found)) & _paths(
                snapshots.changed(base, found)
            )
            _refuse(thread, (ours - half_done) & touched)
        paths = tuple(sorted(ours))
        found = snapshots.take_before(base, paths)
        log = _log(thread, events, storage)
        log.emit("undo", sender=thread.status, content="\0".join(paths), tree=found)
        log.spared(snapshots.restore_paths(base, paths))
        storage.threads.set_status(thread.thread, "undone")
    return paths


def redo(thread: Thread, workspace: Workspace, storage: Storage, *, force: bool) -> tuple[str, ...]:
    """Take the last undo back; returns the paths. What is there now is kept as a snapshot first.

    Raises:
        ThreadError: nothing was undone, or files were changed since and not `force`.
    """
    with working_on(workspace, storage):
        thread = storage.threads.find(thread.thread)
        events = _events(thread, storage)
        undone = [event for event in events if event.kind == "undo"]
        if thread.status != "undone" or not undone:
            raise ThreadError(f"{thread.thread} was not undone: there is nothing to take back")
        snapshots = storage.snapshots(workspace.root, thread.store)
        found = snapshots.take()
        last = undone[-1]
        paths = tuple(storage.blobs.get(last.ref).split("\0"))
        since = _paths(snapshots.changed(_base(thread, events, storage, snapshots), found))
        if not force:
            _refuse(thread, since & set(paths))
        found = snapshots.take_before(last.tree, paths)
        log = _log(thread, events, storage)
        log.emit("saved", "as it was before the undo was taken back", tree=found)
        log.spared(snapshots.restore_paths(last.tree, paths))
        storage.threads.set_status(thread.thread, cast(ThreadStatus, last.sender))
    return paths


def _refuse(thread: Thread, changed: set[str]) -> None:
    if changed:
        raise ThreadError(
            f"changed since {thread.thread}: {', '.join(sorted(changed)[:5])}; --force overwrites "
            "that too (what is there now is kept as a snapshot)"
        )


def _events(thread: Thread, storage: Storage) -> list[Event]:
    return read_events(storage.database, thread.thread)


def _log(thread: Thread, events: list[Event], storage: Storage) -> EventLog:
    """The log, ready for a row behind all others."""
    log = EventLog(storage.database, storage.blobs, thread.thread)
    log.after(max((event.step for event in events), default=0))
    return log


def _base(thread: Thread, events: list[Event], storage: Storage, snapshots: SnapshotStore) -> str:
    """The files before the run, with what others have changed during it.

    A fork in its parent's folder has two beginnings: the files that it found there, which an undo
    brings back, and those before its parent's run, from which its work is measured.
    """
    named = [event for event in events if event.kind in NAME_BASE and event.ref]
    if not named:
        return thread.base_tree
    now = storage.blobs.get(named[-1].ref)
    if not thread.parent:
        return now
    then = storage.blobs.get(named[0].ref)
    adopted = [change.path for change in snapshots.changed(then, now)]
    return snapshots.overlay(thread.base_tree, now, adopted) if adopted else thread.base_tree


def _half_done(events: list[Event], storage: Storage) -> set[str]:
    """Paths that a node which did not finish was about to edit."""
    last = _last_made(events)
    meant = [event for event in events if event.kind == "edits" and event.step > last]
    return {path for event in meant for path in storage.blobs.get(event.ref).split("\0")}


def _half_moved(thread: Thread, events: list[Event], snapshots: SnapshotStore) -> set[str]:
    """Paths that a rewind or a fork which was killed was about to change."""
    if thread.status != "running":
        return set()
    rows = [event for event in events if event.step == _last_made(events)]
    to = next((event.tree for event in rows if event.kind == "moved"), "")
    return {
        path for start in left_by_move(rows) if to for path in _paths(snapshots.changed(start, to))
    }


def _last_made(events: list[Event]) -> int:
    return max((event.step for event in events if event.kind in CHECKPOINTS), default=0)


def _paths(changes: Iterable[Change]) -> set[str]:
    return {change.path for change in changes}
