"""The graph as Mermaid flowchart text, which GitHub and many editors draw inside Markdown."""

import re

from greenloop.graph.chart import Chart, Overlay, caption, duration, numbers
from greenloop.graph.edges import END, START, Edge

_RESERVED = frozenset(
    {"call", "class", "classdef", "click", "default", "direction", "end", "flowchart", "graph"}
    | {"href", "linkstyle", "style", "subgraph"}
)
"""Words that Mermaid's flowchart grammar takes for itself, in lower case."""

_CLASSES = (
    "classDef visited fill:#d1fae5,stroke:#059669,color:#064e3b",
    "classDef current fill:#fef3c7,stroke:#d97706,stroke-width:3px,color:#78350f",
)


def draw_mermaid(chart: Chart, overlay: Overlay | None = None) -> str:
    """A `flowchart TD` (https://mermaid.js.org/syntax/flowchart.html), loops as dotted lines.

    With an overlay, nodes carry their visits and seconds, and edges the numbers of the steps that
    took them.
    """
    back = chart.back()
    lines = ["flowchart TD"]
    lines += [f"    {_node(name, overlay)}" for name in _in_order(chart)]
    lines += [
        f"    {_edge(edge, (edge.source, edge.target) in back, overlay)}" for edge in chart.edges
    ]
    if overlay is not None:
        lines += [f"    {line}" for line in _styles(chart, overlay)]
    return "\n".join(lines) + "\n"


def _in_order(chart: Chart) -> list[str]:
    rank = {START: -1, END: 1}
    return sorted(chart.names(), key=lambda name: rank.get(name, 0))


def _id(name: str) -> str:
    plain = re.sub(r"\W", lambda match: f"_{ord(match[0]):x}_", name, flags=re.ASCII)
    return f"n_{plain}" if plain.lower() in _RESERVED or plain[:1].isdigit() else plain


def _quoted(text: str) -> str:
    # Mermaid has no backslash escapes; it writes characters as entities with # for &.
    for char, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(char, entity)
    return '"' + " ".join(text.split()) + '"'


def _node(name: str, overlay: Overlay | None) -> str:
    if name in (START, END):
        return f"{_id(name)}([{_quoted(caption(name))}])"
    text = caption(name)
    visits = overlay.visits(name) if overlay else 0
    if visits:
        text += f" ×{visits}"
    if overlay and name == overlay.at:
        text = f"● {text}"
    label = _quoted(text)
    if overlay and name in overlay.seconds:
        label = f"{label[:-1]}<br/>{duration(overlay.seconds[name])}{label[-1]}"
    return f"{_id(name)}[{label}]"


def _edge(edge: Edge, is_back: bool, overlay: Overlay | None) -> str:
    steps = overlay.steps(edge.source, edge.target) if overlay else ()
    text = " ".join(filter(None, (edge.label, f"({numbers(steps)})" if steps else "")))
    arrow = "-.->" if is_back else "-->"
    middle = f"{arrow}|{_quoted(text)}|" if text else arrow
    return f"{_id(edge.source)} {middle} {_id(edge.target)}"


def _styles(chart: Chart, overlay: Overlay) -> list[str]:
    visited = [_id(n) for n in chart.names() if overlay.visits(n) and n != overlay.at]
    taken = [str(i) for i, e in enumerate(chart.edges) if overlay.taken(e.source, e.target)]
    lines = list(_CLASSES)
    if visited:
        lines.append(f"class {','.join(visited)} visited")
    if overlay.at in chart.names():
        lines.append(f"class {_id(overlay.at)} current")
    if taken:
        lines.append(f"linkStyle {','.join(taken)} stroke:#059669,stroke-width:3px")
    if overlay.status:
        lines.append(f"%% status: {' '.join(overlay.status.split())}")
    return lines


__all__ = ["draw_mermaid"]
