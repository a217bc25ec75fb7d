"""Going on with a thread: versions checked, files brought back, a fresh budget on top."""

from typing import Literal

from greenloop.checkpoints.threads import Thread
from greenloop.config import Settings
from greenloop.errors import ThreadError
from greenloop.graph.edges import GRAPH_VERSION, START
from greenloop.graph.result import RunResult
from greenloop.graph.run import Run, Session, budget_from, initial_state, opened, working_on
from greenloop.graph.storage import Storage
from greenloop.state import STATE_VERSION, AgentState
from greenloop.tools.files import Workspace

Files = Literal["ask", "keep", "restore"]
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
        files: what to do if the files are not as the checkpoint left them: `keep` them as they
            are, `restore` the checkpoint's, or `ask`: refuse and name them. After a kill `ask`
            restores, since a half-done node left them.

    Raises:
        ThreadError: made by another version, finished, undone, in use, or files have changed.
    """
    run.thread = thread.thread
    with (
        working_on(workspace, storage),
        opened(thread, workspace, settings, storage, run) as session,
    ):
        # Read anew: another process may have worked on it until the folder was free.
        check_resumable(storage.threads.find(thread.thread))
        _remember_brain(thread, settings, storage)
        state = session.state()
        session.deps.events.after(state.get("events", 0))
        if not state:
            _bring_files_back(session, thread.base_tree, files)
            return session.drive(initial_state(thread, settings))
        _bring_files_back(session, state["tree"], files)
        if thread.status == "running" and state["status"] != "running":
            return session.finish(state)  # killed after its last checkpoint
        _renew(session, state, settings)
        return session.drive(None)


def _remember_brain(thread: Thread, settings: Settings, storage: Storage) -> None:
    """The thread goes on with this brain and its window, also when it is resumed again."""
    kept = {**thread.settings, "num_ctx": settings.num_ctx}
    if settings.model != thread.model or kept != thread.settings:
        storage.threads.set_brain(thread.thread, settings.model, kept)


def check_resumable(thread: Thread) -> None:
    """Whether there is a way on from here.

    Raises:
        ThreadError: made by another version, green already, or undone.
    """
    if (thread.graph_version, thread.state_version) != (GRAPH_VERSION, STATE_VERSION):
        raise ThreadError(
            f"{thread.thread} was made by another version of greenloop (graph "
            f"{thread.graph_version}, state {thread.state_version}; this one has "
            f"{GRAPH_VERSION} and {STATE_VERSION}): start the task again with `greenloop run`"
        )
    if thread.status == "green":
        raise ThreadError(f"{thread.thread} is green: there is nothing left to do in it")
    if thread.status == "undone":
        raise ThreadError(
            f"{thread.thread} was undone: `greenloop undo {thread.thread} --redo` brings its "
            "files back, or start the task again"
        )


def _bring_files_back(session: Session, tree: str, files: Files) -> None:
    """Make the files those of the checkpoint; what is there now is kept as a snapshot."""
    snapshots, events = session.deps.snapshots, session.deps.events
    found = snapshots.take()
    if found == tree or files == "keep":
        return
    names = ", ".join(change.path for change in snapshots.changed(tree, found)[:5])
    if session.thread.status != "running" and files == "ask":
        raise ThreadError(
            f"files have changed since {session.thread.thread} stopped: {names}; resume with "
            "--files keep to go on from them, or --files restore to put them back"
        )
    events.emit("saved", f"put back as the last checkpoint left them: {names}", content=found)
    snapshots.restore(tree)


def _renew(session: Session, state: AgentState, settings: Settings) -> None:
    """A fresh budget, and for a run that had ended unsolved a way back into the loop."""
    ended = not session.graph.get_state(session.config).next
    given = any(getattr(settings, key) != session.thread.settings.get(key) for key in _BUDGETS)
    if session.thread.status == "running" and not ended and not given:
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
    row = session.storage.connection.execute(
        "SELECT node FROM events WHERE thread = ? AND step = ? AND kind = 'finished'",
        (session.thread.thread, state.get("events", 0)),
    ).fetchone()
    return str(row[0]) if row else START
