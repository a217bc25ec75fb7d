"""The commands that bring back what was: rewind, restore, and fork, which runs on at once."""

import argparse
import dataclasses
import json
import shlex
from contextlib import ExitStack
from pathlib import Path

from greenloop.checkpoints.snapshots.store import Change
from greenloop.checkpoints.threads import Thread
from greenloop.cli import work
from greenloop.cli.flags import settings_flags
from greenloop.cli.parser import build_parser
from greenloop.cli.program import again, program, shown
from greenloop.cli.stores import stores
from greenloop.config import prepare_process
from greenloop.errors import ConfigError
from greenloop.graph.brain import choose
from greenloop.graph.fork import Forked, empty_folder
from greenloop.graph.fork import fork as fork_thread
from greenloop.graph.fork_edit import Edit, read_plan
from greenloop.graph.restore import restore_files
from greenloop.graph.rewind import Rewound
from greenloop.graph.rewind import rewind as rewind_thread
from greenloop.tools.files import Workspace
from greenloop.tools.runner.command import own_environments
from greenloop.tools.text import printable

_OF_RUN = ("model", "test_cmd", "budget", "set", "record", "replay", "json", "store")
"""What a fork passes on to the run of it."""
_LISTED = 20
"""Files named in a list."""


def rewind(args: argparse.Namespace) -> int:
    """`greenloop rewind THREAD --to N`."""
    prepare_process()
    with (
        stores(args) as storage,
        work.placed(storage.threads.find(args.thread), storage, args) as thread,
    ):
        workspace = Workspace(Path(thread.repo))
        settings = work.settings_of(thread, {}, workspace.root)
        # Should a file resist, nothing may be on record yet that a resume could complete.
        args.started, args.resume_with = (
            thread.thread,
            again("rewind", thread.thread, workspace.root, f"--to {args.to}"),
        )
        done = rewind_thread(thread, workspace, settings, storage, args.to)
    if args.json:
        print(json.dumps({"thread": thread.thread, **dataclasses.asdict(done)}))
    elif done.number == done.back:
        print(f"{thread.thread} stands at {done.number} already, and so do its files")
    else:
        _say_rewound(thread, done, args.to)
    return 0


def fork(args: argparse.Namespace) -> int:
    """`greenloop fork THREAD --from N`."""
    prepare_process()
    edit = _edit(args)
    flags = settings_flags(args)
    with ExitStack() as held:
        storage = held.enter_context(stores(args))
        parent = storage.threads.find(args.thread)
        if args.into is None:
            parent = held.enter_context(work.placed(parent, storage, args))
        home = Path(parent.repo)
        settings = work.settings_of(parent, flags, home)
        if not args.hold and not args.replay:
            settings = choose(settings, explicit=True).settle(settings)
        folder = (
            empty_folder(Path(args.into), parent, storage.root) if args.into is not None else home
        )
        own = own_environments(home) if folder != home and not settings.venv else []
        settings = settings.model_copy(update={"venv": str(own[0])} if own else {})
        made = fork_thread(parent, args.start, edit, Workspace(folder), settings, storage)
    if args.hold and args.json:
        print(json.dumps(_as_json(made)))
    elif not args.json:
        _say_forked(parent, made, args)
    if args.hold:
        return 0
    # Should the run of it end in an error, the fork is there and can be resumed.
    name = made.thread.thread
    args.started, args.resume_with = name, again("resume", name, folder)
    return work.resume(_going_on(args, made.thread.thread, folder))


def restore(args: argparse.Namespace) -> int:
    """`greenloop restore THREAD AT PATH...`."""
    prepare_process()
    with (
        stores(args) as storage,
        work.placed(storage.threads.find(args.thread), storage, args) as thread,
    ):
        workspace = Workspace(Path(thread.repo))
        done = restore_files(thread, workspace, storage, args.point, args.paths)
    if args.json:
        print(json.dumps({"thread": thread.thread, **dataclasses.asdict(done)}))
    elif not done.changed:
        print(f"nothing to restore: the files are as they were at {done.side.point}")
    else:
        _list(done.changed)
        back = f"{done.kept[:12]} {shlex.join(args.paths)}"
        print(f"  back      {again('restore', thread.thread, workspace.root, back)}")
    return 0


def _going_on(args: argparse.Namespace, thread: str, folder: Path) -> argparse.Namespace:
    """The words of a resume with what was said of the run."""
    words = ["resume", thread, "--repo", str(folder), "--files", "restore"]
    resumed = build_parser().parse_args(words)
    for name in _OF_RUN:
        setattr(resumed, name, getattr(args, name))
    return resumed


def _edit(args: argparse.Namespace) -> Edit:
    """What the user changes of the state; those words are taken out of `--set`.

    Raises:
        ConfigError: the file of the plan cannot be read.
        UserError: it holds no step.
    """
    steps: tuple[str, ...] = ()
    feedback, rest = "", []
    for pair in args.set:
        name, equals, value = pair.partition("=")
        if name == "plan" and value.startswith("@"):
            steps = read_plan(_text(value[1:]))
        elif name == "feedback" and equals:
            feedback = value
        else:
            rest.append(pair)
    args.set = rest
    if args.task is not None and not args.task.strip():
        raise ConfigError("--task is empty: say what is to be done, or leave --task out")
    if args.task and (steps or feedback):
        raise ConfigError("another task begins with a plan of its own: leave --set plan, feedback")
    return Edit(args.task or "", steps, feedback)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the plan from {path}: {why}; name another file") from error


def _say_rewound(thread: Thread, done: Rewound, to: int) -> None:
    name, folder = thread.thread, Path(thread.repo)
    print(f"{name} is as it was at {to}: that is checkpoint {done.number} now")
    _list(done.changed)
    if done.own:
        print(f"  kept      what you had, as checkpoint {done.back}: {_few(done.own)}")
    if done.status != "green":
        print(f"  go on     {again('resume', name, folder)}")
    print(f"  back      {again('rewind', name, folder, f'--to {done.back}')}")


def _say_forked(parent: Thread, made: Forked, args: argparse.Namespace) -> None:
    name, folder = made.thread.thread, Path(made.thread.repo)
    print(f"{name} is a fork of {parent.thread} at {args.start}")
    if args.into:
        print(f"  files     in {shown(folder)}, without git's history")
        if made.thread.settings.get("venv"):
            print(f"  tests     with {made.thread.settings['venv']}")
    else:
        _list(made.changed)
    if made.set_aside:
        print(f"  kept      {_few(made.set_aside)}: an undo brings back what you had")
    if args.hold:
        print(f"  go on     {again('resume', name, folder)}")
    print(f"  compare   {program()} diff {name} parent")
    if not args.into:
        print(f"  undo      {again('undo', name, folder)}")


def _list(changes: tuple[Change, ...]) -> None:
    for change in changes[:_LISTED]:
        verb = "removed" if change.kind == "deleted" else "restored"
        print(f"  {verb:<8}  {_in_line(change.path)}")
    if len(changes) > _LISTED:
        print(f"  and       {len(changes) - _LISTED} more")


def _few(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(map(_in_line, paths[:5])) + more


def _in_line(path: str) -> str:
    """A name cannot pass for a line of ours."""
    return printable(path).replace("\n", "\\n")


def _as_json(made: Forked) -> dict[str, object]:
    thread = made.thread
    return {
        "thread": thread.thread,
        "parent": thread.parent,
        "parent_step": thread.parent_step,
        "repo": thread.repo,
        "status": thread.status,
        "next": made.next,
        "set_aside": list(made.set_aside),
        "changed": [change.path for change in made.changed],
    }
