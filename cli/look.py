"""The commands that only look: threads, show, graph, config show. None of them loads LangGraph."""

import argparse
import json
import shutil
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.lock import is_held
from greenloop.checkpoints.threads import Thread
from greenloop.config import load
from greenloop.graph.chart import Overlay
from greenloop.graph.storage import Storage, open_storage
from greenloop.state import Event

_FINISHED = ("green", "unsolved", "undone")


def threads(args: argparse.Namespace) -> int:
    """`greenloop threads`."""
    repo = Path(args.repo).resolve() if args.repo else None
    with _storage() as storage:
        found = [_as_it_stands(thread, storage) for thread in storage.threads.all(repo)]
    if args.json:
        print(json.dumps([_as_json(thread) for thread in found]))
    elif not found:
        print('no threads yet: start one with greenloop run "TASK"')
    else:
        width = max(len(thread.thread) for thread in found)
        for thread in found:
            print(
                f"{thread.thread:<{width}}  {thread.status:<11}  {_age(thread.updated):>10}  "
                f"{thread.repo}  {_short(thread.task)}"
            )
    return 0


def show(args: argparse.Namespace) -> int:
    """`greenloop show THREAD`: the run again, from its events."""
    from greenloop.cli.live import LiveView  # noqa: PLC0415

    with _storage() as storage:
        thread = _as_it_stands(storage.threads.find(args.thread), storage)
        print(f"{thread.thread}  {thread.status}")
        print(f"  task     {_short(thread.task, 300)}")
        print(f"  folder   {thread.repo}")
        print(f"  brain    {thread.model}")
        sys.stdout.flush()
        view = LiveView(storage.blobs, again=True, messages=args.messages)
        for event in read_events(storage.connection, thread.thread):
            view(event)
    return 0


def graph(args: argparse.Namespace) -> int:
    """`greenloop graph [THREAD]`."""
    from greenloop.graph.drawing import draw  # noqa: PLC0415

    overlay = None
    if args.thread:
        with _storage() as storage:
            thread = storage.threads.find(args.thread)
            overlay = overlay_of(thread, read_events(storage.connection, thread.thread))
    encoding = (sys.stdout.encoding or "ascii").lower()
    drawing = draw(
        args.format,
        overlay,
        width=min(100, shutil.get_terminal_size((80, 24)).columns),
        colour=sys.stdout.isatty(),
        ascii_only="utf" not in encoding,
    )
    print(drawing, end="")
    return 0


def overlay_of(thread: Thread, events: list[Event]) -> Overlay:
    """The path that a thread took, and where it stands."""
    started: dict[int, Event] = {e.step: e for e in events if e.kind == "started"}
    ended = {e.step: e for e in events if e.kind == "finished"}
    seconds: dict[str, float] = {}
    for step, event in ended.items():
        spent = event.at - started[step].at
        seconds[event.node] = seconds.get(event.node, 0.0) + spent
    path = tuple(ended[step].node for step in sorted(ended))
    return Overlay(path, _stands_at(thread, events, ended, started), thread.status, seconds)


def _stands_at(
    thread: Thread, events: list[Event], ended: dict[int, Event], started: dict[int, Event]
) -> str:
    if thread.status in _FINISHED:
        return ""
    half_done = [started[step].node for step in sorted(started) if step not in ended]
    if half_done:
        return half_done[-1]
    waiting = [event.text for event in events if event.kind == "waiting"]
    return waiting[-1] if waiting else ""


def config_show(args: argparse.Namespace) -> int:
    """`greenloop config show`."""
    loaded = load({}, Path(args.repo).resolve())
    values = loaded.settings.model_dump()
    if args.json:
        rows = {k: {"value": v, "origin": loaded.origins[k]} for k, v in values.items()}
        print(json.dumps(rows))
        return 0
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:<{width}}  {json.dumps(value):<22}  {loaded.origins[name]}")
    return 0


def _storage() -> AbstractContextManager[Storage]:
    return open_storage(load({}).settings.data)


def _as_it_stands(thread: Thread, storage: Storage) -> Thread:
    """A thread that says it runs, but whose process is gone, was killed."""
    if thread.status != "running" or is_held(storage.folder_lock(Path(thread.repo))):
        return thread
    return replace(thread, status="killed")


def _as_json(thread: Thread) -> dict[str, object]:
    return {
        "thread": thread.thread,
        "status": thread.status,
        "repo": thread.repo,
        "task": thread.task,
        "model": thread.model,
        "created": thread.created,
        "updated": thread.updated,
    }


def _short(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _age(then: float) -> str:
    seconds = max(0, int(time.time() - then))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
