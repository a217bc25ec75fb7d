"""The commands that change files: run, resume, undo."""

import argparse
import json
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType

from greenloop.checkpoints.threads import ENDED, Thread, Threads
from greenloop.cli.approve import Dialogue
from greenloop.cli.flags import settings_flags
from greenloop.cli.live import LiveView
from greenloop.cli.once import Once
from greenloop.cli.program import again, is_near
from greenloop.cli.prompting import can_ask
from greenloop.cli.stores import stores
from greenloop.config import Settings, load, prepare_process
from greenloop.errors import ThreadError, UserError
from greenloop.graph.brain import Choice, check_origin, choose
from greenloop.graph.recording import open_replay, recording
from greenloop.graph.result import RunResult
from greenloop.graph.resume import asked_so_far, check_resumable
from greenloop.graph.run import NOT_STORED, start
from greenloop.graph.session import Run
from greenloop.graph.storage import Storage, open_stores
from greenloop.graph.undo import redo
from greenloop.graph.undo import undo as undo_thread
from greenloop.nodes.approval import APPROVED, Verdict
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ChatModel
from greenloop.tools.model.replay import ReplayModel
from greenloop.tools.text import printable


def run(args: argparse.Namespace) -> int:
    """`greenloop run TASK`."""
    prepare_process()
    workspace = Workspace(Path(args.repo))
    loaded = load(settings_flags(args), workspace.root)
    check_origin(loaded)
    settings, replay = loaded.settings, _replay(args)
    choice = Choice(replay.name) if replay else choose(settings, explicit=args.model is not None)
    settings = choice.settle(settings)
    with (
        open_stores(settings) as storage,
        _recorded(args, workspace, settings, args.task) as recorded,
    ):
        view = LiveView(storage.blobs, quiet=args.json)
        notes = (choice.note, _unfinished_here(storage, workspace.root))
        view.banner(workspace.root, choice.shown, _note(args, *notes))
        handle = Run(listeners=(Once(view),), model=replay or recorded)
        dialogue = _dialogue(args, storage, workspace, settings, handle, view)
        try:
            with _stoppable(handle, view):
                result = start(args.task, workspace, settings, storage, handle)
            result = dialogue.follow(result)
        finally:
            _remember(args, handle, workspace)
    return _report(result, view, args)


def resume(args: argparse.Namespace) -> int:
    """`greenloop resume [THREAD]`."""
    prepare_process()
    flags = settings_flags(args)
    with ExitStack() as held:
        storage = held.enter_context(stores(args))
        thread = _which(args.thread, storage.threads, args.repo)
        check_resumable(thread)
        thread = held.enter_context(placed(thread, storage, args))
        workspace = Workspace(Path(thread.repo))
        settings = settings_of(thread, flags, workspace.root)
        asked = asked_so_far(thread, storage) if args.replay else 0
        replay = _replay(args, goes_on=True, used=asked)
        choice = Choice(settings.model) if replay else choose(settings, explicit=True)
        settings = choice.settle(settings)
        view = LiveView(storage.blobs, quiet=args.json)
        note = _note(args, f"resuming {thread.thread}", choice.note)
        view.banner(workspace.root, choice.shown, note)
        recorded = held.enter_context(
            _recorded(args, workspace, settings, thread.task, goes_on=True)
        )
        handle = Run(listeners=(Once(view),), model=replay or recorded)
        handle.thread = thread.thread
        dialogue = _dialogue(args, storage, workspace, settings, handle, view)
        try:
            result = dialogue.follow(dialogue.resume(_verdict(args), args.files))
        finally:
            _remember(args, handle, workspace)
    return _report(result, view, args)


def undo(args: argparse.Namespace) -> int:
    """`greenloop undo THREAD`."""
    with (
        stores(args) as storage,
        placed(storage.threads.find(args.thread), storage, args) as thread,
    ):
        workspace = Workspace(Path(thread.repo))
        if args.redo:
            paths = redo(thread, workspace, storage, force=args.force)
            print(printable(f"back as {thread.thread} left them: {', '.join(paths)}"))
            return 0
        paths = undo_thread(thread, workspace, storage, force=args.force)
    if not paths:
        print(f"nothing to undo: {thread.thread} left no change")
        return 0
    for path in paths:
        print(printable(f"restored {path}"))
    print(f"as before the run; {again('undo', thread.thread, workspace.root)} --redo takes it back")
    return 0


def _dialogue(  # what a run in the terminal is made of
    args: argparse.Namespace,
    storage: Storage,
    workspace: Workspace,
    settings: Settings,
    handle: Run,
    view: LiveView,
) -> Dialogue:
    asks = can_ask() and not args.json
    return Dialogue(storage, workspace, settings, handle, view, _stoppable, asks)


def _verdict(args: argparse.Namespace) -> Verdict | None:
    """The answer that the user gave as a flag."""
    if args.approved:
        return APPROVED
    return None if args.rejected is None else Verdict("reject", args.rejected.strip())


def _replay(
    args: argparse.Namespace, *, goes_on: bool = False, used: int = 0
) -> ReplayModel | None:
    return open_replay(Path(args.replay), goes_on=goes_on, used=used) if args.replay else None


def _recorded(
    args: argparse.Namespace,
    workspace: Workspace,
    settings: Settings,
    task: str,
    *,
    goes_on: bool = False,
) -> AbstractContextManager[ChatModel | None]:
    """The brain with its recorder, where one is asked for."""
    if not args.record:
        return nullcontext()
    return recording(Path(args.record), workspace.root, settings, task, goes_on=goes_on)


def _note(args: argparse.Namespace, *notes: str) -> str:
    """What the user should know of the brain, in one line."""
    tape = [f"replayed from {args.replay}: no model is asked"] if args.replay else []
    if args.store:
        tape.append("this thread is kept where --store says: give --store in each command on it")
    if args.record:
        tape.append(f"recorded in {args.record}, which will hold what the model sees of your code")
    return "; ".join(filter(None, (*notes, *tape)))


def _unfinished_here(storage: Storage, folder: Path) -> str:
    """A word on another thread that may still want to change the same files."""
    for thread in storage.threads.all(folder):
        if thread.status not in ENDED:
            return (
                f"{thread.thread} is unfinished in this folder: what this run changes, "
                "its resume will ask about"
            )
    return ""


def _remember(args: argparse.Namespace, handle: Run, workspace: Workspace) -> None:
    """Tell the edge how the thread is resumed, should this end in an error."""
    args.started = handle.thread
    args.resume_with = again("resume", handle.thread, workspace.root) if handle.thread else ""


def settings_of(thread: Thread, flags: dict[str, object], folder: Path) -> Settings:
    """The thread's own settings with what was newly given; the machine's from here and now."""
    here = load({}, folder).settings
    machine = {key: getattr(here, key) for key in NOT_STORED}
    known = {k: v for k, v in thread.settings.items() if k in Settings.model_fields}
    if flags.get("model", thread.model) != thread.model:
        known.pop("num_ctx", None)  # another model's window; this one's is looked for anew
    return load({**known, "model": thread.model, **machine, **flags}).settings


def _which(name: str | None, threads: Threads, repo: str | None) -> Thread:
    """The thread named, or the last unfinished one of the folder."""
    if name:
        return threads.find(name)
    here = Path(repo or ".").resolve()
    for thread in threads.all(here if repo else None):
        if thread.status not in ENDED and here.is_relative_to(thread.repo):
            return thread
    raise ThreadError(f"no unfinished thread in {here}: `greenloop threads` lists all of them")


@contextmanager
def placed(thread: Thread, storage: Storage, args: argparse.Namespace) -> Iterator[Thread]:
    """The thread, at home in the folder that is named if its own is not there any more.

    Its files come along, as those of every checkpoint do. An empty folder needs no question. A
    command that is refused leaves the thread where it was.

    Raises:
        ThreadError: it belongs to a folder elsewhere, and neither is the user there nor do they
            name it.
    """
    if not args.repo or Path(thread.repo).exists():
        _check_place(thread, args.repo)
        yield thread
        return
    folder = Workspace(Path(args.repo)).root
    if getattr(args, "files", "") == "ask" and not any(folder.iterdir()):
        args.files = "restore"
    storage.threads.set_folder(thread.thread, folder)
    try:
        yield replace(thread, repo=str(folder))
    except UserError:
        storage.threads.set_folder(thread.thread, Path(thread.repo))
        raise


def _check_place(thread: Thread, repo: str | None) -> None:
    """Files change only where the user is, or where they say.

    Raises:
        ThreadError: the thread belongs to a folder elsewhere.
    """
    home = Path(thread.repo)
    if Path(repo).resolve() == home if repo else is_near(home):
        return
    if not home.exists():
        raise ThreadError(
            f"the folder of {thread.thread}, {home}, is not there: bring it back, or "
            "add --repo DIR if it lies elsewhere now"
        )
    raise ThreadError(
        f"{thread.thread} belongs to another folder: go to {home}, or add --repo {home}"
    )


@contextmanager
def _stoppable(handle: Run, view: LiveView) -> Iterator[None]:
    """First Ctrl-C: stop at the next checkpoint. Second, or the end of the terminal: stop now."""

    def on_interrupt(_signum: int, _frame: FrameType | None) -> None:
        if handle.stopping:
            raise KeyboardInterrupt
        handle.stop()
        view.notice("stopping after this step; Ctrl-C again stops at once")

    def on_end(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    handlers = {signal.SIGINT: on_interrupt, signal.SIGTERM: on_end, signal.SIGHUP: on_end}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(result: RunResult, view: LiveView, args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps(result.as_json()))
    else:
        view.ending(result)
    return result.exit_code
