"""The records behind all drawings, and what showing the graph may load."""

import subprocess
import sys

import pytest

from greenloop.graph.chart import Chart, duration, numbers
from greenloop.graph.drawing import Overlay
from greenloop.graph.edges import EDGES, END, NODES, START, Edge


def test_overlay_counts_visits_and_steps() -> None:
    overlay = Overlay(("plan", "code", "test", "code"), at="test")
    assert overlay.visits("code") == 2
    assert overlay.visits("review") == 0
    assert overlay.steps(START, "plan") == (1,)
    assert overlay.steps("test", "code") == (4,)
    assert overlay.steps("code", "test") == (3,)
    assert overlay.taken("code", "test") == 1


def test_edge_to_the_end_is_taken_once_the_thread_has_finished() -> None:
    assert Overlay(("plan", "done")).taken("done", END) == 1
    assert Overlay(("plan",), at="done").taken("done", END) == 0
    assert Overlay().taken("done", END) == 0


def test_a_jump_that_is_no_edge_counts_for_no_edge() -> None:
    overlay = Overlay(("plan", "review"))
    assert [e for e in EDGES if overlay.taken(e.source, e.target)] == [Edge(START, "plan")]


def test_back_edges_are_those_that_close_a_loop() -> None:
    assert Chart().back() == {("test", "code"), ("replan", "code")}
    loop = Chart((), (Edge("a", "a"), Edge("a", "b"), Edge("b", "c"), Edge("a", "c")))
    assert loop.back() == {("a", "a")}


def test_names_hold_nodes_that_only_an_edge_knows() -> None:
    names = Chart(NODES, (*EDGES, Edge("code", "ask"))).names()
    assert names == (*NODES, START, END, "ask")


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0.0 s"), (62.31, "62.3 s"), (900, "15 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("steps", "text"), [((), ""), ((1, 2, 3, 4), "1,2,3,4"), ((1, 3, 5, 7, 9), "1,3…9")]
)
def test_step_numbers(steps: tuple[int, ...], text: str) -> None:
    assert numbers(steps) == text


def test_drawing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from greenloop.graph.drawing import draw; draw('svg'); draw('ascii');"
        "print(sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'langgraph', 'langchain_core', 'rich', 'pydantic', 'httpx', 'jinja2'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
