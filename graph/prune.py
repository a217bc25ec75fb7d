"""Frees room: threads that have ended, then the snapshots and blobs that nothing names any more.

Rows go first and what they named last, so whatever is killed in between leaves nothing that is
named but gone; the next prune finishes the work.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from greenloop.checkpoints.blobs import YOUNG_S
from greenloop.checkpoints.prune import Named, folder_bytes, named_by
from greenloop.checkpoints.threads import ENDED, Thread
from greenloop.errors import StorageError, ThreadError
from greenloop.graph.prune_stores import (
    BUSY,
    hold_stores,
    prune_snapshots,
    stores_here,
)
from greenloop.graph.storage import Storage, store_of

KEPT = 20
"""Ended threads that stay when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to go."""

    keep: int = KEPT
    """Of the ended threads, the newest that stay."""
    older_than: float = 0.0
    """Seconds; only threads untouched for so long go."""
    names: tuple[str, ...] = ()
    """These threads go, however they stand, and no others."""
    dry_run: bool = False
    """Only say what would go."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be pruned now."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or with a dry run what would."""

    threads: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    before: int
    """Bytes on the disk."""
    after: int
    dry_run: bool = False
    """Then `after` is an estimate: what several snapshots share is not counted as freed."""

    @property
    def freed(self) -> int:
        """Bytes."""
        return max(0, self.before - self.after)


def prune(storage: Storage, wish: Wish) -> Pruned:
    """Remove threads, and everything that no thread needs.

    Folders in which a run works are left for another time.

    Raises:
        ThreadError: a thread that was named is unknown.
        StorageError: a thread that stays cannot be read, so nobody knows what it needs; or the
            disk failed. Nothing that is needed is gone.
    """
    chosen, before = choose(storage, wish), taken(storage)
    kept = [thread for thread in storage.threads.all() if thread not in chosen]
    if wish.dry_run:
        after = before - _estimate(storage, chosen, kept)
        return Pruned(_names(chosen), (), before, after, dry_run=True)
    removed, skipped = [], []
    with ExitStack() as held:
        free, busy = hold_stores(storage, held)
        # Before anything is removed: it may be that a thread cannot be read.
        needed = needs(storage, (thread for thread in kept if store_of(thread) in free))
        for thread in chosen:
            why = BUSY if store_of(thread) in busy else _remove(storage, thread)
            if why:
                skipped.append(Skipped(thread.thread, why))
            else:
                removed.append(thread)
        _remove_orphans(storage)
        skipped += _sweep(storage, free, needed)
    skipped += [Skipped(busy[key], BUSY) for key in sorted(busy)]
    return Pruned(_names(removed), tuple(skipped), before, taken(storage))


def _sweep(storage: Storage, free: set[str], known: Mapping[str, Named]) -> list[Skipped]:
    """Remove what no row names any more; what is known of threads in held folders still holds."""
    refs = [blob.ref for blob in storage.blobs.stored()]
    # After the blobs are listed: what a run names from now on it has just put, or put again.
    left = storage.threads.all()
    needed = {**known, **needs(storage, (each for each in left if each.thread not in known))}
    prune_snapshots(storage, left, free, needed)
    wanted = _refs(needed)
    storage.blobs.remove(ref for ref in refs if ref not in wanted)
    if any(storage.database.is_held(thread.thread) for thread in left):
        return [Skipped("the database", "it is made smaller when no run works any more")]
    try:
        storage.database.compact()
    except StorageError as error:  # everything is gone all the same, but for the room it took
        return [Skipped("the database", f"it was not made smaller: {error}")]
    return []


def choose(storage: Storage, wish: Wish) -> list[Thread]:
    """The threads that are to go.

    Raises:
        ThreadError: a thread that was named is unknown.
    """
    if wish.names:
        found = {(each := storage.threads.find(name)).thread: each for name in wish.names}
        return list(found.values())
    # Every other thread can be resumed, so it stays.
    ended = [thread for thread in storage.threads.all() if thread.status in ENDED]
    until = time.time() - wish.older_than
    return [thread for thread in ended[wish.keep :] if thread.updated <= until]


def needs(storage: Storage, threads: Iterable[Thread]) -> Mapping[str, Named]:
    """What each of these threads needs, by its name.

    Raises:
        StorageError: one cannot be read.
    """
    found = {}
    with storage.database.saver() as saver:
        for thread in threads:
            try:
                found[thread.thread] = named_by(thread, storage.database, saver, storage.blobs)
            except StorageError as error:
                raise StorageError(
                    f"{thread.thread} cannot be read, so what it needs is not known and nothing "
                    f"is removed ({error}); `greenloop prune {thread.thread}` gives it up"
                ) from error
    return found


def taken(storage: Storage) -> int:
    """Bytes on the disk: the database, blobs and snapshots."""
    folders = (storage.root / "blobs", storage.trees)
    return storage.database.size() + sum(map(folder_bytes, folders))


def _names(threads: Iterable[Thread]) -> tuple[str, ...]:
    return tuple(thread.thread for thread in threads)


def _refs(needed: Mapping[str, Named]) -> frozenset[str]:
    return frozenset().union(*(named.blobs for named in needed.values()))


def _estimate(storage: Storage, chosen: list[Thread], kept: list[Thread]) -> int:
    rows = storage.database.checkpoint_bytes()
    freed = sum(rows.get(thread.thread, 0) for thread in chosen)
    refs = _refs(needs(storage, kept))
    freed += sum(blob.size for blob in storage.blobs.stored() if blob.ref not in refs)
    used = {store_of(thread) for thread in kept}
    return freed + sum(folder_bytes(path) for key, path in stores_here(storage) if key not in used)


def _remove(storage: Storage, thread: Thread) -> str:
    """Remove a thread's rows; why not, if not."""
    try:
        with storage.database.hold(thread.thread, "in use"):
            storage.threads.remove(thread.thread)
    except ThreadError as error:
        return str(error)
    return ""


def _remove_orphans(storage: Storage) -> None:
    """Remove what a fork left that was killed before its thread was there for others to see."""
    rows = storage.database.execute(
        "SELECT thread FROM events WHERE thread NOT IN (SELECT thread FROM threads) "
        "GROUP BY thread HAVING max(at) < ?",
        (time.time() - YOUNG_S,),
    )
    for (name,) in rows:
        storage.threads.remove(name)
