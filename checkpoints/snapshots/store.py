"""Snapshots of the working tree: the files half of a checkpoint, in a private git repository.

Everything that the user's ignore rules do not leave out is kept, byte for byte; the user's own
repository is only read.
"""

import hashlib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import StatCache
from greenloop.checkpoints.snapshots.changes import Change, ChangeKind, changes, relative
from greenloop.checkpoints.snapshots.compose import Composer, ignore_files
from greenloop.checkpoints.snapshots.cover import CoverFinder, ignored_by
from greenloop.checkpoints.snapshots.git import Git
from greenloop.checkpoints.snapshots.manifest import Entry, Manifest, overlaid
from greenloop.checkpoints.snapshots.mirror import Mirrored, PackMirror
from greenloop.checkpoints.snapshots.objects import Hasher, ObjectWriter
from greenloop.checkpoints.snapshots.place import Placer
from greenloop.checkpoints.snapshots.prune import keep_only, needed_objects, packed, size
from greenloop.checkpoints.snapshots.read import blob_reader, has_snapshot, read_snapshot
from greenloop.checkpoints.snapshots.repository import private_git
from greenloop.checkpoints.snapshots.restore import (
    Chosen,
    Plan,
    carry_out,
    choose,
    plan_restore,
    spare_nested,
    uncovered,
)
from greenloop.checkpoints.snapshots.scan import read_files, scan
from greenloop.checkpoints.snapshots.spare import Sparer, at_risk, folder_modes
from greenloop.checkpoints.snapshots.trees import Trees, write_trees
from greenloop.errors import StorageError, WorkspaceError

__all__ = ["Change", "ChangeKind", "Entry", "PackMirror", "SnapshotStore"]

REMEMBERED = 8
"""Manifests of snapshots kept in memory; a snapshot never changes."""


class SnapshotStore:
    """Takes, compares and restores snapshots of one workspace.

    Left alone by `take` and `restore`: ignored files (unless the user's own git tracks them),
    nested repositories and submodules, sockets and pipes, files that cannot be read, setuid and
    sticky bits, owners and times. Folders that hold ignored files only are not recorded.

    An object belongs to one thread of the program; several processes may use a store at once.
    """

    def __init__(self, store: Path, workspace: Path, mirror: PackMirror | None = None) -> None:
        """Nothing is created before the first use.

        Args:
            store: Folder for the private repository; several workspaces may share it.
            workspace: Folder whose files are kept.
            mirror: Second place for every object, from which another machine's store is filled.

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
        self._cache_file = self._store / f"stat-{name}"
        self._mirrored = Mirrored(mirror, self._store) if mirror else None
        self._finder = CoverFinder(self._store, self._workspace)
        self._stat_cache: StatCache | None = None
        self._newest = Trees()
        self._manifests: dict[str, Manifest] = {}

    def take(self) -> str:
        """Keep the files as they are now; returns the snapshot's id, a git tree id of 40 digits.

        The same files, modes and folders always give the same id.

        Raises:
            StorageError: git is missing, or the disk failed or is full.
            WorkspaceError: the workspace is gone.
        """
        return self._write(self._scan)

    def take_before(self, snapshot: str, paths: Sequence[str] | None = None) -> str:
        """As `take`, with the ignored files that a restore of another snapshot would write over.

        So a restore of this one brings those back, too, which a snapshot of `take` would not.

        Args:
            snapshot: What is to be restored.
            paths: Which files of it, as for `restore_paths`; None for all.

        Raises:
            StorageError: unknown snapshot, the disk failed, or something in the way can be in no
                snapshot: a file that cannot be read, or that lies in a nested repository.
            WorkspaceError: the workspace is gone.
        """
        found = self.take()
        chosen = None if paths is None else choose([relative(path) for path in paths])
        plan, now, placer = self._plan(self._load(found), snapshot, chosen)
        hidden = uncovered(plan, now, placer)
        if not hidden:
            return found
        below = self._load(found)

        def read(_: StatCache, writer: ObjectWriter) -> Manifest:
            entries = read_files(self._workspace, sorted(hidden), writer)
            folders = folder_modes(self._workspace, entries)
            return Manifest({**below.entries, **entries}, {**folders, **below.folders})

        return self._write(read)

    def compose(
        self, snapshot: str, contents: Mapping[str, tuple[bytes, int | None] | None]
    ) -> str:
        """Name the result of an edit before it is made; the workspace is not touched.

        The id is that of `take` after the edit, where the workspace is as in the snapshot. One
        exception: an edit of an ignore file that uncovers files does not bring them in.

        Args:
            snapshot: What the edit begins with.
            contents: For each path its bytes and permission bits (None: as they were, or what
                the umask gives a new file); None for a file that is deleted.

        Raises:
            StorageError: unknown snapshot, a path that leads out of the workspace or into
                `.git`, or the disk failed or is full.
        """
        below = self._load(snapshot)
        clean = {relative(path): what for path, what in contents.items()}
        composer = Composer(self._store, self._workspace, self._finder, self._blob)
        return self._write(lambda _, writer: composer.compose(below, clean, writer))

    def overlay(self, snapshot: str, source: str, paths: Sequence[str]) -> str:
        """A snapshot with these files as another one has them; the workspace is not touched.

        Raises:
            StorageError: unknown snapshot, or the disk failed or is full.
        """
        below, above = self._load(snapshot), self._load(source)
        return self._write(lambda _, __: overlaid(below, above, frozenset(paths)))

    def restore(self, snapshot: str) -> str:
        """Make the files exactly those of the snapshot; unchanged ones are not touched.

        What is there is not kept: take a snapshot first. What was in none is kept all the same
        when it is written over: a file that today's rules ignore, and one that somebody saved
        since. The answer is the id of a snapshot of such files alone, or empty where there was
        none.

        A restore that was cut short can be repeated. Afterwards `take` gives this id again,
        unless what snapshots leave alone stands against it: a file that only today's rules
        ignore, or a folder that now holds one.

        Raises:
            StorageError: unknown snapshot, or a path (named) cannot be changed.
            WorkspaceError: the workspace is gone.
        """
        return self._restore(snapshot, None)

    def restore_paths(self, snapshot: str, paths: Sequence[str]) -> str:
        """Make these files, and all files below these folders, as they are in the snapshot.

        What the snapshot does not have is deleted. A link or file that stands where the snapshot
        has a folder on the way is deleted too. The answer is as for `restore`.

        Args:
            snapshot: The id.
            paths: Relative to the workspace.

        Raises:
            StorageError: unknown snapshot, a path that leads out of the workspace or into `.git`,
                or a path that cannot be changed.
            WorkspaceError: the workspace is gone.
        """
        return self._restore(snapshot, choose([relative(path) for path in paths]))

    def diff(self, old: str, new: str, *, exact: bool = False) -> str:
        """Unified diff in git's form (a/ and b/, no renames); one line for a binary file.

        Permission bits other than the executable one and empty folders do not show. Bytes that
        are no UTF-8 are replaced.

        Args:
            old: The snapshot that it begins with.
            new: The one that it leads to.
            exact: For `git apply`: binary files in full, and bytes that are no UTF-8 as by
                `os.fsdecode`.

        Raises:
            StorageError: unknown snapshot.
        """
        self._load(old), self._load(new)
        args = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
        trees = (f"{old}:files", f"{new}:files")
        form = ("-p", "--binary") if exact else ("-p",)
        answer = self._git().run("diff-tree", "-r", *form, *args, *prefixes, *trees)
        return answer.out.decode("utf-8", "surrogateescape" if exact else "replace")

    def changed(self, old: str, new: str) -> tuple[Change, ...]:
        """The files and links that differ, by path; folders are not listed.

        Raises:
            StorageError: unknown snapshot.
        """
        return changes(self._load(old).entries, self._load(new).entries)

    def read(self, snapshot: str, path: str) -> bytes | None:
        """A file's bytes, or a link's target; None when the snapshot has no such file.

        Raises:
            StorageError: unknown snapshot.
        """
        entry = self._load(snapshot).entries.get(path)
        return None if entry is None else self._blob(entry.oid)

    def entries(self, snapshot: str) -> Mapping[str, Entry]:
        """The files and links in the snapshot, by path.

        Raises:
            StorageError: unknown snapshot.
        """
        return self._load(snapshot).entries

    def paths(self, snapshot: str) -> tuple[str, ...]:
        """The files and links in the snapshot, sorted.

        Raises:
            StorageError: unknown snapshot.
        """
        return tuple(sorted(self._load(snapshot).entries))

    def has(self, snapshot: str) -> bool:
        """Whether the store, or its mirror, has a snapshot of this id.

        Raises:
            StorageError: git is missing, or the store cannot be created.
        """
        if not _is_id(snapshot):
            return False
        if snapshot in self._manifests or has_snapshot(self._git(), snapshot):
            return True
        return self._fetch() > 0 and has_snapshot(self._git(), snapshot)

    def size(self) -> int:
        """Bytes of the store's files on this machine's disk; 0 before the first use."""
        return size(self._store)

    def prune(self, keep: Collection[str]) -> None:
        """Throw away everything that these snapshots do not need; ids not in the store are ignored.

        Never while another process, or another object of this one, uses the store, or on any
        other machine its mirror: the caller holds the locks of every thread that shares it. After
        a kill at any moment the kept snapshots are whole, and a repetition frees the rest.

        Raises:
            StorageError: a kept snapshot has lost an object (nothing is deleted then), or the
                disk failed or is full.
        """
        git = self._git()
        self._fetch()
        kept = [snapshot for snapshot in keep if self.has(snapshot)]
        objects = needed_objects(git, kept)
        self._stat_cache, self._newest = None, Trees()
        self._manifests.clear()
        if self._mirrored:
            self._mirrored.replace(packed(git, objects))
        keep_only(git, self._store, objects)

    def _git(self) -> Git:
        return private_git(self._store)

    def _blob(self, oid: str) -> bytes:
        return self._git().run("cat-file", "blob", oid).out

    def _fetch(self) -> int:
        return self._mirrored.pull(self._git()) if self._mirrored else 0

    def _cache(self) -> StatCache:
        """What is known of the files, loaded again when another process changed it."""
        cache = self._stat_cache
        if cache is not None and cache.current:
            return cache
        if self._mirrored and self._mirrored.replaced():
            self._cache_file.unlink(missing_ok=True)
            self._fetch()
        self._newest = Trees()
        self._stat_cache = StatCache(self._cache_file, self._mirrored is not None)
        return self._stat_cache

    def _write(self, make: Callable[[StatCache, ObjectWriter], Manifest]) -> str:
        """Store the manifest that `make` answers; returns its id."""
        git, cache = self._git(), self._cache()
        # Until all is stored nothing is certain: a failure must not leave claims in memory.
        before, self._stat_cache, self._newest = self._newest, None, Trees()
        push = self._mirrored.push if self._mirrored else None
        writer = ObjectWriter(git, cache.known, push)
        trees = write_trees(writer, make(cache, writer), before)
        cache.save(trees)
        self._stat_cache, self._newest = cache, trees
        self._remember(trees.snapshot, trees.manifest)
        return trees.snapshot

    def _scan(self, cache: StatCache, sink: Hasher | ObjectWriter) -> Manifest:
        if not self._workspace.is_dir():
            raise WorkspaceError(f"the workspace {self._workspace} is no folder any more")
        return scan(self._workspace, self._finder, cache, sink)

    def _load(self, snapshot: str) -> Manifest:
        if not _is_id(snapshot):
            raise StorageError(f"{snapshot!r} is no snapshot id: 40 hexadecimal digits are needed")
        known = self._manifests.get(snapshot)
        if known is None:
            if self._mirrored and not has_snapshot(self._git(), snapshot):
                self._fetch()
            known = read_snapshot(self._git(), snapshot)
        self._remember(snapshot, known)
        return known

    def _remember(self, snapshot: str, manifest: Manifest) -> None:
        self._manifests.pop(snapshot, None)
        self._manifests[snapshot] = manifest
        if len(self._manifests) > REMEMBERED:
            del self._manifests[next(iter(self._manifests))]

    def _restore(self, snapshot: str, chosen: Chosen | None) -> str:
        known = tuple(self._manifests.values())
        sparer = Sparer(self._workspace, lambda make: self._write(lambda _, sink: make(sink)))
        plan, now, placer = self._plan(self._scan(self._cache(), Hasher()), snapshot, chosen)
        sparer.keep(uncovered(plan, now, placer) | at_risk(plan, now, known))
        with blob_reader(self._git()) as copy:

            def spare(path: str) -> None:
                sparer.watch(placer, path, now.entries.get(path))

            carry_out(plan, now, placer, copy, spare)
        return sparer.snapshot

    def _plan(
        self, there: Manifest, snapshot: str, chosen: Chosen | None
    ) -> tuple[Plan, Manifest, Placer]:
        """What a restore would do, what it looks at, and what does it."""
        then, placer = self._load(snapshot), Placer(self._workspace)
        now = self._without_ignored(there, then)
        plan = plan_restore(now, then, chosen)
        return spare_nested(plan, self._finder.nested, placer), now, placer

    def _without_ignored(self, now: Manifest, then: Manifest) -> Manifest:
        """What is there, without files that the snapshot's own rules ignored.

        The snapshot cannot know them: deleting them would cost a user who dropped a rule for,
        say, `.venv` the whole folder.
        """
        rules = ignore_files(then)
        if rules == ignore_files(now):
            return now
        strangers = now.entries.keys() - then.entries.keys()
        contents = {path: self._blob(oid) for path, oid in rules.items()}
        spared = ignored_by(self._store, contents, strangers)
        entries = {path: entry for path, entry in now.entries.items() if path not in spared}
        return Manifest(entries, now.folders)


def _is_id(snapshot: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}", snapshot) is not None
