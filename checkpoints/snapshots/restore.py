"""Works out what separates the workspace from a snapshot, and does only that.

The order makes it safe to repeat after a kill at any point: deletions, folders, files, modes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from greenloop.checkpoints.snapshots.bare import IGNORE_FILE
from greenloop.checkpoints.snapshots.manifest import Entry, Manifest, ancestors, differing
from greenloop.checkpoints.snapshots.place import Placer
from greenloop.checkpoints.snapshots.read import CopyBlob
from greenloop.errors import StorageError

Chosen = Callable[[str], bool]
"""Whether a path is among those to be restored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, as relative paths."""

    remove: tuple[str, ...]
    prune: tuple[str, ...]
    """Folders that go if nothing is left in them, deepest first."""
    entries: Mapping[str, Entry]
    """Files and links that must be there and are not."""
    folders: Mapping[str, int]
    """Folders that are missing or have other permission bits, outermost first."""


def choose(paths: Iterable[str]) -> Chosen:
    """A test for these paths and everything below them."""
    named = frozenset(paths)
    return lambda path: path in named or not named.isdisjoint(ancestors((path,)))


def plan_restore(now: Manifest, then: Manifest, chosen: Chosen | None = None) -> Plan:
    """Compare what is there with what was, as far as `chosen` goes (None: all the way)."""
    differ = differing(now.entries, then.entries)
    if chosen is not None:
        differ = {path for path in differ if chosen(path)}
    entries = {path: then.entries[path] for path in differ & then.entries.keys()}
    needed = ancestors(entries)
    folders = {
        path: mode
        for path, mode in then.folders.items()
        if now.folders.get(path) != mode
        and (chosen is None or chosen(path) or (path in needed and path not in now.folders))
    }
    needed |= folders.keys()
    remove = (differ - then.entries.keys()) | (needed & now.entries.keys())
    emptied = ancestors(remove)
    prune = tuple(
        path
        for path in sorted(now.folders.keys() - then.folders.keys(), reverse=True)
        if chosen is None or path in emptied or chosen(path)
    )
    return Plan(
        tuple(sorted(remove, key=_order)),
        prune,
        {path: entries[path] for path in sorted(entries, key=_order)},
        dict(sorted(folders.items())),
    )


def spare_nested(plan: Plan, nested: Collection[str], placer: Placer) -> Plan:
    """The plan without what lies in repositories that were made since, which are not ours.

    Raises:
        StorageError: a file in one differs from the snapshot's.
    """
    inside = {
        path for path in {*plan.entries, *plan.folders} if not _above(path).isdisjoint(nested)
    }
    for path in sorted(inside & plan.entries.keys()):
        if placer.entry(path) != plan.entries[path]:
            raise StorageError(
                f"cannot write {path!r}: something in the way is in no snapshot (a nested "
                "repository): move it away, then restore again"
            )
    return replace(
        plan,
        entries={path: entry for path, entry in plan.entries.items() if path not in inside},
        folders={path: mode for path, mode in plan.folders.items() if path not in inside},
    )


def uncovered(plan: Plan, now: Manifest, placer: Placer) -> set[str]:
    """Files that the plan would write over and that no snapshot of today has: ignored ones.

    Raises:
        StorageError: one of them cannot be read.
    """
    found: set[str] = set()
    for path in plan.entries.keys() - now.entries.keys():
        there = placer.entry(path)
        entry = plan.entries[path]
        if there is not None and (there.oid, there.link) != (entry.oid, entry.link):
            found.add(path)
    return found


def _above(path: str) -> set[str]:
    return {path, *ancestors([path])}


def _order(path: str) -> tuple[bool, str]:
    """Ignore files last: after a kill, the rules in force are still those that spared files."""
    return path.rpartition("/")[2] == IGNORE_FILE, path


def carry_out(
    plan: Plan, now: Manifest, placer: Placer, copy: CopyBlob, spare: Callable[[str], None]
) -> None:
    """Change the workspace as planned.

    Args:
        plan: what to do.
        now: what is covered and there.
        placer: changes the workspace.
        copy: reads stored contents.
        spare: is told of each file just before it goes.

    Raises:
        StorageError: a path could not be changed (named in the message), or a content is lost.
    """
    for path in plan.remove:
        spare(path)
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
            spare(path)
            placer.write(path, entry, copy)
    for path, mode in sorted((placer.loosened | dict(plan.folders)).items(), reverse=True):
        placer.set_folder_mode(path, mode)
