"""Keeps what a restore would write over and no snapshot has, so that nothing is lost by one."""

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import PERMISSIONS
from greenloop.checkpoints.snapshots.manifest import Entry, Manifest, ancestors
from greenloop.checkpoints.snapshots.objects import BlobSink
from greenloop.checkpoints.snapshots.place import Placer
from greenloop.checkpoints.snapshots.restore import Plan
from greenloop.checkpoints.snapshots.scan import read_files

Write = Callable[[Callable[[BlobSink], Manifest]], str]
"""Stores the manifest that a function makes, given where contents go; returns its id."""

_TICK_NS = 20_000_000
"""Times of files go in ticks of up to 10 ms, behind the clock."""


class Sparer:
    """Watches over one restore."""

    def __init__(self, workspace: Path, write: Write) -> None:
        self._workspace, self._write = workspace, write
        self._kept: dict[str, Entry] = {}
        self._since = time.time_ns()
        self.snapshot = ""
        """Snapshot of the kept files alone; empty while there is none."""

    def keep(self, paths: Collection[str]) -> None:
        """Keep these files as they are.

        Raises:
            StorageError: git or the disk failed.
        """
        if not paths:
            return

        def read(sink: BlobSink) -> Manifest:
            self._kept.update(read_files(self._workspace, sorted(paths), sink))
            return Manifest(self._kept, folder_modes(self._workspace, self._kept))

        self.snapshot = self._write(read)

    def watch(self, placer: Placer, path: str, seen: Entry | None) -> None:
        """Keep a file, too, that has changed since the restore began and goes now.

        Args:
            placer: of the workspace.
            path: the file.
            seen: what it was when it was looked at; None for nothing.

        Raises:
            StorageError: it cannot be read or kept.
        """
        if not _touched(self._workspace / path, self._since - _TICK_NS):
            return
        there, seen = placer.entry(path), self._kept.get(path, seen)
        if there is not None and not same_content(there, seen):
            self.keep([path])


def at_risk(plan: Plan, now: Manifest, known: Iterable[Manifest]) -> set[str]:
    """Covered files that the plan would take away and that none of these snapshots has so."""
    snapshots = tuple(known)
    return {
        path
        for path in {*plan.remove, *plan.entries} & now.entries.keys()
        if not any(same_content(now.entries[path], each.entries.get(path)) for each in snapshots)
    }


def same_content(one: Entry, other: Entry | None) -> bool:
    """Whether the two hold the same, whatever their permission bits."""
    return other is not None and (one.oid, one.link) == (other.oid, other.link)


def folder_modes(workspace: Path, paths: Iterable[str]) -> dict[str, int]:
    """Permission bits of the folders above these paths, as they are."""
    found: dict[str, int] = {}
    for folder in ancestors(paths):
        try:
            status = (workspace / folder).lstat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode):
            found[folder] = status.st_mode & PERMISSIONS
    return found


def _touched(path: Path, since: int) -> bool:
    try:
        return os.lstat(path).st_ctime_ns >= since
    except OSError:
        return False
