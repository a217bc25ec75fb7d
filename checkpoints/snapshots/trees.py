"""Turns a manifest into git trees in the private store, writing only what a former one lacks."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from greenloop.checkpoints.snapshots.manifest import (
    FOLDER,
    Entry,
    Manifest,
    differing,
    encode_meta,
)
from greenloop.checkpoints.snapshots.objects import ObjectWriter

_Rows = dict[bytes, bytes]
"""Rows of a tree by sort key: git sorts a folder as if its name ended in a slash."""


NOTHING = Manifest({}, {})


@dataclass(frozen=True, slots=True)
class Trees:
    """A manifest and how it is stored; what the next one shares with it is not built again."""

    manifest: Manifest = NOTHING
    rows: Mapping[str, _Rows] = field(default_factory=dict)
    """For each folder with entries below it, its tree."""
    files: str = ""
    """Id of the tree of the topmost folder."""
    meta: str = ""
    snapshot: str = ""

    def ids(self) -> frozenset[str]:
        """Ids of all objects but the files' contents."""
        inner = {
            row[-20:].hex()
            for rows in self.rows.values()
            for key, row in rows.items()
            if key.endswith(b"/")
        }
        return frozenset({*inner, self.files, self.meta, self.snapshot})


def write_trees(writer: ObjectWriter, manifest: Manifest, before: Trees) -> Trees:
    """Store a snapshot's trees, given a stored snapshot that is much like it.

    Raises:
        StorageError: git could not write.
    """
    changed = differing(before.manifest.entries, manifest.entries)
    rows, top = _changed_trees(writer, manifest.entries, before, changed)
    meta = before.meta
    if not meta or not _same_meta(before.manifest, manifest, changed):
        meta = writer.put(encode_meta(manifest))
    outer = _put_tree(writer, dict((_row("files", FOLDER, top), _row("meta", "100644", meta))))
    writer.flush()
    return Trees(manifest, rows, top, meta, outer)


def _changed_trees(
    writer: ObjectWriter, entries: Mapping[str, Entry], before: Trees, changed: Iterable[str]
) -> tuple[dict[str, _Rows], str]:
    """The rows of all folders, and the id of the tree of the topmost one."""
    rows = dict(before.rows)
    touched: dict[str, _Rows] = {}

    def of(folder: str) -> _Rows:
        if folder not in touched:
            touched[folder] = rows[folder] = dict(rows.get(folder, ()))
            if folder:  # every tree on the way up names the one below
                of(folder.rpartition("/")[0])
        return touched[folder]

    for path in changed:
        folder, _, name = path.rpartition("/")
        entry = entries.get(path)
        if entry is None:
            of(folder).pop(os.fsencode(name), None)
        else:
            of(folder).update([_row(name, entry.git_mode, entry.oid)])
    of("")
    top = ""
    # A longer path sorts after its own beginning: children come before their parents.
    for folder in sorted(touched, reverse=True):
        if not touched[folder] and folder:
            parent, _, name = folder.rpartition("/")
            of(parent).pop(os.fsencode(name) + b"/", None)
            del rows[folder]
            continue
        top = _put_tree(writer, touched[folder])
        if folder:
            parent, _, name = folder.rpartition("/")
            of(parent).update([_row(name, FOLDER, top)])
    return rows, top


def _row(name: str, mode: str, oid: str) -> tuple[bytes, bytes]:
    raw = os.fsencode(name)
    key = raw + b"/" if mode == FOLDER else raw
    return key, mode.encode() + b" " + raw + b"\0" + bytes.fromhex(oid)


def _put_tree(writer: ObjectWriter, rows: _Rows) -> str:
    return writer.put_object("tree", b"".join(rows[key] for key in sorted(rows)))


def _same_meta(old: Manifest, new: Manifest, changed: Iterable[str]) -> bool:
    """Whether the side record is the same for certain: no path came or went, no mode changed."""
    if old.folders != new.folders:
        return False
    for path in changed:
        before, after = old.entries.get(path), new.entries.get(path)
        if before is None or after is None:
            return False
        if (before.mode, before.link) != (after.mode, after.link):
            return False
    return True
