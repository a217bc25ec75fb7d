"""Which changes of files are a run's own, and which somebody else's: the user's are sacred."""

from collections.abc import Callable
from pathlib import Path

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.snapshots.manifest import Entry
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.checkpoints.threads import Thread
from greenloop.graph.storage import Storage
from greenloop.nodes.theirs import BEAT_S
from greenloop.state import AgentState, Event

_SLACK_S = 0.05
"""Clocks of file systems go in ticks of some milliseconds, behind the one of events."""

_COMPLETED = ("waiting", "note")
"""Events that end a move: the files are in place."""


def changed_by_others(
    thread: Thread, storage: Storage, snapshots: SnapshotStore, state: AgentState, found: str
) -> tuple[str, ...]:
    """Paths that neither the last checkpoint nor what was cut off by a kill accounts for.

    Everything that a run, a rewind or a fork does to files leads from one snapshot on record to
    another.

    Args:
        thread: the row as it stood when the work on it began.
        storage: the stores.
        snapshots: the thread's.
        state: the last checkpoint's.
        found: snapshot of the files as they are.
    """
    tree, number = state["tree"], state.get("events", 0)
    changed = tuple(change.path for change in snapshots.changed(tree, found))
    rows = read_events(storage.database, thread.thread, after=number - 1)
    if not _cut_off(thread, [event for event in rows if event.step > number]):
        return changed
    known = {state["base_tree"], *_set_out(rows, number)}
    if "best" in state:
        known.add(state["best"].tree)
    before, now = snapshots.entries(tree), snapshots.entries(found)
    ours = [snapshots.entries(each) for each in known - {"", tree}]
    taken_in = [snapshots.entries(tree) for tree in _taken_in(rows, number)]
    litter = _while_commands_ran(Path(thread.repo), rows, number)

    def accounted_for(path: str) -> bool:
        entry = _content(now.get(path))
        # The trees of edits have it too.
        if any(entry == _content(entries.get(path)) for entries in taken_in):
            return False
        # The bits of a new file are the system's choice, so contents alone are compared.
        intended = entry != _content(before.get(path)) and any(
            entry == _content(entries.get(path)) for entries in ours
        )
        return intended or litter(path)

    return tuple(path for path in changed if not accounted_for(path))


def _cut_off(thread: Thread, begun: list[Event]) -> bool:
    """Whether a node, a rewind or a fork was cut before it could put the files back.

    That is a kill, or a disk that took nothing any more: a node that fails says so once the files
    are back.
    """
    if thread.status in ("failed", "interrupted"):
        kinds = {event.kind for event in begun}
        return "started" in kinds and "failed" not in kinds
    return thread.status == "running"


def _set_out(rows: list[Event], number: int) -> set[str]:
    """Trees between which the work was cut: of edits, or of a move to another checkpoint."""
    edits = {event.tree for event in rows if event.kind == "edits" and event.step > number}
    return edits | left_by_move([event for event in rows if event.step == number])


def _taken_in(rows: list[Event], number: int) -> set[str]:
    """Trees with somebody's changes that the node which was cut had taken in."""
    return {e.tree for e in rows if e.kind == "theirs" and e.step > number and e.tree}


def _while_commands_ran(folder: Path, rows: list[Event], number: int) -> Callable[[str], bool]:
    """Tells whether a path changed last while the commands ran that the kill cut off.

    The same holds of such a change as of one that the node itself finds when its commands have
    ended: it is taken back, and kept as a snapshot.
    """
    begun = [event.at for event in rows if event.step > number and event.kind == "started"]
    lives = [event.at for event in rows if event.step > number and event.kind == "running"]
    if not begun or not lives:
        return lambda path: False
    first, last = begun[0] - _SLACK_S, lives[-1] + BEAT_S + _SLACK_S
    return lambda path: first <= _changed_at(folder / path) <= last


def _changed_at(path: Path) -> float:
    """When a path changed last, in seconds since the epoch; of one that is gone, its folder."""
    try:
        return path.lstat().st_ctime
    except OSError:  # or it cannot be looked at, which a command may have brought about
        return _changed_at(path.parent)


def left_by_move(rows: list[Event]) -> set[str]:
    """The tree from which a rewind or a fork set out that was not completed; at most one.

    Args:
        rows: the events of one checkpoint, in order.
    """
    kinds = [event.kind for event in rows]
    if "moved" not in kinds or set(kinds[kinds.index("moved") :]) & {*_COMPLETED}:
        return set()
    return {event.tree for event in rows if event.kind == "intent"}


def _content(entry: Entry | None) -> tuple[str, bool] | None:
    return (entry.oid, entry.link) if entry else None
