"""Files that somebody else changes while a run goes on: noticed, kept, not taken back."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from greenloop.errors import StorageError
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState, Event

BEAT_S = 1.0
"""Seconds between signs of life while a command runs."""


def adopt(state: AgentState, deps: Deps) -> AgentState:
    """The state with the files as they are found.

    What changed since the last look becomes a part of every tree that the run may go back to, so
    going back does not take it away.
    """
    found, footing = deps.snapshots.take(), deps.footing
    if found == state["tree"]:
        footing.now = found
        footing.start = footing.start or found
        return state
    paths = [change.path for change in deps.snapshots.changed(state["tree"], found)]
    before = footing.start or state["tree"]
    moved = before != state["tree"]
    footing.start = deps.snapshots.overlay(before, found, paths) if moved else found
    footing.now = found
    adopted: AgentState = {**state, "tree": found}
    base = adopted["base_tree"] = deps.snapshots.overlay(state["base_tree"], found, paths)
    if "best" in state:
        best = deps.snapshots.overlay(state["best"].tree, found, paths)
        adopted["best"] = replace(state["best"], tree=best)
    deps.events.emit(
        "theirs",
        f"changed outside of the run, kept: {', '.join(paths[:5])}",
        content=base,
        tree=found,
    )
    return adopted


@contextmanager
def tidied(deps: Deps, tree: str) -> Iterator[None]:
    """Run commands in the block; the files are those of `tree` afterwards, see `put_back`.

    An event says that commands run, and when they last did: what a kill leaves of their litter
    is told by its time from what somebody changes later.

    Raises:
        StorageError: the disk is full or read-only, which commands may take for the code's fault.
    """
    event = deps.events.emit("running", "commands run in the folder")
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(deps, event, ended), daemon=True)
    heart.start()
    deps.footing.now = ""
    try:
        yield
        deps.workspace.require_room()
        put_back(deps, tree)
    finally:
        ended.set()
        heart.join()


def _beat(deps: Deps, event: Event, ended: threading.Event) -> None:
    try:
        while not ended.wait(BEAT_S):
            deps.events.touch(event)
    except StorageError:  # the run itself will meet it, and say so
        return


def go_to(deps: Deps, tree: str, paths: Sequence[str] | None = None) -> None:
    """Make the files, or these of them, those of a snapshot.

    What is there is not kept: it must be on record.
    """
    deps.footing.now = ""  # not to be told apart until this is through
    snapshots = deps.snapshots
    spared = snapshots.restore(tree) if paths is None else snapshots.restore_paths(tree, paths)
    deps.events.spared(spared)
    # Not always the same: what today's rules ignore is in the one and not in the other.
    deps.footing.now = deps.snapshots.take()


def take_back(deps: Deps) -> None:
    """Undo what a node that failed did to the files; what somebody else saved meanwhile stays."""
    start, now = deps.footing.start, deps.footing.now
    if not now:  # in the middle of commands or of a restore
        put_back(deps, start)
        return
    found = deps.snapshots.take()
    theirs = [change.path for change in deps.snapshots.changed(now, found)]
    put_back(deps, deps.snapshots.overlay(start, found, theirs) if theirs else start)


def put_back(deps: Deps, tree: str) -> None:
    """Undo what a command left in the files; it is kept as a snapshot first.

    It may be litter of the tests, or what somebody saved while they ran: the two cannot be told
    apart, so nothing is lost and the names are said.
    """
    left = deps.snapshots.take()
    if left == tree:
        deps.footing.now = tree
        return
    names = [change.path for change in deps.snapshots.changed(tree, left)]
    if names:
        shown = ", ".join(names[:5])
        deps.events.emit("saved", f"changed while it ran, put back: {shown}", tree=left)
    go_to(deps, tree)
