"""The drawing for terminals: every edge can be followed, in any width and any encoding."""

import re

import pytest

from greenloop.graph.chart import Chart, Overlay
from greenloop.graph.draw_ascii import Paper, draw_ascii
from greenloop.graph.drawing import draw
from greenloop.graph.edges import EDGES, NODES, START, Edge

STEPS = {"│": (1, -1), "┐": (1,), "┘": (-1,), "┤": (1, -1)}
WALK = ("plan", "code", "test", "code", "test", "replan", "code")
OVERLAY = Overlay(WALK, "test", "running", {"code": 45.12, "test": 700.0})


def _rows_of_boxes(lines: list[str]) -> dict[int, str]:
    """The node on each row that is inside its box, or that is a bare end."""
    found: dict[int, str] = {}
    for top, line in enumerate(lines):
        if bare := re.match(r" *\( (start|end) \)", line):
            found[top] = f"__{bare[1]}__"
        if not line.startswith("┌"):
            continue
        name = next(iter(re.findall(r"[a-z]+", lines[top + 1])))
        row = top + 1
        while not lines[row].startswith("└"):
            found[row] = name
            row += 1
    return found


def _upright(lines: list[str], row: int, column: int, way: int) -> set[int]:
    """Rows that a lane reaches from `row`, going one way until its corner."""
    rows: set[int] = set()
    while True:
        row += way
        char = lines[row][column]
        if char != "│":
            rows.add(row)
        if way not in STEPS[char]:
            return rows


def _followed(lines: list[str], row: int) -> set[int]:
    """Rows with an arrow that the line out of this row leads to."""
    column = max(i for i, char in enumerate(lines[row]) if char in "┐┘┤" and _lit(lines, row, i))
    char = lines[row][column]
    reached = set().union(*(_upright(lines, row, column, way) for way in STEPS[char]))
    return {r for r in reached if "◀" in lines[r] and _end(lines, r) == column}


def _lit(lines: list[str], row: int, column: int) -> bool:
    return lines[row][column - 1] == "─"


def _end(lines: list[str], row: int) -> int:
    return max(i for i, char in enumerate(lines[row]) if char in "┐┘┤" and _lit(lines, row, i))


def _read(lines: list[str]) -> set[tuple[str, str]]:
    """The edges as an eye would find them: by following the lines."""
    node_at = _rows_of_boxes(lines)
    edges = set()
    for row, node in node_at.items():
        if "├" in lines[row]:
            (entry,) = _followed(lines, row)
            edges.add((node, node_at[entry]))
    order = sorted(node_at)
    for row, line in enumerate(lines):
        if line.strip()[:1] == "▼":
            above = node_at[max(r for r in order if r < row)]
            edges.add((above, node_at[min(r for r in order if r > row)]))
    return edges


@pytest.mark.parametrize("overlay", [None, OVERLAY])
def test_lines_can_be_followed_from_each_node_to_its_targets(overlay: Overlay | None) -> None:
    lines = draw_ascii(Chart(), overlay, Paper(80)).partition("\n\n1 plan")[0].split("\n")
    assert _read(lines) == {(edge.source, edge.target) for edge in EDGES}


@pytest.mark.parametrize("overlay", [None, OVERLAY])
@pytest.mark.parametrize("width", [80, 60, 40])
def test_is_never_wider_than_the_terminal(width: int, overlay: Overlay | None) -> None:
    lines = draw("ascii", overlay, width=width).splitlines()
    assert max(map(len, lines)) <= width


def test_every_label_is_there_in_every_width() -> None:
    for width in (80, 40):
        text = draw("ascii", width=width)
        assert [e.label for e in EDGES if e.label not in text] == []


def test_narrow_terminal_gets_each_edge_as_a_line() -> None:
    lines = draw("ascii", width=40).splitlines()
    assert "├─ next step, repair ─▶ code ↺" in lines
    assert "└─▶ end" in lines
    assert sum("─▶" in line for line in lines) == len(EDGES)


def test_seven_bit_drawing_has_the_same_shape() -> None:
    plain = draw("ascii", OVERLAY, ascii_only=True)
    assert plain.isascii()
    assert "(back)" in plain
    assert "1 plan -> 2 code -> 3 test" in plain


def test_colour_adds_only_codes() -> None:
    coloured = draw("ascii", OVERLAY, colour=True)
    assert "\x1b[1;33m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == draw("ascii", OVERLAY)
    assert "\x1b" not in draw("ascii", OVERLAY)


def test_overlay_shows_visits_place_seconds_and_the_numbered_path() -> None:
    text = draw("ascii", OVERLAY)
    assert "code ×3" in text
    assert "● test ×2" in text
    assert "45.1 s" in text
    assert "12 min" in text
    assert "review ×" not in text
    assert "next step, repair ↺ ×1" in text
    assert "edited ×2" in text
    assert "1 plan → 2 code → 3 test → 4 code → 5 test → 6 replan → 7 code → ● test" in text
    assert text.endswith("status: running · 12 min\n")


def test_long_path_wraps_between_steps() -> None:
    overlay = Overlay(("plan", *("code", "test") * 20))
    text = draw("ascii", overlay, width=60)
    path = text[text.index("\n1 plan") + 1 :]
    assert [int(n) for n in re.findall(r"(\d+) \w+", path)] == list(range(1, 42))
    assert max(map(len, path.splitlines())) <= 60


def test_unknown_node_is_drawn_like_the_others() -> None:
    edges = (*EDGES, Edge("review", "ask", "unsure"), Edge("ask", "code", "answered"))
    lines = draw_ascii(Chart(NODES, edges), None, Paper(80)).rstrip("\n").split("\n")
    assert _read(lines) == {(edge.source, edge.target) for edge in edges}


def test_an_end_with_several_edges_gets_a_box() -> None:
    edges = (*EDGES, Edge(START, "test", "tests first"))
    lines = draw_ascii(Chart(NODES, edges), None, Paper(80)).split("\n")
    assert lines[0].startswith("┌")
    assert "start" in lines[1]
    assert "tests first" in lines[1]
