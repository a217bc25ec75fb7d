"""What has changed in the files since a thread's last checkpoint, for the user to look at."""

from collections.abc import Sequence

from greenloop.checkpoints.events import CHECKPOINTS, read_events
from greenloop.checkpoints.threads import Thread
from greenloop.graph.storage import Storage, store_of


def diff_since(thread: Thread, storage: Storage, paths: Sequence[str]) -> str:
    """Unified diff of these files, from those of the last checkpoint to those that are there.

    Raises:
        ThreadError: a prune is under way.
        StorageError: a snapshot cannot be taken or read.
    """
    events = read_events(storage.database, thread.thread)
    kept = [event.tree for event in events if event.kind in CHECKPOINTS]
    tree = kept[-1] if kept else thread.base_tree
    snapshots = storage.snapshots_of(thread)
    with storage.in_use(store_of(thread)):
        return snapshots.diff(tree, snapshots.overlay(tree, snapshots.take(), paths))
