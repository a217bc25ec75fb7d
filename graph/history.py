"""The checkpoints of a thread as its events tell them; LangGraph is not loaded for that.

The numbers only go up. A rewind is a further checkpoint, so the way that led to where the thread
stands now, its line, may leave some of them out.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any, Literal

from greenloop.checkpoints.events import CHECKPOINTS
from greenloop.state import Event

Kind = Literal["node", "start", "rewind", "fork", "files"]

FILES = "files"
"""Sender of the event of a checkpoint that holds files as somebody else left them."""
FORK_MARK = "@"
"""Between thread and number in the sender of a fork's first event."""
_NOTED = ("saved", "theirs", "undo", "asked", "answered", "failed")
_COUNTED = ("reply", "refused")


@dataclass(frozen=True, slots=True)
class Note:
    """Something between two checkpoints, such as files that were kept."""

    kind: str
    text: str
    tree: str
    """Snapshot that it names; empty for none."""
    at: float


@dataclass(frozen=True, slots=True)
class Milestone:
    """One checkpoint of a thread."""

    number: int
    kind: Kind
    node: str
    """The node that made it, or as which the thread stands after a move; empty for none."""
    text: str
    """The files that a node changed; the words of a move."""
    source: str
    """Number that was rewound to, or `THREAD@NUMBER` that was forked; else empty."""
    tree: str
    """Snapshot of the files; empty for threads of old versions."""
    tests: str
    """What the tests said in this super-step; empty where none ran."""
    tests_before: str
    """What they had said last on the way here."""
    tokens: int
    seconds: float
    at: float
    """Seconds since the epoch, UTC."""
    on_line: bool
    """Whether it lies on the way to where the thread stands."""
    stands: bool
    """Whether the thread stands here."""
    notes: tuple[Note, ...]
    """What happened while it was made."""
    later: tuple[Note, ...]
    """What happened behind it, before the next node began."""

    def as_json(self) -> dict[str, Any]:
        """The record for `--json`."""
        return asdict(self)


def milestones(events: list[Event]) -> tuple[Milestone, ...]:
    """The checkpoints of a thread, by number.

    Args:
        events: all of the thread, in order.
    """
    rows: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        rows[event.step].append(event)
    made = {
        step: [event for event in of_step if event.kind in CHECKPOINTS][-1]
        for step, of_step in sorted(rows.items())
        if any(event.kind in CHECKPOINTS for event in of_step)
    }
    line = _line(made)
    found: list[Milestone] = []
    tests: dict[int, str] = {}
    for number, event in made.items():
        parent = _parent(made, number)
        before = tests.get(parent, "") if parent is not None else ""
        now = _last_text(rows[number], "tests")
        tests[number] = now or before
        found.append(
            Milestone(
                number=number,
                kind=_kind(event),
                node=event.node,
                text=event.text,
                source=event.sender if _kind(event) in ("rewind", "fork") else "",
                tree=event.tree,
                tests=now,
                tests_before=before if now else "",
                tokens=sum(each.tokens for each in rows[number] if each.kind in _COUNTED),
                seconds=_seconds(rows[number], event),
                at=event.at,
                on_line=number in line,
                stands=number == max(made),
                notes=_notes([each for each in rows[number] if each.seq < event.seq]),
                later=_notes([each for each in rows[number] if each.seq > event.seq]),
            )
        )
    return tuple(found)


def path(found: tuple[Milestone, ...]) -> tuple[str, ...]:
    """Nodes on the way to where the thread stands."""
    return tuple(each.node for each in found if each.on_line and each.kind == "node")


def cut_off(events: list[Event], found: tuple[Milestone, ...]) -> str:
    """The node that was at work behind the last checkpoint; empty for none."""
    last = found[-1].number if found else -1
    started = [e.node for e in events if e.kind == "started" and e.step > last]
    return started[-1] if started else ""


def later_notes(events: list[Event], found: tuple[Milestone, ...]) -> tuple[Note, ...]:
    """What happened in a super-step that has made no checkpoint yet."""
    last = found[-1].number if found else -1
    return _notes([event for event in events if event.step > last])


def _line(made: dict[int, Event]) -> set[int]:
    """Numbers on the way to the last one."""
    line: set[int] = set()
    at = max(made, default=None)
    while at is not None:
        line.add(at)
        at = _parent(made, at)
    return line


def _parent(made: dict[int, Event], number: int) -> int | None:
    """The checkpoint from which this one goes on; always a lower number."""
    event = made[number]
    if _kind(event) == "rewind":
        return int(event.sender)
    return number - 1 if number - 1 in made else None


def _kind(event: Event) -> Kind:
    if event.kind == "finished":
        return "node"
    if event.sender == FILES:
        return "files"
    if event.sender.isdecimal():
        return "rewind"
    return "fork" if FORK_MARK in event.sender else "start"


def _last_text(rows: list[Event], kind: str) -> str:
    return next((event.text for event in reversed(rows) if event.kind == kind), "")


def _seconds(rows: list[Event], end: Event) -> float:
    """From the last start of the node; one that a kill cut does not count."""
    started = [event.at for event in rows if event.kind == "started"]
    return max(0.0, end.at - started[-1]) if started and end.kind == "finished" else 0.0


def _notes(rows: list[Event]) -> tuple[Note, ...]:
    return tuple(
        Note(event.kind, event.text, event.tree, event.at) for event in rows if event.kind in _NOTED
    )
