"""The command `history`: the checkpoints of a thread, a line each. Loads no LangGraph."""

import argparse
import json
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.threads import ENDED, Thread
from greenloop.cli.look import as_it_stands
from greenloop.cli.program import again, program
from greenloop.cli.stores import stores
from greenloop.cli.words import age, short
from greenloop.graph.history import Milestone, Note, cut_off, later_notes, milestones
from greenloop.tools.text import printable

_WIDTH = 80
_WHAT = 39
"""Columns for what changed."""
_INDENT = 8
"""Columns before the words of a note."""
_ID = 8
"""Digits of a snapshot's id that are shown; `greenloop diff` takes them."""
_COUNTS = re.compile(r"(\d+) passed, (\d+) failed")
_HEAD = f"{'':8}{'node':<7} {'files, tests':<{_WHAT}}{'tokens':>7}{'time':>7}{'age':>8}"


def history(args: argparse.Namespace) -> int:
    """`greenloop history THREAD`."""
    with stores(args) as storage:
        thread = as_it_stands(storage.threads.find(args.thread), storage)
        events = read_events(storage.database, thread.thread)
    found = milestones(events)
    if args.json:
        print(json.dumps(_as_json(thread, found)))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    last = found[-1].number if found else 0
    waits = [event.text for event in events if event.kind == "waiting" and event.step == last]
    following = waits[-1] if waits else ""
    console.print(Text(printable(_title(thread, found, cut_off(events, found), following))))
    console.print(Text(_HEAD, "dim"))
    for each in found:
        for note in each.notes:
            console.print(_note(note))
        console.print(_row(each))
        for note in each.later:
            console.print(_note(note))
    for note in later_notes(events, found):
        console.print(_note(note))
    _legend(console, thread, found)
    return 0


def _title(thread: Thread, found: tuple[Milestone, ...], half_done: str, following: str) -> str:
    words = f"{thread.thread}  {thread.status}"
    if found:
        words += f" at {found[-1].number}"
    if half_done and thread.status in ("running", "killed"):
        words += f", in {half_done}"
    elif following and thread.status not in ENDED:
        words += f", next is {following}"
    if thread.parent:
        words += f"\n  fork of {thread.parent} at {thread.parent_step}"
    return words


def _row(each: Milestone) -> Text:
    mark = "*" if each.stands else " " if each.on_line else "-"
    label, what = _label(each)
    tokens = f"{each.tokens}" if each.tokens else ""
    seconds = f"{each.seconds:.1f} s" if each.seconds else ""
    line = (
        f"{mark} {each.number:>4}  {label:<7} {short(what, _WHAT - 1):<{_WHAT}}"
        f"{tokens:>7}{seconds:>7}{age(each.at).removesuffix(' ago'):>8}"
    )
    style = "bold" if each.stands else "" if each.on_line else "dim"
    return Text(printable(line.rstrip()), style)


def _label(each: Milestone) -> tuple[str, str]:
    """A word for what made the checkpoint, and what it brought."""
    if each.kind == "node":
        tests = _tests(each.tests_before, each.tests) if each.tests else ""
        return each.node, "; ".join(filter(None, (tests, each.text)))
    if each.kind == "rewind":
        return "rewind", f"to {each.source}"
    if each.kind == "fork":
        return "fork", each.text.removeprefix("fork ")
    return each.kind, each.text if each.kind == "files" else ""


def _tests(before: str, now: str) -> str:
    """Before and after in few words, such as `3 → 5 passed, 2 → 0 failed`."""
    then, counts = _COUNTS.match(before), _COUNTS.match(now)
    if not then or not counts or before == now:
        return now
    parts = zip(then.groups(), counts.groups(), ("passed", "failed"), strict=True)
    return ", ".join(f"{a} {word}" if a == b else f"{a} → {b} {word}" for a, b, word in parts)


def _note(note: Note) -> Text:
    kept = f" ({note.tree[:_ID]})" if note.tree and note.kind != "answered" else ""
    words = {"undo": "undone; what was there is kept"}.get(note.kind, note.text)
    room = _WIDTH - _INDENT - 2 - len(kept)
    return Text(printable(f"{'':{_INDENT}}· {short(words, room)}{kept}"), "dim")


def _legend(console: Console, thread: Thread, found: tuple[Milestone, ...]) -> None:
    folder = Path(thread.repo)
    if not all(each.on_line for each in found):
        console.print(Text("  - is off the present line: a rewind went back before it", "dim"))
    name = thread.thread
    for label, command in (
        ("go back", again("rewind", name, folder, "--to N")),
        ("compare", f"{program()} diff {name} A B"),
        ("branch", again("fork", name, folder, "--from N")),
    ):
        console.print(Text(f"  {label:<8} {command}"))


def _as_json(thread: Thread, found: tuple[Milestone, ...]) -> dict[str, object]:
    return {
        "thread": thread.thread,
        "status": thread.status,
        "parent": thread.parent,
        "parent_step": thread.parent_step,
        "checkpoints": [each.as_json() for each in found],
    }
