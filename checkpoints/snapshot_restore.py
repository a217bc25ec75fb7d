"""Works out what separates the workspace from a snapshot, and does only that.

The order makes it safe to repeat after a kill at any point: deletions, folders, files, modes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from greenloop.checkpoints.snapshot_cover import IGNORE_FILE
from greenloop.checkpoints.snapshot_manifest import Entry, Manifest, ancestors
from greenloop.checkpoints.snapshot_place import Placer
from greenloop.checkpoints.snapshot_trees import CopyBlob

Chosen = Callable[[str], bool]
"""Whether a path is among those to be restored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, as relative paths."""

    remove: tuple[str, ...]
    prune: tuple[str, ...]
    """Folders that go if nothing is left in them, deepest first."""
    entries: Mapping[str, Entry]
    """Files and links that must be there; those that already are stay untouched."""
    folders: Mapping[str, int]
    """Folders that must be there, and their permission bits, outermost first."""


def choose(paths: Iterable[str]) -> Chosen:
    """A test for these paths and everything below them."""
    named = frozenset(paths)
    return lambda path: path in named or not named.isdisjoint(ancestors((path,)))


def plan_restore(now: Manifest, then: Manifest, chosen: Chosen) -> Plan:
    """Compare what is there with what was, as far as `chosen` goes."""
    entries = {
        path: then.entries[path] for path in sorted(then.entries, key=_order) if chosen(path)
    }
    needed = ancestors(entries)
    folders = {
        path: mode
        for path, mode in sorted(then.folders.items())
        if chosen(path) or (path in needed and path not in now.folders)
    }
    needed |= folders.keys()
    remove = tuple(
        path
        for path in sorted(now.entries, key=_order)
        if path in needed or (chosen(path) and path not in then.entries)
    )
    emptied = ancestors(remove)
    prune = tuple(
        path
        for path in sorted(now.folders, reverse=True)
        if path not in then.folders and (path in emptied or chosen(path))
    )
    return Plan(remove, prune, entries, folders)


def _order(path: str) -> tuple[bool, str]:
    """Ignore files last: after a kill, the rules in force are still those that spared files."""
    return path.rpartition("/")[2] == IGNORE_FILE, path


def carry_out(plan: Plan, now: Manifest, placer: Placer, copy: CopyBlob) -> None:
    """Change the workspace as planned.

    Raises:
        StorageError: a path could not be changed (named in the message), or a content is lost.
    """
    for path in plan.remove:
        placer.remove(path)
    for path in plan.prune:
        placer.remove_folder(path)
    for path in plan.folders:
        placer.make_folder(path)
    gone = frozenset(plan.remove)
    for path, entry in plan.entries.items():
        # What the scan does not cover may be there all the same, for example when it is ignored.
        there = now.entries.get(path) if path not in gone else None
        there = there or placer.entry(path)
        if there == entry:
            continue
        if there and (there.oid, there.link) == (entry.oid, entry.link):
            placer.set_mode(path, entry.mode)
        else:
            placer.write(path, entry, copy)
    for path, mode in sorted((placer.loosened | dict(plan.folders)).items(), reverse=True):
        placer.set_folder_mode(path, mode)
