"""Taking a run back, and taking that back: only the files that the run changed are touched."""

from collections.abc import Iterable
from typing import cast

from greenloop.checkpoints.events import EventLog, read_events
from greenloop.checkpoints.snapshots import Change
from greenloop.checkpoints.threads import Thread, ThreadStatus
from greenloop.errors import ThreadError
from greenloop.graph.run import working_on
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
        snapshots, events = storage.snapshots(workspace.root), _events(thread, storage)
        found, base = snapshots.take(), _base(thread, events, storage)
        left = next((e.text for e in reversed(events) if e.kind == "finished"), base)
        half_done = _half_done(events, storage)
        ours = _paths(snapshots.changed(base, left))
        ours |= half_done & _paths(snapshots.changed(base, found))
        if not ours:
            return ()
        if not force:
            _refuse(thread, (ours - half_done) & _paths(snapshots.changed(left, found)))
        paths = tuple(sorted(ours))
        log = _log(thread, events, storage)
        log.emit("undo", found, sender=thread.status, content="\0".join(paths))
        snapshots.restore_paths(base, paths)
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
        snapshots = storage.snapshots(workspace.root)
        found = snapshots.take()
        last = undone[-1]
        paths = tuple(storage.blobs.get(last.ref).split("\0"))
        since = _paths(snapshots.changed(_base(thread, events, storage), found))
        if not force:
            _refuse(thread, since & set(paths))
        log = _log(thread, events, storage)
        log.emit("saved", "as it was before the undo was taken back", content=found)
        snapshots.restore_paths(last.text, paths)
        storage.threads.set_status(thread.thread, cast(ThreadStatus, last.sender))
    return paths


def _refuse(thread: Thread, changed: set[str]) -> None:
    if changed:
        raise ThreadError(
            f"changed since {thread.thread}: {', '.join(sorted(changed)[:5])}; --force overwrites "
            "that too (what is there now is kept as a snapshot)"
        )


def _events(thread: Thread, storage: Storage) -> list[Event]:
    return read_events(storage.connection, thread.thread)


def _log(thread: Thread, events: list[Event], storage: Storage) -> EventLog:
    """The log, ready for a row behind all others."""
    log = EventLog(storage.connection, storage.blobs, thread.thread)
    log.after(max((event.step for event in events), default=0))
    return log


def _base(thread: Thread, events: list[Event], storage: Storage) -> str:
    """The files before the run, with what others have changed during it."""
    adopted = [event.ref for event in events if event.kind == "theirs"]
    return storage.blobs.get(adopted[-1]) if adopted else thread.base_tree


def _half_done(events: list[Event], storage: Storage) -> set[str]:
    """Paths that a node which did not finish was about to edit."""
    last = max((event.step for event in events if event.kind == "finished"), default=0)
    meant = [event for event in events if event.kind == "edits" and event.step > last]
    return {path for event in meant for path in storage.blobs.get(event.ref).split("\0")}


def _paths(changes: Iterable[Change]) -> set[str]:
    return {change.path for change in changes}
