"""The checkpoints of a thread, told from its events alone."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from graph_bench.bench import Bench, say

from greenloop.graph.history import Milestone, cut_off, later_notes, milestones, path
from greenloop.graph.rewind import rewind
from greenloop.state import Event

KEEP = "VERDICT: keep"


def event(step: int, seq: int, kind: str, node: str = "", **more: object) -> Event:
    row = Event(thread="t", step=step, seq=seq, node=node, kind=kind, at=float(10 * step + seq))
    return replace(row, **more)  # type: ignore[arg-type]


def node(step: int, name: str, *between: Event, changed: str = "") -> list[Event]:
    return [
        event(step, 0, "started", name),
        *between,
        event(step, 9, "finished", name, text=changed, tree=f"tree {step}"),
    ]


START = event(0, 0, "moved", text="start", tree="tree 0")


def numbers(found: tuple[Milestone, ...]) -> list[int]:
    return [each.number for each in found if each.on_line]


def test_a_line_for_every_checkpoint() -> None:
    found = milestones(
        [
            START,
            *node(1, "plan", event(1, 1, "tests", text="3 passed, 2 failed")),
            *node(
                2, "code", event(2, 1, "reply", tokens=70), event(2, 2, "refused", tokens=5),
                event(2, 3, "saved", text="put back: x", tree="tree x"), changed="a.py",
            ),
            *node(3, "test", event(3, 1, "tests", text="5 passed, 0 failed")),
        ]
    )  # fmt: skip
    assert [(each.number, each.kind, each.node) for each in found] == [
        (0, "start", ""), (1, "node", "plan"), (2, "node", "code"), (3, "node", "test"),
    ]  # fmt: skip
    code, test = found[2:]
    assert (code.text, code.tokens, code.seconds, code.tests, code.tree) == (
        "a.py", 75, 9.0, "", "tree 2",
    )  # fmt: skip
    assert [(note.text, note.tree) for note in code.notes] == [("put back: x", "tree x")]
    assert (test.tests_before, test.tests) == ("3 passed, 2 failed", "5 passed, 0 failed")
    assert [each.stands for each in found] == [False, False, False, True]


def test_what_happened_behind_a_checkpoint_comes_after_it() -> None:
    rows = [START, *node(1, "plan"), event(1, 10, "undo", tree="tree u")]
    (note,) = milestones(rows)[-1].later
    assert (note.kind, note.tree, milestones(rows)[-1].notes) == ("undo", "tree u", ())


def test_the_line_after_rewinds() -> None:
    rows = [START, *node(1, "plan"), *node(2, "code"), *node(3, "test")]
    rows += [event(4, 0, "moved", "code", text="rewound to 2", sender="2", tree="tree 2")]
    rows += node(5, "test")
    assert numbers(milestones(rows)) == [0, 1, 2, 4, 5]
    assert path(milestones(rows)) == ("plan", "code", "test")
    rows += [event(6, 0, "moved", "test", text="rewound to 3", sender="3", tree="tree 3")]
    found = milestones(rows)
    assert numbers(found) == [0, 1, 2, 3, 6]
    assert (found[-1].kind, found[-1].source, found[-1].stands) == ("rewind", "3", True)


def test_tests_before_are_those_of_the_line() -> None:
    rows = [
        START,
        *node(1, "plan", event(1, 1, "tests", text="0 passed, 9 failed")),
        *node(2, "test", event(2, 1, "tests", text="9 passed, 0 failed")),
        event(3, 0, "moved", "plan", text="rewound to 1", sender="1", tree="tree 1"),
        *node(4, "test", event(4, 1, "tests", text="5 passed, 4 failed")),
    ]
    assert milestones(rows)[-1].tests_before == "0 passed, 9 failed"


def test_a_node_that_was_cut_off() -> None:
    rows = [START, *node(1, "plan"), event(2, 0, "started", "code")]
    rows += [event(2, 1, "theirs", text="changed: b.py", tree="tree b")]
    found = milestones(rows)
    assert cut_off(rows, found) == "code"
    assert [note.text for note in later_notes(rows, found)] == ["changed: b.py"]
    assert cut_off(rows[:-2], found) == ""


def test_an_attempt_that_was_cut_does_not_count_in_the_time() -> None:
    rows = [START, event(1, 0, "started", "plan"), event(1, 5, "started", "plan")]
    rows += [event(1, 9, "finished", "plan")]
    assert milestones(rows)[-1].seconds == 4.0


def test_a_thread_of_an_old_version_and_one_without_checkpoints() -> None:
    old = [event(1, 0, "started", "plan"), event(1, 9, "finished", "plan", text="tree 1")]
    assert numbers(milestones(old)) == [1]
    assert milestones([]) == ()


def test_of_a_real_run(bench: Bench) -> None:
    bench.start("colours", say("red"), say("red", "blue"), KEEP)
    (thread,) = bench.storage.threads.all()
    (bench.folder / "mine.txt").write_text("mine\n")
    rewind(thread, bench.workspace(), bench.settings({}), bench.storage, 2)
    found = milestones(bench.events())
    assert [each.kind for each in found] == ["start", *["node"] * 7, "files", "rewind"]
    assert found[8].text == "your own changes: mine.txt"
    assert found[2].text == "answer.txt"
    assert all(each.tree for each in found)
    assert numbers(found) == [0, 1, 2, 9]


def test_three_thousand_steps_are_read_quickly() -> None:
    rows = [START]
    for step in range(1, 3001):
        rows += node(step, "code", *(event(step, n, "reply", tokens=1) for n in range(1, 9)))
    began = time.monotonic()
    assert len(milestones(rows)) == 3001
    assert time.monotonic() - began < 2


def test_no_langgraph_is_loaded() -> None:
    code = (
        "import sys; import greenloop.cli.history, greenloop.cli.diff; "
        "sys.exit(any(name.split('.')[0] == 'langgraph' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path("/")).returncode == 0
