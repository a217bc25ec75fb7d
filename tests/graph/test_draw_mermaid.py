"""The drawing as Mermaid text."""

import re

from greenloop.graph.chart import Chart, Overlay
from greenloop.graph.draw_mermaid import draw_mermaid
from greenloop.graph.drawing import draw
from greenloop.graph.edges import EDGES, NODES, Edge

EDGE = re.compile(r'^    (\w+) (-->|-\.->)(?:\|"([^"]*)"\|)? (\w+)$', re.MULTILINE)
WALK = ("plan", "code", "test", "code", "test", "review", "done")


def test_each_edge_is_there_once_with_its_label() -> None:
    text = draw("mermaid")
    assert text.startswith("flowchart TD\n")
    found = [(source, target, label) for source, _, label, target in EDGE.findall(text)]
    assert found == [(e.source, e.target, e.label) for e in EDGES]


def test_each_node_is_declared_once_and_the_ends_are_round() -> None:
    text = draw("mermaid")
    assert re.findall(r'^    (\w+)\["', text, re.MULTILINE) == list(NODES)
    assert '    __start__(["start"])\n' in text
    assert '    __end__(["end"])\n' in text


def test_loops_are_dotted() -> None:
    dotted = {(s, t) for s, arrow, _, t in EDGE.findall(draw("mermaid")) if arrow == "-.->"}
    assert dotted == {("test", "code"), ("replan", "code")}


def test_overlay_counts_numbers_and_classes() -> None:
    text = draw("mermaid", Overlay(WALK, status="green", seconds={"code": 4.0}))
    assert 'code["code ×2<br/>4.0 s"]' in text
    assert 'code -->|"edited (3,5)"| test' in text
    assert '__start__ -->|"(1)"| plan' in text
    assert "class plan,code,test,review,done visited" in text
    assert "current" not in text.replace("classDef current", "")
    assert "%% status: green" in text


def test_taken_edges_are_styled_by_their_place_in_the_text() -> None:
    text = draw("mermaid", Overlay(WALK))
    (styled,) = re.findall(r"linkStyle ([\d,]+) ", text)
    pairs = [(s, t) for s, _, _, t in EDGE.findall(text)]
    assert {pairs[int(i)] for i in styled.split(",")} == {
        ("__start__", "plan"),
        ("plan", "code"),
        ("code", "test"),
        ("test", "code"),
        ("test", "review"),
        ("review", "done"),
        ("done", "__end__"),
    }


def test_node_where_the_thread_stands_is_marked() -> None:
    text = draw("mermaid", Overlay(("plan",), at="code"))
    assert 'code["● code"]' in text
    assert "class code current" in text
    assert "class plan visited" in text


def test_words_of_the_grammar_and_special_characters_are_safe() -> None:
    chart = Chart((), (Edge("end", "a b", 'say "<#1>"'),))
    text = draw_mermaid(chart)
    assert 'n_end["end"]' in text
    assert 'n_end -->|"say #quot;#lt;#35;1#gt;#quot;"| a_20_b' in text
