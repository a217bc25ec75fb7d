"""Chunks of a workspace in an SQLite file, brought up to date file by file."""

import hashlib
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from greenloop.tools.retrieval.base import Chunk
from greenloop.tools.retrieval.chunks import chunk_file, document
from greenloop.tools.retrieval.database import CacheDatabase, transaction
from greenloop.tools.retrieval.walk import FileStamp, read_source, stamps

__all__ = ["ChunkStore", "Companion"]

T = TypeVar("T")

FORMAT = 1
"""Raised when tables, chunking or tokens change: an index of another format is made anew."""

_BATCH = 200
"""Files per transaction: what a kill can cost."""
_SETTLED_NS = 2_000_000_000
"""A file changed this shortly before it was read may change again within one tick of its clock,
so its stamp proves nothing yet (git calls such entries racy)."""

_SCHEMA = (
    "CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " hash TEXT NOT NULL, read_ns INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY, path TEXT NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, digest TEXT NOT NULL)",
    "CREATE INDEX chunks_by_path ON chunks (path)",
    "CREATE INDEX chunks_by_digest ON chunks (digest)",
)


class Companion(Protocol):
    """Tables kept beside the chunks, changed in the same transactions."""

    @property
    def schema(self) -> Sequence[str]:
        """Statements that make the tables."""
        ...

    def add(self, db: sqlite3.Connection, row: int, chunk: Chunk) -> None:
        """A chunk was stored under this row id."""
        ...

    def remove(self, db: sqlite3.Connection, path: str) -> None:
        """A file's chunks are about to be deleted."""
        ...


class ChunkStore:
    """The files and chunks of one workspace. Opens at first use, also again after `close`."""

    def __init__(self, workspace: Path, index: Path, companion: Companion | None = None) -> None:
        self._workspace = workspace.resolve()
        self._companion = companion
        extra = companion.schema if companion else ()
        self._database = CacheDatabase(index, FORMAT, (*_SCHEMA, *extra))

    def refresh(self) -> int:
        """Read new and changed files, forget deleted ones; returns how many were new or changed.

        A kill loses at most the last batch of files; the next refresh goes on from there.

        Raises:
            StorageError: the index cannot be written.
            WorkspaceError: the workspace is not a folder.
        """
        return self._database.attempt(self._refresh, self._refresh)

    def run(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """The result of reading the database; after damage, of reading the one made anew.

        Raises:
            StorageError: the index cannot be read or written.
            WorkspaceError: the index had to be made anew and the workspace is not a folder.
        """

        def after_refresh(db: sqlite3.Connection) -> T:
            self._refresh(db)
            return action(db)

        return self._database.attempt(action, after_refresh)

    def digests(self) -> set[str]:
        """Of all chunks: equal digests have equal documents."""
        return self.run(lambda db: {row[0] for row in db.execute("SELECT digest FROM chunks")})

    def by_digest(self, digests: Iterable[str]) -> dict[str, list[Chunk]]:
        """Chunks by digest, without those that are not stored."""
        wanted = list(digests)

        def read(db: sqlite3.Connection) -> dict[str, list[Chunk]]:
            sql = "SELECT path, first, last, name, text FROM chunks WHERE digest = ? ORDER BY id"
            found = {d: [Chunk(*row) for row in db.execute(sql, (d,))] for d in wanted}
            return {digest: chunks for digest, chunks in found.items() if chunks}

        return self.run(read)

    def close(self) -> None:
        """Release the database; may be called twice."""
        self._database.close()

    def _refresh(self, db: sqlite3.Connection) -> int:
        rows = db.execute("SELECT path, size, mtime_ns, read_ns, hash FROM files")
        known = {path: (size, mtime, read, sha) for path, size, mtime, read, sha in rows}
        present = stamps(self._workspace)
        gone = known.keys() - {stamp.path for stamp in present}
        if gone:
            with transaction(db):
                for path in gone:
                    self._forget(db, path)
                    db.execute("DELETE FROM files WHERE path = ?", (path,))
        doubtful = (s for s in present if not _is_settled(s, known.get(s.path)))
        changed = 0
        while batch := list(itertools.islice(doubtful, _BATCH)):
            with transaction(db):
                for stamp in batch:
                    changed += self._take(db, stamp, known.get(stamp.path, (0, 0, 0, None))[3])
        return changed

    def _take(self, db: sqlite3.Connection, stamp: FileStamp, known: str | None) -> bool:
        """Read one file; False when its content is what is stored already."""
        read_ns = time.time_ns()
        text = read_source(self._workspace / stamp.path)
        digest = "" if text is None else _digest(text)
        db.execute(
            "INSERT OR REPLACE INTO files (path, size, mtime_ns, hash, read_ns)"
            " VALUES (?, ?, ?, ?, ?)",
            (stamp.path, stamp.size, stamp.mtime_ns, digest, read_ns),
        )
        if digest == known:
            return False
        self._forget(db, stamp.path)
        for chunk in () if text is None else chunk_file(stamp.path, text):
            values = (chunk.path, chunk.start, chunk.end, chunk.name, chunk.text)
            row = db.execute(
                "INSERT INTO chunks (path, first, last, name, text, digest)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (*values, _digest(document(chunk))),
            ).lastrowid
            if self._companion and row is not None:
                self._companion.add(db, row, chunk)
        return True

    def _forget(self, db: sqlite3.Connection, path: str) -> None:
        if self._companion:
            self._companion.remove(db, path)
        db.execute("DELETE FROM chunks WHERE path = ?", (path,))


def _is_settled(stamp: FileStamp, known: tuple[int, int, int, str] | None) -> bool:
    if known is None or known[:2] != (stamp.size, stamp.mtime_ns):
        return False
    return stamp.mtime_ns < known[2] - _SETTLED_NS


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
