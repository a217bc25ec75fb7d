"""Lists the folders of a workspace that git walks: which are empty, and whether names changed.

What git ignores is not entered. A folder is listed again only when its own times changed.
"""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import (
    NEVER,
    PERMISSIONS,
    Signature,
    lasting,
    settled,
    signature,
)
from greenloop.checkpoints.snapshots.manifest import ancestors

IGNORE_FILE = ".gitignore"
MOST = 2000
"""Names read in a folder without covered files; in a larger one changes are not looked for."""

Ignored = Callable[[set[str]], set[str]]
"""Those of some paths that a rule ignores."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a folder held when it was last listed."""

    signature: Signature
    mode: int
    """Permission bits; -1 for no folder."""
    names: bytes = b""
    """Digest of the names and types in it."""
    folders: tuple[str, ...] = ()
    others: bool = True
    """Something else is in it, or it cannot be read."""
    rules: Signature | None = None
    """Of its ignore file, where it has one."""


class FolderLister:
    """Lists folders of one workspace."""

    def __init__(self, workspace: Path) -> None:
        self._base = f"{workspace}/"
        self._seen: dict[str, _Seen] = {}
        self._covered: Collection[str] = ()
        self._whole = False

    def look(
        self, folders: Collection[str], nested: Collection[str], since: int, ignored: Ignored
    ) -> tuple[dict[str, int], frozenset[str]]:
        """Permission bits of these folders, and the empty folders that no rule ignores.

        The empty ones lie beside covered files, or below folders of nothing but folders.

        Args:
            folders: Those with covered files below them.
            nested: Repositories in the workspace, which are left alone.
            since: When git began to list them, as `time.time_ns` says.
            ignored: Asks for the rules.
        """
        before, self._seen, self._whole = self._seen, {}, True
        self._covered = folders
        for folder in ("", *folders):
            self._seen[folder] = self._list(folder, before.get(folder), None)
        level = set(self._below(("", *folders))) - set(folders) - set(nested)
        bare: set[str] = set()
        blocked: set[str] = set()
        while level:
            out = ignored(level)
            # What is ignored stands in a folder like a file: that folder is not empty.
            blocked |= out
            for folder in level - out:
                here = self._seen[folder] = self._list(folder, before.get(folder), MOST)
                bare.add(folder)
                if here.others:
                    blocked.add(folder)
            level = set(self._below(level - out))
        # A name that came while git was listing is not to be taken for one that it saw.
        self._whole = self._whole and all(_old(seen, since) for seen in self._seen.values())
        return self._modes(), self._empty(bare, blocked)

    def unchanged(self) -> dict[str, int] | None:
        """The permission bits if all folders hold the same names and rules as at the last look.

        A folder that changed is listed again; None also where there is no telling.
        """
        if not self._whole:
            return None
        for folder, before in list(self._seen.items()):
            limit = None if not folder or folder in self._covered else MOST
            here = self._list(folder, before, limit)
            if here is not before:
                if (here.names, here.mode < 0) != (before.names, before.mode < 0):
                    return None
                self._seen[folder] = here
            if before.rules is not None and self._rules(folder) != before.rules:
                return None  # and so it is while the file is too new to be sure
        return self._modes() if self._whole else None

    def _modes(self) -> dict[str, int]:
        seen = ((folder, self._seen[folder].mode) for folder in self._covered)
        return {folder: mode for folder, mode in seen if mode >= 0}

    def _below(self, folders: Iterable[str]) -> Iterable[str]:
        for folder in folders:
            for name in self._seen[folder].folders:
                yield f"{folder}/{name}" if folder else name

    def _empty(self, bare: set[str], blocked: set[str]) -> frozenset[str]:
        """Those of the bare folders with nothing in them, unless a file is anywhere near."""
        spoilt = blocked | (ancestors(blocked) & bare)
        found = {path for path in bare - blocked if not self._seen[path].folders}
        return frozenset(path for path in found if spoilt.isdisjoint({path, *ancestors([path])}))

    def _list(self, folder: str, before: _Seen | None, limit: int | None) -> _Seen:
        mode = -1
        try:
            now, status = time.time_ns(), os.lstat(self._base + folder)
            if before is not None and before.signature == signature(status):
                return before
            if stat.S_ISDIR(status.st_mode):
                mode = status.st_mode & PERMISSIONS
                here = self._names(folder, limit)
                return replace(here, signature=lasting(status, now), mode=mode)
        except OSError:  # unreadable, or gone: not covered
            pass
        return _Seen(NEVER, mode)

    def _names(self, folder: str, limit: int | None) -> _Seen:
        names: list[str] = []
        folders: list[str] = []
        with os.scandir(self._base + folder) as entries:
            for entry in entries:
                if limit is not None and len(names) == limit:
                    self._whole = False
                    return _Seen(NEVER, 0)
                if entry.is_dir(follow_symlinks=False):
                    names.append(f"{entry.name}/")
                    if entry.name != ".git":
                        folders.append(entry.name)
                    elif folder:  # it may become a repository without a change of names
                        self._whole = False
                else:
                    names.append(f"{entry.name}{'@' * entry.is_symlink()}")
        others = len(names) > len(folders)
        rules = self._rules(folder) if others and IGNORE_FILE in names else None
        digest = hashlib.sha1(os.fsencode("\0".join(sorted(names)))).digest()
        return _Seen(NEVER, 0, digest, tuple(folders), others, rules)

    def _rules(self, folder: str) -> Signature:
        """What tells whether a folder's ignore file is still the same."""
        now = time.time_ns()
        path = f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE
        try:
            return lasting(os.lstat(self._base + path), now)
        except OSError:
            return NEVER


def _old(seen: _Seen, since: int) -> bool:
    """Whether neither the folder nor its ignore file has changed shortly before or since."""
    marks = (seen.signature,) if seen.rules is None else (seen.signature, seen.rules)
    return all(settled(mark, since) for mark in marks)
