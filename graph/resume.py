"""Going on with a thread: versions checked, files brought back, a fresh budget on top."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from greenloop.checkpoints.events import checkpoint_event, read_events
from greenloop.checkpoints.journal import Journal
from greenloop.checkpoints.threads import Thread
from greenloop.config import Settings
from greenloop.errors import FilesChangedError, ThreadError
from greenloop.graph.accounted import changed_by_others
from greenloop.graph.edges import GRAPH_VERSION, START
from greenloop.graph.holding import working_on
from greenloop.graph.result import RunResult
from greenloop.graph.run import budget_from, initial_state
from greenloop.graph.session import Run, Session, opened
from greenloop.graph.storage import Storage
from greenloop.state import STATE_VERSION, AgentState
from greenloop.tools.files import Workspace

if TYPE_CHECKING:
    from langgraph.types import Command

Files = Literal["ask", "keep", "restore"]
_NAMED = 5
"""Files named in a message."""
_BUDGETS = ("budget_steps", "budget_calls", "budget_tokens", "budget_seconds")


def resume(
    thread: Thread,
    workspace: Workspace,
    settings: Settings,
    storage: Storage,
    run: Run,
    files: Files = "ask",
) -> RunResult:
    """Run a thread on from its last checkpoint.

    Args:
        thread: the row as it stands.
        workspace: its folder.
        settings: the thread's own, with what was newly given.
        storage: the stores.
        run: the handle.
        files: what to do if somebody has changed files since the checkpoint: `keep` them as they
            are, `restore` the checkpoint's, or `ask`: refuse and name them. What a node that was
            killed had itself done to the files is taken back without a question.

    Raises:
        FilesChangedError: files have changed, and `files` is `ask`.
        ThreadError: made by another version, finished, undone, in use, or `run` brings an
            answer where nothing is asked.
    """
    run.thread = thread.thread
    with (
        working_on(workspace, storage),
        opened(thread, workspace, settings, storage, run) as at_first,
    ):
        # Read anew: another process may have worked on it until the folder was free.
        thread = storage.threads.find(thread.thread)
        check_resumable(thread)
        session = replace(at_first, thread=thread)
        _remember_brain(thread, settings, storage)
        state = session.state()
        session.deps.events.after(state.get("events", 0))
        if not state:
            state = initial_state(thread, settings)
            _bring_files_back(session, state, files)
            _answer(session, state, settings)
            return session.drive(state)
        _bring_files_back(session, state, files)
        if thread.status == "running" and state["status"] != "running":
            # Killed after its last checkpoint; maybe at the start of a rewind, whose rows go.
            session.deps.events.begin(state["events"] + 1, "")
            return session.finish(state)
        answer = _answer(session, state, settings)
        _renew(session, state, settings)
        return session.drive(answer)


def _answer(session: Session, state: AgentState, settings: Settings) -> "Command[Any] | None":
    """What the user says to the question that the thread waits with, if they say something.

    Raises:
        ThreadError: nothing is asked.
    """
    verdict, deps = session.run.answer, session.deps
    if verdict is None:
        return session.questions(state).given()
    kept = session.storage.threads.find(session.thread.thread)
    if settings.test_cmd == kept.settings.get("test_cmd", ""):
        return session.questions(state).answer(verdict, deps.events)
    answer = session.questions(state).answer(verdict, deps.events, deps.runner.command)
    changed = {**kept.settings, "test_cmd": settings.test_cmd}
    session.storage.threads.set_brain(kept.thread, kept.model, changed)
    return answer


def _remember_brain(thread: Thread, settings: Settings, storage: Storage) -> None:
    """The thread goes on with this brain and its window, also when it is resumed again."""
    kept = {**thread.settings, "num_ctx": settings.num_ctx}
    if settings.model != thread.model or kept != thread.settings:
        storage.threads.set_brain(thread.thread, settings.model, kept)


def check_version(thread: Thread) -> None:
    """Whether its checkpoints are of the kind that this version makes.

    Raises:
        ThreadError: they are not.
    """
    if (thread.graph_version, thread.state_version) != (GRAPH_VERSION, STATE_VERSION):
        raise ThreadError(
            f"{thread.thread} was made by another version of greenloop (graph "
            f"{thread.graph_version}, state {thread.state_version}; this one has "
            f"{GRAPH_VERSION} and {STATE_VERSION}): start the task again with `greenloop run`"
        )


def check_resumable(thread: Thread) -> None:
    """Whether there is a way on from here.

    Raises:
        ThreadError: made by another version, green already, or undone.
    """
    check_version(thread)
    if thread.status == "green":
        raise ThreadError(f"{thread.thread} is green: there is nothing left to do in it")
    if thread.status == "undone":
        raise ThreadError(
            f"{thread.thread} was undone: `greenloop undo {thread.thread} --redo` brings its "
            "files back, or start the task again"
        )


def asked_so_far(thread: Thread, storage: Storage) -> int:
    """Questions to the brain whose replies the thread has: of finished nodes, and journalled."""
    events = read_events(storage.database, thread.thread)
    ended = {event.step for event in events if event.kind == "finished"}
    journal = Journal(storage.database, storage.blobs, thread.thread)
    prompts = sum(event.kind == "prompt" and event.step in ended for event in events)
    return prompts + journal.kept(max(ended, default=0) + 1)


def _bring_files_back(session: Session, state: AgentState, files: Files) -> None:
    """Make the files those of the checkpoint; what is there now is kept as a snapshot."""
    snapshots, events = session.deps.snapshots, session.deps.events
    tree, found = state["tree"], snapshots.take()
    if found == tree or (files == "ask" and found in _kept_while_waiting(session, state)):
        return
    theirs = changed_by_others(session.thread, session.storage, snapshots, state, found)
    if theirs and files == "ask":
        raise FilesChangedError(_what_changed(session, theirs), theirs)
    wanted = snapshots.overlay(tree, found, theirs) if files == "keep" else tree
    if wanted == found:
        return
    names = ", ".join(change.path for change in snapshots.changed(wanted, found)[:5])
    events.emit("saved", f"put back as the last checkpoint left them: {names}", tree=found)
    events.spared(snapshots.restore(wanted))


def _kept_while_waiting(session: Session, state: AgentState) -> set[str]:
    """Trees with somebody's changes that the node which now waits had taken in."""
    if session.thread.status != "waiting":
        return set()
    number, name = state.get("events", 0), session.thread.thread
    rows = read_events(session.storage.database, name, after=number)
    return {event.tree for event in rows if event.kind == "theirs"}


def _what_changed(session: Session, paths: tuple[str, ...]) -> str:
    name, home = session.thread.thread, session.thread.repo
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    later = [
        other.thread
        for other in session.storage.threads.all(Path(home))
        if other.thread != name and other.updated > session.thread.updated
    ]
    by = f" ({later[0]} has worked here since)" if later else ""
    return (
        f"files have changed since {name} stopped: {', '.join(paths[:_NAMED])}{more}{by}; resume "
        "with --files keep to go on from them, or --files restore to put them back"
    )


def _renew(session: Session, state: AgentState, settings: Settings) -> None:
    """A fresh budget, and for a run that had ended unsolved a way back into the loop."""
    ended = state["status"] != "running"
    given = any(getattr(settings, key) != session.thread.settings.get(key) for key in _BUDGETS)
    if session.thread.status in ("running", "waiting") and not ended and not given:
        return
    update: AgentState = {
        "budget": budget_from(settings, state["spent"]),
        "status": "running",
        "max_repairs": settings.max_repairs,
        "max_replans": settings.max_replans,
        "tried": (),  # what failed before may have failed for a cause that is gone
    }
    if ended:
        update.update({"gave_up": "", "replans": 0})
    last = _last_node(session, state)
    # An ended run goes on as if its tests had just been judged.
    session.graph.update_state(session.config, update, as_node="test" if last == "done" else last)


def _last_node(session: Session, state: AgentState) -> str:
    """The node whose checkpoint is the last one; the start before the first."""
    number = state.get("events", 0)
    event = checkpoint_event(session.storage.database, session.thread.thread, number)
    return event.node if event and event.node else START
