"""The drawing as SVG: complete, and with words that keep clear of boxes and of one another."""

from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest

from greenloop.graph.chart import Chart, Overlay
from greenloop.graph.draw_routes import LABEL_SIZE, lay_out, text_width
from greenloop.graph.draw_svg import draw_svg
from greenloop.graph.drawing import draw
from greenloop.graph.edges import EDGES, END, NODES, START, Edge

SVG = "{http://www.w3.org/2000/svg}"
WALK = ("plan", "code", "test", "code", "test", "replan", "code")
OVERLAY = Overlay(WALK, "test", "running <&>", {"code": 3.0})
Area = tuple[float, float, float, float]


def _parsed(overlay: Overlay | None = None, chart: Chart | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(draw_svg(chart or Chart(), overlay))


def _of_class(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (e for e in root.iter() if name in e.get("class", "").split())


def _words(root: ElementTree.Element) -> list[tuple[str, Area]]:
    """The labels of edges and the area of each, from its baseline."""
    found = []
    for text in _of_class(root, "label"):
        x, y, wide = float(text.get("x", "")), float(text.get("y", "")), text.text or ""
        width = text_width(wide, LABEL_SIZE)
        left = x if "beside" in text.get("class", "") else x - width / 2
        found.append((wide, (left, y - LABEL_SIZE * 0.8, left + width, y + LABEL_SIZE * 0.25)))
    return found


def _areas(root: ElementTree.Element, kind: str) -> list[Area]:
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if kind in rect.get("class", "").split():
            x, y, width, height = (float(rect.get(k, "")) for k in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def _meet(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _segments(chart: Chart | None = None) -> list[tuple[Edge, Area]]:
    found = []
    for route in lay_out(chart or Chart()).routes:
        for (x1, y1), (x2, y2) in zip(route.points, route.points[1:], strict=False):
            found.append((route.edge, (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))))
    return found


def test_every_edge_and_every_node_is_there_once() -> None:
    root = _parsed()
    edges = [e.get("data-edge") for e in root.iter() if e.get("data-edge")]
    assert edges == [f"{e.source}->{e.target}" for e in EDGES]
    nodes = [e.get("data-node") for e in root.iter() if e.get("data-node")]
    assert sorted(filter(None, nodes)) == sorted((*NODES, START, END))
    assert [text for text, _ in _words(root)] == [e.label for e in EDGES if e.label]


@pytest.mark.parametrize("overlay", [None, OVERLAY])
def test_labels_keep_clear_of_boxes_numbers_and_one_another(overlay: Overlay | None) -> None:
    root = _parsed(overlay)
    words = _words(root)
    assert [(a[0], b[0]) for a, b in combinations(words, 2) if _meet(a[1], b[1])] == []
    boxes = _areas(root, "node") + _areas(root, "pill")
    assert len(_areas(root, "node")) >= len(NODES)
    assert [text for text, area in words if any(_meet(area, box) for box in boxes)] == []


def test_no_line_runs_through_a_label_or_a_box() -> None:
    segments = _segments()
    words = [area for _, area in _words(_parsed())]
    struck = [edge for edge, line in segments if any(_meet(line, area) for area in words)]
    assert struck == []
    boxes = _areas(_parsed(), "node")
    assert [edge for edge, line in segments if any(_meet(line, box) for box in boxes)] == []


def _touching(segments: list[tuple[Edge, Area]]) -> list[tuple[Edge, Edge]]:
    return [
        (one, other)
        for (one, a), (other, b) in combinations(segments, 2)
        if one != other and a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
    ]


def test_no_two_lines_cross_or_touch() -> None:
    assert _touching(_segments()) == []


def test_a_new_way_back_nests_inside_the_deeper_ones() -> None:
    # It has to cross the line from test down to replan, which it runs beneath, and no other.
    more = Edge("review", "code", "skip back")
    touching = _touching(_segments(Chart(NODES, (*EDGES, more))))
    assert {(e.source, e.target) for pair in touching for e in pair} == {
        ("review", "code"),
        ("test", "replan"),
    }


@pytest.mark.parametrize("overlay", [None, OVERLAY])
def test_all_stays_within_the_picture(overlay: Overlay | None) -> None:
    root = _parsed(overlay)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
    inside = [line for _, line in _segments()] + [area for _, area in _words(root)]
    inside += _areas(root, "node") + _areas(root, "pill")
    assert all(a > 0 and b > 0 and c < width and d < height for a, b, c, d in inside)


def test_overlay_counts_numbers_and_rings() -> None:
    root = _parsed(OVERLAY)
    nodes = {e.get("data-node"): list(e) for e in root.iter() if e.get("data-node")}
    words = {name: [c.text for c in parts if c.text] for name, parts in nodes.items()}
    assert words["code"] == ["code", "3.0 s", "×3"]
    assert words["test"] == ["test", "×2"]
    assert words["review"] == ["review"]
    ringed = [n for n, parts in nodes.items() if any(c.get("class") == "ring" for c in parts)]
    assert ringed == ["test"]
    numbers = [e.text for e in _of_class(root, "number") if not (e.text or "").startswith("×")]
    assert sorted(filter(None, numbers)) == ["1", "2", "3,5", "4", "6", "7"]
    assert [e.text for e in _of_class(root, "status")] == ["running <&> · 7 steps · 3.0 s"]


def test_taken_edges_stand_out_and_loops_are_dashed() -> None:
    lines = [e for e in _parsed(OVERLAY).iter() if e.get("data-edge")]
    taken = {e.get("data-edge") for e in lines if "taken" in e.get("class", "")}
    assert taken == {
        "__start__->plan",
        "plan->code",
        "code->test",
        "test->code",
        "test->replan",
        "replan->code",
    }
    dashed = {e.get("data-edge") for e in lines if "back" in e.get("class", "")}
    assert dashed == {"test->code", "replan->code"}


def test_many_steps_on_one_edge_are_cut() -> None:
    root = _parsed(Overlay(("plan", *("code", "test") * 20)))
    assert "3,5…41" in [e.text for e in _of_class(root, "number")]


def test_is_the_same_every_time_and_holds_nothing_from_elsewhere() -> None:
    text = draw("svg", OVERLAY)
    assert text == draw("svg", OVERLAY)
    assert text.count("http") == 1
    assert 'xmlns="http://www.w3.org/2000/svg"' in text
    assert "<script" not in text


def test_unknown_nodes_and_loops_on_one_node_are_drawn_below() -> None:
    more = (Edge("review", "ask", "unsure"), Edge("ask", "code"), Edge("ask", "ask", "again"))
    chart = Chart(NODES, (*EDGES, *more))
    root = _parsed(None, chart)
    edges = {e.get("data-edge") for e in root.iter() if e.get("data-edge")}
    assert {"review->ask", "ask->code", "ask->ask"} <= edges
    places = lay_out(chart).places
    assert places["ask"].y > places["replan"].foot
    height = float(root.get("height", ""))
    assert all(place.foot < height for place in places.values())
