"""Where a run's data lies: one database, one blob store, a snapshot store for each folder."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.database import open_database, storage_error
from greenloop.checkpoints.snapshots import SnapshotStore
from greenloop.checkpoints.threads import Threads


@dataclass(frozen=True, slots=True)
class Storage:
    """The open stores."""

    root: Path
    connection: sqlite3.Connection
    threads: Threads
    blobs: BlobStore

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "greenloop.db"

    def snapshots(self, workspace: Path) -> SnapshotStore:
        """The snapshot store of a folder."""
        return SnapshotStore(self.root / "trees" / f"{folder_key(workspace)}.git", workspace)

    def folder_lock(self, workspace: Path) -> Path:
        """Lock file of a folder: one run at a time changes its files."""
        return self.root / "locks" / f"{folder_key(workspace)}.lock"


@contextmanager
def open_storage(root: Path) -> Iterator[Storage]:
    """Open the stores under the data folder, made on first use, for the length of a block.

    Raises:
        StorageError: the database is damaged, full or cannot be written, now or in the block.
        UserError: it was written by a newer greenloop.
    """
    path = root / "greenloop.db"
    with closing(open_database(path)) as connection:
        try:
            yield Storage(root, connection, Threads(connection), BlobStore(root / "blobs"))
        except sqlite3.Error as error:
            raise storage_error(error, path) from error


def folder_key(workspace: Path) -> str:
    """A short stable name for a folder's path."""
    return hashlib.sha256(str(workspace).encode("utf-8", "surrogateescape")).hexdigest()[:16]
