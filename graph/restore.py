"""Single files back from a checkpoint or a saved snapshot; the thread stays where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from greenloop.checkpoints.events import EventLog, last_number
from greenloop.checkpoints.snapshots.store import Change
from greenloop.checkpoints.threads import Thread
from greenloop.errors import ThreadError
from greenloop.graph.compare import Side, locate
from greenloop.graph.holding import working_on
from greenloop.graph.storage import Storage, store_of
from greenloop.tools.files import Workspace


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    side: Side
    """Where from."""
    changed: tuple[Change, ...]
    """Files that are different now."""
    kept: str
    """Snapshot of the files as they were before."""


def restore_files(
    thread: Thread, workspace: Workspace, storage: Storage, point: str, paths: Sequence[str]
) -> Restored:
    """Make these files, and all below these folders, as they were at a point of the thread.

    What is there now is kept as a snapshot first. A file that the point does not have is deleted.

    Args:
        thread: the row.
        workspace: its folder.
        storage: the stores.
        point: as for `compare`.
        paths: relative to the folder; `.` for all of it.

    Raises:
        ThreadError: no such point, none of its files or of those here is meant, or a run works in
            the folder.
        StorageError: a file cannot be kept or changed.
    """
    with working_on(workspace, storage), storage.in_use(store_of(thread)):
        side = locate(thread, point, storage)
        snapshots = storage.snapshots(workspace.root, store_of(thread))
        chosen = _chosen(paths)
        found = snapshots.take_before(side.tree, chosen)
        changed = tuple(
            change
            for change in snapshots.changed(found, side.tree)
            if chosen is None or any(_within(change.path, path) for path in chosen)
        )
        known = {*snapshots.paths(found), *snapshots.paths(side.tree)}
        for path in chosen or ():
            if not any(_within(each, path) for each in known):
                raise ThreadError(
                    f"there is no {path!r} at {side.point} of {thread.thread}: paths are relative "
                    f"to {workspace.root}"
                )
        if changed:
            log = EventLog(storage.database, storage.blobs, thread.thread)
            log.after(last_number(storage.database, thread.thread))
            log.emit("saved", f"as it was before files came back from {side.point}", tree=found)
            if chosen is None:
                log.spared(snapshots.restore(side.tree))
            else:
                log.spared(snapshots.restore_paths(side.tree, chosen))
    return Restored(side, changed, found)


def _chosen(paths: Sequence[str]) -> tuple[str, ...] | None:
    """The paths without detours; None for the whole folder."""
    clean = tuple(str(PurePosixPath(path)) for path in paths)
    return None if "." in clean else clean


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
