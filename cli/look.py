"""The commands that only look: threads, show, graph, config show. None of them loads LangGraph."""

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from greenloop.checkpoints.databases.postgres_address import without_password
from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.lock import is_held
from greenloop.checkpoints.threads import Thread
from greenloop.cli.program import shown
from greenloop.cli.stores import stores
from greenloop.cli.words import age, short
from greenloop.config import load
from greenloop.graph.chart import Overlay
from greenloop.graph.history import Milestone, cut_off, milestones, path
from greenloop.graph.storage import Storage
from greenloop.state import Event
from greenloop.tools.text import printable

_TASK = 60
"""Columns for a task where there is no terminal."""
_LEAST_OF_TASK = 10
"""Columns below which the beginning of a task says nothing."""
_FINISHED = ("green", "unsolved", "undone")


def threads(args: argparse.Namespace) -> int:
    """`greenloop threads`."""
    repo = Path(args.repo).resolve() if args.repo else None
    with stores(args) as storage:
        found = [as_it_stands(thread, storage) for thread in storage.threads.all(repo)]
        if args.sizes:
            from greenloop.cli.sizes import print_sizes  # noqa: PLC0415

            print_sizes(storage, found, as_json=args.json)
            return 0
    if args.json:
        print(json.dumps([_as_json(thread) for thread in found]))
    elif found:
        _list(found)
    elif repo:
        print(printable(f"no thread in {repo}: `greenloop threads` without --repo lists all"))
    else:
        print('no threads yet: start one with greenloop run "TASK"')
    return 0


def _list(found: list[Thread]) -> None:
    """A line for each thread; in a terminal the task is cut to what is left of the line."""
    columns = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 0
    places = [shown(Path(each.repo)) if columns else each.repo for each in found]
    name, place = max(len(each.thread) for each in found), max(map(len, places))
    for each, folder in zip(found, places, strict=True):
        row = (
            f"{each.thread:<{name}}  {each.status:<11}  {age(each.updated):>10}  "
            f"{folder:<{place}}  "
        )
        room = columns - len(row) if columns else _TASK
        task = short(each.task, room) if room >= _LEAST_OF_TASK else ""
        print(printable(f"{row}{task}".rstrip()))


def show(args: argparse.Namespace) -> int:
    """`greenloop show THREAD`: the run again, from its events."""
    from greenloop.cli.live import LiveView  # noqa: PLC0415

    with stores(args) as storage:
        thread = as_it_stands(storage.threads.find(args.thread), storage)
        print(f"{thread.thread}  {thread.status}")
        print(f"  task     {short(thread.task, 300)}")
        print(f"  folder   {thread.repo}")
        print(f"  brain    {thread.model}")
        if thread.parent:
            print(f"  fork of  {thread.parent} at {thread.parent_step}")
        sys.stdout.flush()
        view = LiveView(storage.blobs, again=True, messages=args.messages)
        for event in read_events(storage.database, thread.thread):
            view(event)
    return 0


def graph(args: argparse.Namespace) -> int:
    """`greenloop graph [THREAD]`."""
    from greenloop.graph.drawing import draw  # noqa: PLC0415

    overlay = None
    if args.thread:
        with stores(args) as storage:
            thread = storage.threads.find(args.thread)
            overlay = overlay_of(thread, read_events(storage.database, thread.thread))
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
    """The way that led to where a thread stands, and where that is.

    What a rewind has left behind is no part of it.
    """
    found = milestones(events)
    seconds: dict[str, float] = {}
    for each in found:
        if each.on_line and each.kind == "node":
            seconds[each.node] = seconds.get(each.node, 0.0) + each.seconds
    return Overlay(path(found), _stands_at(thread, events, found), thread.status, seconds)


def _stands_at(thread: Thread, events: list[Event], found: tuple[Milestone, ...]) -> str:
    if thread.status in _FINISHED:
        return ""
    half_done = cut_off(events, found)
    if half_done:
        return half_done
    waiting = [event.text for event in events if event.kind == "waiting"]
    return waiting[-1] if waiting else ""


def config_show(args: argparse.Namespace) -> int:
    """`greenloop config show`."""
    loaded = load({}, Path(args.repo).resolve())
    values = loaded.settings.model_dump()
    values["store"] = without_password(loaded.settings.store)
    if args.json:
        rows = {k: {"value": v, "origin": loaded.origins[k]} for k, v in values.items()}
        print(json.dumps(rows))
        return 0
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:<{width}}  {json.dumps(value):<22}  {loaded.origins[name]}")
    return 0


def as_it_stands(thread: Thread, storage: Storage) -> Thread:
    """A thread that says it runs, but whose process is gone, was killed."""
    if thread.status != "running" or storage.database.is_held(thread.thread):
        return thread
    if is_held(storage.folder_lock(Path(thread.repo))):  # it is just beginning, or ending
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
