"""How much room each thread takes, and what a prune would free."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.prune import folder_bytes
from greenloop.checkpoints.threads import Thread
from greenloop.graph.prune import Wish, needs, prune, taken
from greenloop.graph.storage import Storage, store_of


@dataclass(frozen=True, slots=True)
class ThreadSize:
    """Bytes that one thread takes; its snapshots are shared with others of its folder."""

    thread: str
    checkpoints: int
    events: int
    blobs: int
    """Of those that no other thread names, on the disk."""


@dataclass(frozen=True, slots=True)
class StoreSize:
    """Bytes that the snapshots of a folder take on the disk."""

    repo: str
    snapshots: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much room everything takes, in bytes."""

    threads: tuple[ThreadSize, ...]
    stores: tuple[StoreSize, ...]
    total: int
    """Database, blobs and snapshots on the disk."""
    freed: int
    """About so much `greenloop prune` would free."""


def measure(storage: Storage, threads: Sequence[Thread]) -> Sizes:
    """Measure these threads and the whole store.

    Raises:
        StorageError: a thread cannot be read.
    """
    everyone = storage.threads.all()
    needed = needs(storage, everyone)
    users = Counter(ref for named in needed.values() for ref in named.blobs)
    sizes = {blob.ref: blob.size for blob in storage.blobs.stored()}
    checkpoints = storage.database.checkpoint_bytes()
    events = _event_bytes(storage)
    measured = tuple(
        ThreadSize(
            thread.thread,
            checkpoints.get(thread.thread, 0),
            events.get(thread.thread, 0),
            sum(sizes.get(ref, 0) for ref in needed[thread.thread].blobs if users[ref] == 1),
        )
        for thread in threads
    )
    # A fork beside it shares the store; the folder that gave it its key was there first.
    folders = {store_of(thread): thread.repo for thread in threads}
    stores = tuple(
        StoreSize(repo, folder_bytes(storage.trees / f"{key}.git"))
        for key, repo in sorted(folders.items(), key=lambda pair: Path(pair[1]))
    )
    return Sizes(measured, stores, taken(storage), prune(storage, Wish(dry_run=True)).freed)


def _event_bytes(storage: Storage) -> dict[str, int]:
    rows = storage.database.execute(
        "SELECT thread, sum(length(node) + length(kind) + length(text) + length(sender) + "
        "length(receiver) + length(ref) + length(tree) + 24) FROM events GROUP BY thread"
    )
    # 24: three numbers of at most eight bytes.
    return {str(thread): int(count) for thread, count in rows}
