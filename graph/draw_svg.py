"""The graph as one self-contained SVG file: no scripts, no fonts from elsewhere, own background."""

from html import escape
from math import hypot

from greenloop.graph.chart import Chart, Overlay, caption, duration, numbers
from greenloop.graph.draw_routes import (
    LABEL_SIZE,
    MARGIN,
    Layout,
    Place,
    Point,
    Route,
    lay_out,
    text_width,
)
from greenloop.graph.edges import END, START

_CORNER = 9.0
"""Radius of a bend, in pixels."""
_SMALL = 10.5
"""Font size of numbers, in pixels."""
_LEGEND_ROOM = 58.0

_STYLE = """
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
  .node { fill: #f6f8fa; stroke: #6e7781; stroke-width: 1.5; }
  .node.visited { fill: #dafbe1; stroke: #1a7f37; }
  .ring { fill: none; stroke: #d4a72c; stroke-width: 4; }
  .name { font-size: 15px; font-weight: 600; fill: #1f2328; text-anchor: middle; }
  .small { font-size: 10.5px; fill: #57606a; text-anchor: middle; }
  .line { fill: none; stroke: #8c959f; stroke-width: 1.5; }
  .line.taken { stroke: #1a7f37; stroke-width: 2.2; }
  .line.back { stroke-dasharray: 6 4; }
  .label { font-size: 12.5px; fill: #424a53; text-anchor: middle; }
  .label.beside, .legend { text-anchor: start; }
  .pill { fill: #1a7f37; }
  .number { font-size: 10.5px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
  .legend { font-size: 12.5px; fill: #424a53; }
  .head { fill: #8c959f; }
  .head.taken { fill: #1a7f37; }
"""


def draw_svg(chart: Chart, overlay: Overlay | None = None) -> str:
    """An SVG 1.1 document; edges carry `data-edge="source->target"`, nodes `data-node`.

    With an overlay, visited nodes are filled and count their visits, edges carry the numbers of
    the steps that took them, and the node where the thread stands has a ring.
    """
    layout = lay_out(chart)
    width, height = layout.width, layout.height + _LEGEND_ROOM
    back = chart.back()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">',
        f"<title>{escape(_title(overlay))}</title>",
        f"<style>{_STYLE}</style>",
        f"<defs>{_head('plain')}{_head('taken')}</defs>",
        f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="12" '
        'fill="#ffffff" stroke="#d0d7de"/>',
    ]
    # Numbers and labels of one edge must not vanish under the line of another.
    parts += [_line(r, (r.edge.source, r.edge.target) in back, overlay) for r in layout.routes]
    parts += [_node(name, place, overlay) for name, place in layout.places.items()]
    parts += [_words(route, overlay) for route in layout.routes]
    parts += [_legend(layout, overlay), "</svg>"]
    return "\n".join(part for part in parts if part) + "\n"


def _title(overlay: Overlay | None) -> str:
    if overlay is None:
        return "The graph of greenloop"
    return f"A thread's way through the graph: {len(overlay.path)} steps"


def _head(kind: str) -> str:
    return (
        f'<marker id="greenloop-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" '
        f'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="head {kind}" d="M 0 1 L 10 5 L 0 9 z"/></marker>'
    )


def _is_taken(route: Route, overlay: Overlay | None) -> bool:
    return bool(overlay and overlay.taken(route.edge.source, route.edge.target))


def _line(route: Route, is_back: bool, overlay: Overlay | None) -> str:
    taken = _is_taken(route, overlay)
    classes = ["line", *(["taken"] if taken else []), *(["back"] if is_back else [])]
    path = _curve(route.points) if route.curved else _bends(route.points)
    head = "taken" if taken else "plain"
    return (
        f'<path class="{" ".join(classes)}" '
        f'data-edge="{escape(f"{route.edge.source}->{route.edge.target}")}" '
        f'd="{path}" marker-end="url(#greenloop-{head})"/>'
    )


def _bends(points: tuple[Point, ...]) -> str:
    """Path data through the points, with rounded corners."""
    parts = [f"M {_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into, out = _towards(corner, before), _towards(corner, after)
        parts.append(f"L {_at(into)} Q {_at(corner)} {_at(out)}")
    return " ".join([*parts, f"L {_at(points[-1])}"])


def _towards(corner: Point, other: Point) -> Point:
    length = hypot(other[0] - corner[0], other[1] - corner[1])
    share = min(_CORNER, length / 2) / length if length else 0.0
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _curve(points: tuple[Point, ...]) -> str:
    ((x1, y1), (x2, y2)) = points
    half = (y1 + y2) / 2
    return f"M {_at((x1, y1))} C {_at((x1, half))} {_at((x2, half))} {_at((x2, y2))}"


def _at(point: Point) -> str:
    return f"{round(point[0], 1):g} {round(point[1], 1):g}"


def _words(route: Route, overlay: Overlay | None) -> str:
    parts = []
    if route.edge.label:
        kind = "label beside" if route.beside else "label"
        parts.append(_text(kind, route.label, route.edge.label))
    steps = overlay.steps(route.edge.source, route.edge.target) if overlay else ()
    if steps:
        parts.append(_pill(route.numbers, numbers(steps)))
    return "".join(parts)


def _pill(middle: Point, text: str) -> str:
    width = max(text_width(text, _SMALL) + 10, 18.0)
    x, y = middle[0] - width / 2, middle[1] - 8
    box = f'<rect class="pill" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="16" rx="8"/>'
    return box + _text("number", (middle[0], middle[1] + 3.8), text)


def _text(kind: str, at: Point, text: str) -> str:
    return f'<text class="{kind}" x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(text)}</text>'


def _node(name: str, place: Place, overlay: Overlay | None) -> str:
    visits = overlay.visits(name) if overlay else 0
    kind = "node visited" if visits else "node"
    ring = overlay is not None and name == overlay.at
    shape = _dot(name, place) if name in (START, END) else _box(name, place, kind, overlay)
    parts = [f'<g data-node="{escape(name)}">', shape]
    if ring:
        parts.append(
            f'<rect class="ring" x="{place.x:g}" y="{place.y:g}" '
            f'width="{place.width:g}" height="{place.height:g}" rx="10"/>'
        )
    if visits:
        parts.append(_pill((place.x + place.width - 2, place.y), f"×{visits}"))
    return "".join([*parts, "</g>"])


def _dot(name: str, place: Place) -> str:
    x, y = place.middle
    inner = f'<circle cx="{x:g}" cy="{y:g}" r="5.5" fill="#57606a"/>' if name == END else ""
    fill = "#ffffff" if name == END else "#57606a"
    radius = place.width / 2
    circle = f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}" stroke="#57606a"/>'
    return circle + inner + _text("small", (x, place.foot + 15), caption(name))


def _box(name: str, place: Place, kind: str, overlay: Overlay | None) -> str:
    x, y = place.middle
    rect = (
        f'<rect class="{kind}" x="{place.x:g}" y="{place.y:g}" '
        f'width="{place.width:g}" height="{place.height:g}" rx="10"/>'
    )
    if overlay is None or name not in overlay.seconds:
        return rect + _text("name", (x, y + 5), name)
    spent = _text("small", (x, y + 16), duration(overlay.seconds[name]))
    return rect + _text("name", (x, y), name) + spent


def _legend(layout: Layout, overlay: Overlay | None) -> str:
    """A line at the foot: what the marks mean, and the thread's status."""
    y = layout.height + _LEGEND_ROOM - 20
    parts: list[str] = []
    x = MARGIN
    if overlay is not None:
        spent = duration(sum(overlay.seconds.values())) if overlay.seconds else ""
        words = (overlay.status, f"{len(overlay.path)} steps", spent)
        text = " · ".join(word for word in words if word)
        parts.append(_text("legend status", (x, y), text))
        x += text_width(text, LABEL_SIZE) + 30
    for mark, meaning in _marks(overlay is not None):
        parts.append(mark.format(x=x, y=y - 4.5, top=y - 11, end=x + 24, middle=x + 12))
        parts.append(_text("legend", (x + 32, y), meaning))
        x += 32 + text_width(meaning, LABEL_SIZE) + 18
    return "".join(parts)


def _marks(with_overlay: bool) -> list[tuple[str, str]]:
    back = '<line class="line back" x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"/>'
    box = '<rect class="{kind}" x="{{x:.1f}}" y="{{top:.1f}}" width="24" height="13" rx="4"/>'
    marks = [(back, "back to earlier work")]
    if with_overlay:
        marks += [
            (box.format(kind="node visited"), "visited"),
            (box.format(kind="ring"), "stands here"),
            (
                '<rect class="pill" x="{x:.1f}" y="{top:.1f}" width="24" height="14" rx="7"/>',
                "step numbers",
            ),
        ]
    return marks


__all__ = ["draw_svg"]
