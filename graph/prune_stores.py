"""Snapshot stores under a prune: held against everybody else, then left with what is needed."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.prune import Named
from greenloop.checkpoints.threads import Thread
from greenloop.errors import StorageError, ThreadError
from greenloop.graph.storage import Storage, folder_key, store_of

BUSY = "a run works there"


def stores_here(storage: Storage) -> Iterator[tuple[str, Path]]:
    """Key and folder of each snapshot store on this machine."""
    for path in sorted(storage.trees.glob("*.git")):
        yield path.stem, path


def hold_stores(storage: Storage, held: ExitStack) -> tuple[set[str], dict[str, str]]:
    """Hold the folders of each store; those that could be held, and the folders of the others."""
    folders: dict[str, dict[str, str]] = {key: {key: key} for key, _ in stores_here(storage)}
    workers: dict[str, list[str]] = {}
    for thread in storage.threads.all():
        key = store_of(thread)
        folders.setdefault(key, {key: key})[folder_key(Path(thread.repo))] = thread.repo
        workers.setdefault(key, []).append(thread.thread)
    free: set[str] = set()
    busy: dict[str, str] = {}
    mine: set[str] = set()
    for key in sorted(folders):
        try:
            with ExitStack() as some:
                for name in sorted(folders[key].keys() - mine):
                    some.enter_context(_held_folder(storage, name))
                some.enter_context(storage.alone_with(key, BUSY))
                if any(storage.database.is_held(name) for name in workers.get(key, ())):
                    raise ThreadError(BUSY)  # on another machine
                held.push(some.pop_all())
        except ThreadError:
            busy[key] = folders[key].get(key, key)
        else:
            free.add(key)
            mine |= folders[key].keys()
    return free, busy


@contextmanager
def _held_folder(storage: Storage, key: str) -> Iterator[None]:
    with exclusive(storage.root / "locks" / f"{key}.lock", BUSY):
        yield


def prune_snapshots(
    storage: Storage, left: list[Thread], free: set[str], needed: Mapping[str, Named]
) -> None:
    """Drop what no thread needs from the stores that are held."""
    users: dict[str, list[Thread]] = {}
    for thread in left:
        users.setdefault(store_of(thread), []).append(thread)
    for key in sorted(free & users.keys()):
        trees = frozenset().union(*(needed[thread.thread].trees for thread in users[key]))
        storage.snapshots(Path(users[key][0].repo), key).prune(trees)
    for key in sorted(free - users.keys()):
        # Before the folder: by that the next prune knows of the store.
        storage.database.execute("DELETE FROM packs WHERE store = ?", (key,))
        _remove_folder(storage.trees / f"{key}.git")
    for path in storage.trees.glob("*.gone"):
        shutil.rmtree(path, ignore_errors=True)


def _remove_folder(path: Path) -> None:
    """Out of the way at once: a store that is there in part would be of no use to anybody."""
    try:
        shutil.rmtree(path.rename(path.with_suffix(".gone")))
    except FileNotFoundError:  # it lies in the database alone
        return
    except OSError as error:
        raise StorageError(f"cannot remove {path}: {error.strerror}; see to the folder") from error
