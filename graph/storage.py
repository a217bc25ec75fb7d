"""Where a run's data lies: a database, blobs, and a snapshot store for each folder.

By default all of it is in the data folder. With a database server, blobs and snapshots are in
the database too, and the data folder holds a copy of the snapshots for git to work on.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.blobs import Blobs, BlobStore
from greenloop.checkpoints.cipher import PLAIN, Cipher
from greenloop.checkpoints.databases.base import Database
from greenloop.checkpoints.databases.memory import MemoryDatabase
from greenloop.checkpoints.databases.postgres import PostgresDatabase
from greenloop.checkpoints.databases.postgres_address import SCHEMES
from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.databases.table_blobs import TableBlobs
from greenloop.checkpoints.databases.table_packs import TablePacks
from greenloop.checkpoints.encryption import KEY_FILE, KeyFile, KeyPlace, KeyRow, cipher_at
from greenloop.checkpoints.lock import shared
from greenloop.checkpoints.private import private_folder
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.checkpoints.threads import Thread, Threads
from greenloop.config import Settings, environment
from greenloop.errors import ConfigError, StorageError

DATABASE = "greenloop.db"
_FOLDERS = ("blobs", "index", "locks", "remote", "trees")
"""Closed to others, each of them, as the data folder is."""
MEMORY = "memory:"
"""Address of a database that ends with the block that opened it."""

_ChooseCipher = Callable[[KeyPlace, str], Cipher]
"""From where the record of the store's key is, and the store's name for messages."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The open stores."""

    root: Path
    """The data folder on this machine."""
    database: Database
    threads: Threads
    blobs: Blobs
    trees: Path
    """Folder of the snapshot stores."""
    packs: Callable[[str], TablePacks] | None = None
    """Where a snapshot store's content lies in the database; None when it is in `trees` alone."""

    def snapshots(self, workspace: Path, store: str = "") -> SnapshotStore:
        """The snapshots of a folder, in the store of that key; by default its own."""
        key = store or folder_key(workspace)
        mirror = self.packs(key) if self.packs else None
        return SnapshotStore(self.trees / f"{key}.git", workspace, mirror)

    def snapshots_of(self, thread: Thread) -> SnapshotStore:
        """The snapshots of a thread."""
        return self.snapshots(Path(thread.repo), thread.store)

    @contextmanager
    def in_use(self, store: str) -> Iterator[None]:
        """Keep everything in a snapshot store while somebody takes snapshots in it.

        Besides the lock of the folder, which a thread may have left, or not come to yet.

        Raises:
            ThreadError: a prune is under way there.
        """
        busy = "snapshots are being pruned: try again in a moment"
        with self.database.hold(f"store-{store}", busy, shared=True):
            yield

    def alone_with(self, store: str, busy: str) -> AbstractContextManager[None]:
        """Keep everybody else, also on other machines, out of a snapshot store.

        Raises:
            ThreadError: somebody takes snapshots there; the message is `busy`.
        """
        return self.database.hold(f"store-{store}", busy)

    def folder_lock(self, workspace: Path) -> Path:
        """Lock file of a folder: one run at a time changes its files."""
        return self.root / "locks" / f"{folder_key(workspace)}.lock"


@contextmanager
def open_storage(root: Path, store: str = "", cipher: Cipher = PLAIN) -> Iterator[Storage]:
    """Open the stores, made on first use, for the length of a block.

    Args:
        root: the data folder.
        store: address of the database, `postgresql://...` or `memory:`; empty: an SQLite file in
            the data folder.
        cipher: encrypts checkpoints and blobs.

    Raises:
        ConfigError: the address is of no kind that is known, or cannot be read.
        StorageError: the database is damaged, full, cannot be written or does not answer.
        ThreadError: it is being repaired.
        UserError: it was written by a newer greenloop, or its client is not installed.
    """
    with _opened(root, store, lambda place, shown: cipher) as storage:
        yield storage


@contextmanager
def open_stores(settings: Settings) -> Iterator[Storage]:
    """Open the stores that the settings name, with the user's key; see `open_storage`."""
    key = environment().store_key
    with _opened(
        settings.data, settings.store, lambda place, shown: cipher_at(place, key, shown)
    ) as storage:
        yield storage


@contextmanager
def _opened(root: Path, store: str, choose: _ChooseCipher) -> Iterator[Storage]:
    _make_folders(root)
    if not store:
        # A repair puts another file in the database's place, which who has it open would not see.
        with shared(repair_lock(root), "the store is being repaired: try again in a moment"):
            cipher = choose(KeyFile(root / KEY_FILE), str(root))
            with closing(SqliteDatabase(root / DATABASE, cipher)) as database:
                blobs = BlobStore(root / "blobs", cipher)
                yield Storage(root, database, Threads(database), blobs, root / "trees")
    elif store == MEMORY:
        with _in_memory(root, choose) as storage:
            yield storage
    elif store.startswith(SCHEMES):
        with closing(PostgresDatabase(store)) as remote:
            remote.cipher = choose(KeyRow(remote), remote.place)
            # What lies in the stores of another database may not be in this one.
            trees = root / "remote" / remote.name / "trees"
            yield _in_tables(root, remote, remote.cipher, trees)
    else:
        raise ConfigError(
            f"store: the address of a database begins with {SCHEMES[0]}; for a file in the data "
            "folder leave it empty"
        )


def repair_lock(root: Path) -> Path:
    """Lock file of the database file in a data folder: a repair holds it alone."""
    return root / "locks" / "repair.lock"


def _make_folders(root: Path) -> None:
    """What others make within them, such as git, they make with the user's umask."""
    try:
        for name in _FOLDERS:
            private_folder(root / name)
    except OSError as error:
        raise StorageError(
            f"cannot open the data folder {root}: {error.strerror}; see to the folder, or set "
            "another one as GREENLOOP_DATA_DIR"
        ) from error


@contextmanager
def _in_memory(root: Path, choose: _ChooseCipher) -> Iterator[Storage]:
    with (
        tempfile.TemporaryDirectory(prefix="greenloop-") as folder,
        closing(MemoryDatabase()) as database,
    ):
        database.cipher = choose(KeyRow(database), database.place)
        yield _in_tables(root, database, database.cipher, Path(folder))


def _in_tables(root: Path, database: Database, cipher: Cipher, trees: Path) -> Storage:
    return Storage(
        root,
        database,
        Threads(database),
        TableBlobs(database, cipher),
        trees,
        lambda key: TablePacks(database, key, cipher),
    )


def store_of(thread: Thread) -> str:
    """Key of the store that a thread's snapshots are in."""
    return thread.store or folder_key(Path(thread.repo))


def folder_key(workspace: Path) -> str:
    """A short stable name for a folder's path."""
    return hashlib.sha256(str(workspace).encode("utf-8", "surrogateescape")).hexdigest()[:16]
