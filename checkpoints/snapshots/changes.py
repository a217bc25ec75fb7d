"""What differs between two snapshots, and how callers may name a file of one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from greenloop.checkpoints.snapshots.manifest import Entry, differing
from greenloop.errors import StorageError

ChangeKind = Literal["added", "deleted", "modified", "mode"]


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs between two snapshots."""

    path: str
    """Relative, with forward slashes; bytes that are no UTF-8 as by `os.fsdecode`."""
    kind: ChangeKind
    """`mode`: the same content with other permission bits."""


def changes(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> tuple[Change, ...]:
    """The files and links that differ, by path."""
    paths = sorted(differing(old, new))
    return tuple(Change(path, _kind(old.get(path), new.get(path))) for path in paths)


def _kind(before: Entry | None, after: Entry | None) -> ChangeKind:
    if before is None:
        return "added"
    if after is None:
        return "deleted"
    same = (before.oid, before.link) == (after.oid, after.link)
    return "mode" if same else "modified"


def relative(path: str) -> str:
    """The path in the form that manifests use.

    Raises:
        StorageError: it leads out of the workspace or into `.git`.
    """
    clean = os.path.normpath(path) if path else ""
    parts = clean.split("/")
    if not path or path.startswith("/") or parts[0] in ("..", ".") or ".git" in parts:
        raise StorageError(
            f"{path!r} is no path of a file inside the workspace: use a relative one"
        )
    return clean
