"""Snapshots of the working tree: the files half of a checkpoint, in a private git repository.

Everything that the user's ignore rules do not leave out is kept, byte for byte; the user's own
repository is only read.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from greenloop.checkpoints.snapshot_cover import IGNORE_FILE, Cover, find_cover, ignored_by
from greenloop.checkpoints.snapshot_git import Git, private_git
from greenloop.checkpoints.snapshot_manifest import Entry, Manifest, overlaid
from greenloop.checkpoints.snapshot_objects import Hasher, ObjectWriter
from greenloop.checkpoints.snapshot_place import Placer
from greenloop.checkpoints.snapshot_restore import Chosen, carry_out, choose, plan_restore
from greenloop.checkpoints.snapshot_scan import StatCache, scan
from greenloop.checkpoints.snapshot_trees import blob_reader, read_snapshot, write_snapshot
from greenloop.errors import StorageError, WorkspaceError

ChangeKind = Literal["added", "deleted", "modified", "mode"]
REMEMBERED = 4
"""Manifests of snapshots kept in memory; a snapshot never changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs between two snapshots."""

    path: str
    """Relative, with forward slashes; bytes that are no UTF-8 as by `os.fsdecode`."""
    kind: ChangeKind
    """`mode`: the same content with other permission bits."""


class SnapshotStore:
    """Takes, compares and restores snapshots of one workspace.

    Left alone by `take` and `restore`: ignored files (unless the user's own git tracks them),
    nested repositories and submodules, sockets and pipes, files that cannot be read, setuid and
    sticky bits, owners and times. Folders that hold ignored files only are not recorded.
    """

    def __init__(self, store: Path, workspace: Path) -> None:
        """Nothing is created before the first use.

        Args:
            store: Folder for the private repository; several workspaces may share it.
            workspace: Folder whose files are kept.

        Raises:
            StorageError: one folder is inside the other.
        """
        self._store, self._workspace = store.resolve(), workspace.resolve()
        pair = (self._store, self._workspace)
        if pair[0].is_relative_to(pair[1]) or pair[1].is_relative_to(pair[0]):
            raise StorageError(
                f"the snapshot store {store} and the workspace {workspace} contain each other: "
                "choose a store outside the workspace"
            )
        name = hashlib.sha256(os.fsencode(self._workspace)).hexdigest()[:16]
        self._cache = self._store / f"stat-{name}.json"
        self._manifest = lru_cache(maxsize=REMEMBERED)(self._read_manifest)

    def take(self) -> str:
        """Keep the files as they are now; returns the snapshot's id, a git tree id of 40 digits.

        The same files, modes and folders always give the same id.

        Raises:
            StorageError: git is missing, or the disk failed or is full.
            WorkspaceError: the workspace is gone.
        """
        git = self._git()
        cache = StatCache(self._cache)
        writer = ObjectWriter(git, cache.known)
        manifest = scan(self._workspace, self._cover(), cache, writer)
        snapshot, trees = write_snapshot(writer, manifest)
        cache.save(trees)  # after the objects: an entry says that its content is stored
        return snapshot

    def restore(self, snapshot: str) -> None:
        """Make the files exactly those of the snapshot; unchanged ones are not touched.

        What is there is not kept: take a snapshot first. A restore that was cut short can be
        repeated. Afterwards `take` gives this id again, unless what snapshots leave alone stands
        against it: a file that only today's rules ignore, or a folder that now holds one.

        Raises:
            StorageError: unknown snapshot, or a path (named) cannot be changed.
            WorkspaceError: the workspace is gone.
        """
        self._restore(snapshot, lambda path: True)

    def restore_paths(self, snapshot: str, paths: Sequence[str]) -> None:
        """Make these files, and all files below these folders, as they are in the snapshot.

        What the snapshot does not have is deleted. A link or file that stands where the snapshot
        has a folder on the way is deleted too.

        Args:
            snapshot: The id.
            paths: Relative to the workspace.

        Raises:
            StorageError: unknown snapshot, a path that leads out of the workspace or into `.git`,
                or a path that cannot be changed.
            WorkspaceError: the workspace is gone.
        """
        self._restore(snapshot, choose([_relative(path) for path in paths]))

    def overlay(self, snapshot: str, source: str, paths: Sequence[str]) -> str:
        """A snapshot with these files as another one has them; the workspace is not touched.

        Raises:
            StorageError: unknown snapshot, or the disk failed or is full.
        """
        below, above = self._load(snapshot), self._load(source)
        merged = overlaid(below, above, frozenset(paths))
        writer = ObjectWriter(self._git(), StatCache(self._cache).known)
        return write_snapshot(writer, merged)[0]

    def diff(self, old: str, new: str) -> str:
        """Unified diff in git's form (a/ and b/, no renames); one line for a binary file.

        Permission bits other than the executable one and empty folders do not show. Bytes that
        are no UTF-8 are replaced.

        Raises:
            StorageError: unknown snapshot.
        """
        self._load(old), self._load(new)
        args = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
        trees = (f"{old}:files", f"{new}:files")
        answer = self._git().run("diff-tree", "-r", "-p", *args, *prefixes, *trees)
        return answer.out.decode("utf-8", "replace")

    def changed(self, old: str, new: str) -> tuple[Change, ...]:
        """The files and links that differ, by path; folders are not listed.

        Raises:
            StorageError: unknown snapshot.
        """
        before, after = self._load(old).entries, self._load(new).entries
        kinds = {path: _kind(before.get(path), after.get(path)) for path in {*before, *after}}
        return tuple(Change(path, kind) for path, kind in sorted(kinds.items()) if kind)

    def read(self, snapshot: str, path: str) -> bytes | None:
        """A file's bytes, or a link's target; None when the snapshot has no such file.

        Raises:
            StorageError: unknown snapshot.
        """
        entry = self._load(snapshot).entries.get(path)
        return None if entry is None else self._git().run("cat-file", "blob", entry.oid).out

    def paths(self, snapshot: str) -> tuple[str, ...]:
        """The files and links in the snapshot, sorted.

        Raises:
            StorageError: unknown snapshot.
        """
        return tuple(sorted(self._load(snapshot).entries))

    def _git(self) -> Git:
        return private_git(self._store)

    def _cover(self) -> Cover:
        if not self._workspace.is_dir():
            raise WorkspaceError(f"the workspace {self._workspace} is no folder any more")
        return find_cover(self._store, self._workspace)

    def _load(self, snapshot: str) -> Manifest:
        if not re.fullmatch(r"[0-9a-f]{40}", snapshot):
            raise StorageError(f"{snapshot!r} is no snapshot id: 40 hexadecimal digits are needed")
        return self._manifest(snapshot)

    def _read_manifest(self, snapshot: str) -> Manifest:
        return read_snapshot(self._git(), snapshot)

    def _restore(self, snapshot: str, chosen: Chosen) -> None:
        then = self._load(snapshot)
        git = self._git()
        now = scan(self._workspace, self._cover(), StatCache(self._cache), Hasher())
        now = self._without_ignored(now, then)
        with blob_reader(git) as copy:
            carry_out(plan_restore(now, then, chosen), now, Placer(self._workspace), copy)

    def _without_ignored(self, now: Manifest, then: Manifest) -> Manifest:
        """What is there, without files that the snapshot's own rules ignored.

        The snapshot cannot know them: deleting them would cost a user who dropped a rule for,
        say, `.venv` the whole folder.
        """
        rules = _ignore_files(then)
        if rules == _ignore_files(now):
            return now
        strangers = now.entries.keys() - then.entries.keys()
        contents = {path: self._git().run("cat-file", "blob", oid).out for path, oid in rules}
        spared = ignored_by(self._store, contents, strangers)
        entries = {path: entry for path, entry in now.entries.items() if path not in spared}
        return Manifest(entries, now.folders)


def _ignore_files(manifest: Manifest) -> set[tuple[str, str]]:
    """Paths and content ids of the ignore files; git reads none through a link."""
    return {
        (path, entry.oid)
        for path, entry in manifest.entries.items()
        if path.rpartition("/")[2] == IGNORE_FILE and not entry.link
    }


def _kind(before: Entry | None, after: Entry | None) -> ChangeKind | None:
    if before == after:
        return None
    if before is None:
        return "added"
    if after is None:
        return "deleted"
    same = (before.oid, before.link) == (after.oid, after.link)
    return "mode" if same else "modified"


def _relative(path: str) -> str:
    """The path in the form that manifests use."""
    clean = os.path.normpath(path) if path else ""
    parts = clean.split("/")
    if not path or path.startswith("/") or parts[0] in ("..", ".") or ".git" in parts:
        raise StorageError(
            f"{path!r} is no path of a file inside the workspace: use a relative one"
        )
    return clean
