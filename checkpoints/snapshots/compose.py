"""Works out the manifest that an edit would lead to, before it is made.

The disk is looked at where the answer depends on it: whether a new file would be ignored, and
what would be left in a folder that loses its last file.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.snapshots.bare import IGNORE_FILE
from greenloop.checkpoints.snapshots.cache import PERMISSIONS
from greenloop.checkpoints.snapshots.cover import CoverFinder, ignored_by
from greenloop.checkpoints.snapshots.manifest import Entry, Manifest, ancestors, merged
from greenloop.checkpoints.snapshots.objects import BlobSink

Contents = Mapping[str, tuple[bytes, int | None] | None]
"""For each path the bytes and the permission bits; None for a file that goes."""


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes manifests for one workspace."""

    store: Path
    workspace: Path
    finder: CoverFinder
    read: Callable[[str], bytes]
    """The content with an id."""

    def compose(self, below: Manifest, contents: Contents, sink: BlobSink) -> Manifest:
        """The manifest below with these contents, which are put into the sink.

        Raises:
            StorageError: git failed, or the sink could not store.
        """
        mask = _umask()
        written = {path: what for path, what in contents.items() if what is not None}
        refused = self.finder.refused(written.keys() - below.entries.keys())
        added = {
            path: Entry(sink.put(data), self._mode(path, mode, below, mask))
            for path, (data, mode) in written.items()
            if path not in refused
        }
        modes = dict(below.folders)
        for folder in ancestors(added) - modes.keys():
            modes[folder] = self._folder_mode(folder, mask)
        result = merged(below, added, contents, modes)
        result = self._with_emptied(result, below, contents.keys() - added.keys(), mask)
        if any(_name(path) == IGNORE_FILE for path in contents):
            fresh = {added[path].oid: data for path, (data, _) in written.items() if path in added}
            lost = self._newly_ignored(result, fresh)
            kept = {path: entry for path, entry in result.entries.items() if path not in lost}
            folders = {p: mode for p, mode in result.folders.items() if f"{p}/" not in lost}
            return _spoilt(Manifest(kept, folders), lost)
        return _spoilt(result, refused)

    def _newly_ignored(self, result: Manifest, fresh: Mapping[str, bytes]) -> set[str]:
        """Files, and empty folders with a slash, that the ignore files in the result rule out."""
        rules = {
            path: fresh[oid] if oid in fresh else self.read(oid)
            for path, oid in ignore_files(result).items()
        }
        asked = result.entries.keys() | {f"{path}/" for path in result.empty}
        return ignored_by(self.store, rules, asked) - self.finder.tracked()

    def _mode(self, path: str, mode: int | None, below: Manifest, mask: int) -> int:
        if mode is not None:
            return mode & PERMISSIONS
        before = below.entries.get(path)
        return 0o666 & ~mask if before is None or before.link else before.mode

    def _folder_mode(self, folder: str, mask: int) -> int:
        try:
            status = (self.workspace / folder).lstat()
        except OSError:
            return 0o777 & ~mask
        return status.st_mode & PERMISSIONS if stat.S_ISDIR(status.st_mode) else 0o777 & ~mask

    def _with_emptied(
        self, result: Manifest, below: Manifest, gone: set[str], mask: int
    ) -> Manifest:
        """The result, with the folders that stay behind when their last file goes."""
        full = ancestors(result.entries)
        emptied = ancestors(gone) & below.folders.keys() - full - result.entries.keys()
        tops = {path for path in emptied if path.rpartition("/")[0] not in emptied}
        if not tops:
            return result
        found: set[str] = set()
        folders = dict(result.folders)
        for top in tops:
            leaves = self._left_empty(top, gone)
            # An empty folder beside is recorded no more when a file that stays is in no snapshot.
            inside = {p for p in folders if p == top or p.startswith(f"{top}/")}
            for path in inside if leaves else ():
                found.add(path)
            for path in inside:
                del folders[path]
            found |= leaves
        found -= self.finder.ignored(found)
        for path in found | ancestors(found):
            if path not in folders:
                folders[path] = below.folders.get(path, self._folder_mode(path, mask))
        return Manifest(result.entries, folders)

    def _left_empty(self, top: str, gone: set[str]) -> set[str]:
        """The folders at or below `top` with nothing in them but files that go.

        None if there is another file, or something ignored, anywhere below it.
        """
        leaves: set[str] = set()
        level = {top}
        while level:
            if self.finder.ignored(level):
                return set()
            below: set[str] = set()
            for folder in level:
                inside = _inside(f"{self.workspace}/{folder}")
                here = {f"{folder}/{name}" for name, is_folder in inside if is_folder}
                files = {f"{folder}/{name}" for name, is_folder in inside if not is_folder}
                if files - gone:
                    return set()
                if not here:
                    leaves.add(folder)
                below |= here
            level = below
        return leaves


def _spoilt(manifest: Manifest, strangers: Iterable[str]) -> Manifest:
    """The manifest without empty folders near files that no snapshot has."""
    full = ancestors(manifest.entries)
    near = ancestors(strangers) - full
    tops = tuple(f"{path}/" for path in near)
    folders = {
        path: mode
        for path, mode in manifest.folders.items()
        if path in full or not (path in near or path.startswith(tops))
    }
    return Manifest(manifest.entries, folders)


def _inside(folder: str) -> list[tuple[str, bool]]:
    """Names in a folder, and whether they are folders; none if it is not there."""
    try:
        with os.scandir(folder) as entries:
            return [
                (entry.name, entry.name != ".git" and entry.is_dir(follow_symlinks=False))
                for entry in entries
            ]
    except OSError:  # it would be made first, and is empty then
        return []


def _umask() -> int:
    """What the system takes from the permission bits of new files; it can only be read so."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def ignore_files(manifest: Manifest) -> dict[str, str]:
    """Paths and content ids of the ignore files; git reads none through a link."""
    return {
        path: entry.oid
        for path, entry in manifest.entries.items()
        if path.endswith(IGNORE_FILE) and _name(path) == IGNORE_FILE and not entry.link
    }


def _name(path: str) -> str:
    return path.rpartition("/")[2]
