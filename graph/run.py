"""Beginning a thread: its row, its first snapshot and its first state."""

import time
from pathlib import Path
from typing import Any

from greenloop.checkpoints.events import LASTING, read_events
from greenloop.checkpoints.threads import Thread, new_thread_name
from greenloop.config import Settings, environment
from greenloop.errors import UserError, WorkspaceError
from greenloop.graph.edges import GRAPH_VERSION
from greenloop.graph.holding import refuse_overlap, working_on
from greenloop.graph.result import RunResult
from greenloop.graph.session import Run, opened
from greenloop.graph.storage import Storage, folder_key
from greenloop.state import STATE_VERSION, AgentState, Budget, Spent
from greenloop.tools.files import Workspace

NOT_STORED = {"data_dir", "ollama_host", "store"}
"""Settings of the machine, not of the run."""


def start(
    task: str, workspace: Workspace, settings: Settings, storage: Storage, run: Run
) -> RunResult:
    """Begin a thread and run it to its end.

    Raises:
        UserError: empty task, no tests, busy or unfit folder; the thread leaves nothing behind,
            unless it names files that were changed meanwhile and put back.
        InfrastructureError: the model, the disk or the sandbox failed; the thread is resumable.
    """
    if not task.strip():
        raise UserError("the task is empty: say in a few words what is to be done")
    _refuse_home(workspace.root)
    with (
        working_on(workspace, storage),
        # Nobody knows of the first snapshot before the thread's row names it.
        storage.in_use(folder_key(workspace.root)),
    ):
        tree = storage.snapshots(workspace.root).take()
        thread = _new_thread(task, workspace.root, settings, tree)
        storage.threads.add(thread)
        run.thread = thread.thread
        try:
            # A run around this folder may not have known of it before the row was there.
            refuse_overlap(workspace.root, storage)
            with opened(thread, workspace, settings, storage, run) as session:
                session.deps.events.after(0)
                session.deps.events.emit("moved", "start", tree=tree)
                return session.drive(initial_state(thread, settings))
        except UserError:
            if not _has_worked(thread, storage):
                storage.threads.remove(thread.thread)
            raise


def stored_settings(settings: Settings) -> dict[str, Any]:
    """The part of the settings that belongs to the run and is kept with its thread."""
    return {k: v for k, v in settings.model_dump().items() if k not in NOT_STORED}


def _has_worked(thread: Thread, storage: Storage) -> bool:
    """Whether there is something to undo, or an event that says where files are kept."""
    events = read_events(storage.database, thread.thread)
    return any(event.kind in ("finished", *LASTING) for event in events)


def _refuse_home(folder: Path) -> None:
    """Every snapshot would hold all that the user has."""
    home = Path(environment().passed_on.get("HOME", "/")).resolve()
    if folder.resolve() in (home, *home.parents):
        raise WorkspaceError(
            f"{folder} is your home folder or holds it: name a project's folder with --repo"
        )


def initial_state(thread: Thread, settings: Settings) -> AgentState:
    """The state before the first node."""
    return {
        "task": thread.task,
        "base_tree": thread.base_tree,
        "tree": thread.base_tree,
        "spent": Spent(),
        "budget": budget_from(settings, Spent()),
        "max_repairs": settings.max_repairs,
        "max_replans": settings.max_replans,
        "replans": 0,
        "status": "running",
    }


def budget_from(settings: Settings, spent: Spent) -> Budget:
    """The settings' budget on top of what is spent already."""
    return Budget(
        steps=spent.steps + settings.budget_steps,
        model_calls=spent.model_calls + settings.budget_calls,
        tokens=spent.tokens + settings.budget_tokens,
        seconds=spent.seconds + settings.budget_seconds,
    )


def _new_thread(task: str, folder: Path, settings: Settings, tree: str) -> Thread:
    now = time.time()
    return Thread(
        thread=new_thread_name(task),
        repo=str(folder),
        task=task,
        model=settings.model,
        test_cmd=settings.test_cmd,
        settings=stored_settings(settings),
        status="running",
        base_tree=tree,
        graph_version=GRAPH_VERSION,
        state_version=STATE_VERSION,
        created=now,
        updated=now,
        store=folder_key(folder),
    )
