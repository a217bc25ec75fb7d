"""Where the SVG drawing puts nodes and how its edges run: level and upright lines that do not meet.

The main line goes from left to right. Edges that skip ahead arch over it, edges back run below it,
and a node off the line hangs under it with its edges at its sides, nested so that none cross.
Nodes that have no place of their own come in a row at the foot, joined by curves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from greenloop.graph.chart import Chart
from greenloop.graph.edges import END, START, Edge

MAIN = (START, "plan", "code", "test", "review", "done", END)
BELOW = {"replan": "test"}
"""Nodes off the main line, and the node that they hang under."""

LABEL_SIZE = 12.5
"""Of edge labels, in pixels as all lengths here."""
LETTER = 0.6
"""Width of a letter in font sizes: the mean of DejaVu Sans, the widest of the usual fonts."""
BOX_WIDTH, BOX_HEIGHT, DOT = 112.0, 56.0, 20.0
MARGIN = 26.0
_LEVEL = 38.0
"""Between two lines that run side by side; leaves room for a label above each."""
_PORT = 26.0
"""Between two lines that enter a box at its side."""
_FIRST_DROP = 48.0
"""From the main line's boxes down to the nearest line below them."""
_LABEL_ABOVE, _LABEL_BELOW = -13.0, 21.0
"""From a line to the baseline of its label."""

Point = tuple[float, float]
Kind = Literal["straight", "over", "under", "side", "drop", "loose"]


@dataclass(frozen=True, slots=True)
class Place:
    """A node's rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def foot(self) -> float:
        """The y of its lower side."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Route:
    """An edge's corners, and where its label and its step numbers stand."""

    edge: Edge
    points: tuple[Point, ...]
    label: Point
    """The baseline's middle, or its left end if `beside`."""
    numbers: Point
    """The middle of the step numbers."""
    beside: bool = False
    """The label stands to the right of an upright line."""
    curved: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that the drawing needs."""

    places: dict[str, Place]
    routes: tuple[Route, ...]
    width: float
    height: float
    """To the lowest line or label; without a margin."""


def text_width(text: str, size: float) -> float:
    """An upper estimate of a text's width in the usual sans-serif fonts."""
    return len(text) * size * LETTER


def lay_out(chart: Chart) -> Layout:
    """Place the nodes and route every edge."""
    router = _Router(chart)
    routes = tuple(router.route(edge) for edge in chart.edges)
    lowest = max((place.foot for place in router.places.values()), default=0.0)
    lines = [y for route in routes for _, y in (*route.points, route.label)]
    right = max((p.x + p.width for p in router.places.values()), default=0.0)
    labels = (r.label[0] + text_width(r.edge.label, LABEL_SIZE) for r in routes if r.beside)
    width = max([right, *labels]) + MARGIN
    return Layout(router.places, routes, width, max([lowest, *lines]))


class _Router:
    """Decides the kind of every edge first, as each needs to know its neighbours."""

    def __init__(self, chart: Chart) -> None:
        self.edges = chart.edges
        names = chart.names()
        self.main = [name for name in MAIN if name in names]
        self.index = {name: place for place, name in enumerate(self.main)}
        self.below = {n: self.index[over] for n, over in BELOW.items() if n in names}
        self.spare = [n for n in names if n not in self.index and n not in self.below]
        self.kinds = {edge: self._kind(edge) for edge in chart.edges}
        self.level = self._levels("over") | self._levels("under")
        self.rank = self._ranks()
        self.places = self._places()

    def _column(self, node: str) -> int:
        return self.index[node] if node in self.index else self.below[node]

    def _kind(self, edge: Edge) -> Kind:
        ends = (edge.source, edge.target)
        if edge.source == edge.target or any(end in self.spare for end in ends):
            return "loose"
        if all(end in self.index for end in ends):
            ahead = self.index[edge.target] - self.index[edge.source]
            return "straight" if ahead == 1 else "over" if ahead > 1 else "under"
        if all(end in self.below for end in ends) or START in ends or END in ends:
            return "loose"
        return "drop" if self._column(edge.source) == self._column(edge.target) else "side"

    def _of(self, kind: Kind) -> list[Edge]:
        return [edge for edge in self.edges if self.kinds[edge] == kind]

    def _span(self, edge: Edge) -> tuple[int, int]:
        low, high = sorted((self._column(edge.source), self._column(edge.target)))
        return low, high

    def _levels(self, kind: Kind) -> dict[Edge, int]:
        """Short edges lie nearest to the main line; those above one another differ in level."""
        level: dict[Edge, int] = {}
        for edge in sorted(self._of(kind), key=lambda e: self._span(e)[1] - self._span(e)[0]):
            low, high = self._span(edge)
            under = [
                n for e, n in level.items() if self._span(e)[0] < high and low < self._span(e)[1]
            ]
            level[edge] = max(under, default=-1) + 1
        return level

    def _ranks(self) -> dict[Edge, int]:
        """Which entry from above an edge takes at the side of a node below: the nearest first."""
        rank: dict[Edge, int] = {}
        for node, column in self.below.items():
            for sign in (-1, 1):
                here = [e for e in self._of("side") if node in (e.source, e.target)]
                here = [e for e in here if (self._far(e, node) - column) * sign > 0]
                here.sort(key=lambda e: (abs(self._far(e, node) - column), e.target == node))
                rank |= {edge: place for place, edge in enumerate(here)}
        return rank

    def _far(self, edge: Edge, node: str) -> int:
        return self._column(edge.source if edge.target == node else edge.target)

    def _places(self) -> dict[str, Place]:
        arches = [self.level[edge] for edge in self._of("over")]
        top = MARGIN + 18 + _LEVEL * (max(arches, default=-1) + 1)
        places: dict[str, Place] = {}
        x = MARGIN
        for node in self.main:
            dot = node in (START, END)
            size = (DOT, DOT) if dot else (BOX_WIDTH, BOX_HEIGHT)
            places[node] = Place(x, top + (BOX_HEIGHT - size[1]) / 2, *size)
            x += size[0] + self._gap(node)
        unders = [self.level[edge] for edge in self._of("under")]
        y = top + BOX_HEIGHT + _FIRST_DROP + _LEVEL * max(unders, default=0) + 62
        lowest = top + BOX_HEIGHT
        for node, column in self.below.items():
            ports = max(
                (self.rank[e] + 1 for e in self.rank if node in (e.source, e.target)), default=1
            )
            height = max(BOX_HEIGHT, _PORT * (ports + 1) * 0.8)
            places[node] = Place(places[self.main[column]].x, y, BOX_WIDTH, height)
            lowest = y + height
        for number, node in enumerate(self.spare):
            x = MARGIN + DOT + 40 + number * (BOX_WIDTH + 120)
            places[node] = Place(x, lowest + 90, BOX_WIDTH, BOX_HEIGHT)
        return places

    def _gap(self, node: str) -> float:
        """The space after a node of the main line, wide enough for the labels in it."""
        if node == self.main[-1]:
            return 0.0
        after = self.main[self.index[node] + 1]
        if START in (node, after) or END in (node, after):
            return 44.0
        widths = [92.0]
        for edge in self.edges:
            width = text_width(edge.label, LABEL_SIZE)
            if (edge.source, edge.target) == (node, after):
                widths.append(width + 34)
            elif (edge.source, edge.target) == (after, node):
                widths.append(width + 24 - BOX_WIDTH / 2)
        return max(widths)

    def route(self, edge: Edge) -> Route:
        """The way of one edge."""
        match self.kinds[edge]:
            case "straight":
                return self._straight(edge)
            case "over" | "under":
                return self._arch(edge)
            case "side":
                return self._side(edge)
            case "drop":
                return self._drop(edge)
            case "loose":
                return self._loose(edge)

    def _straight(self, edge: Edge) -> Route:
        source, target = self.places[edge.source], self.places[edge.target]
        y = source.middle[1]
        start, stop = source.x + source.width, target.x
        middle = (start + stop) / 2 - 3
        points = ((start, y), (stop, y))
        return Route(edge, points, (middle, y + _LABEL_ABOVE), (middle, y))

    def _arch(self, edge: Edge) -> Route:
        over = self.kinds[edge] == "over"
        source, target = self.places[edge.source], self.places[edge.target]
        rim = source.y if over else source.foot
        far = rim - 30 - _LEVEL * self.level[edge]
        if not over:
            far = rim + _FIRST_DROP + _LEVEL * self.level[edge]
        x1, x2 = self._port(edge.source, edge), self._port(edge.target, edge)
        ends = (source.y, target.y) if over else (source.foot, target.foot)
        points = ((x1, ends[0]), (x1, far), (x2, far), (x2, ends[1]))
        middle = (x1 + x2) / 2
        return Route(edge, points, (middle, far + _LABEL_ABOVE), (middle, far))

    def _side(self, edge: Edge) -> Route:
        low = edge.source if edge.source in self.below else edge.target
        high = edge.target if low == edge.source else edge.source
        box, main = self.places[low], self.places[high]
        left = main.x < box.x
        ports = self._beside(edge, low)
        y = box.y + box.height * (self.rank[edge] + 1) / (len(ports) + 1)
        side = box.x if left else box.x + box.width
        x = self._port(high, edge)
        points: tuple[Point, ...] = ((x, main.foot), (x, y), (side, y))
        last = len(ports) > 1 and self.rank[edge] == len(ports) - 1
        middle = (x + side) / 2
        label = (middle, y + (_LABEL_BELOW if last else _LABEL_ABOVE))
        return Route(edge, points if low == edge.target else points[::-1], label, (middle, y))

    def _beside(self, edge: Edge, node: str) -> list[Edge]:
        """The edges at the same side of a node below, this one included."""
        column = self.below[node]
        left = self._far(edge, node) < column
        here = [e for e in self.rank if node in (e.source, e.target)]
        return [e for e in here if (self._far(e, node) < column) == left]

    def _drop(self, edge: Edge) -> Route:
        down = edge.target in self.below
        high, low = (edge.source, edge.target) if down else (edge.target, edge.source)
        x = self._port(high, edge)
        top, foot = self.places[high].foot, self.places[low].y
        points = ((x, top), (x, foot)) if down else ((x, foot), (x, top))
        return Route(edge, points, (x + 9, foot - 52), (x, foot - 32), beside=True)

    def _loose(self, edge: Edge) -> Route:
        source, target = self.places[edge.source], self.places[edge.target]
        if edge.source == edge.target:
            return self._loop(edge)
        down = target.y > source.y
        x1, x2 = source.middle[0], target.middle[0]
        y1, y2 = (source.foot, target.y) if down else (source.y, target.foot)
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        label = (middle[0], middle[1] + _LABEL_ABOVE)
        return Route(edge, ((x1, y1), (x2, y2)), label, middle, curved=True)

    def _loop(self, edge: Edge) -> Route:
        place = self.places[edge.source]
        x, y = place.x + place.width, place.middle[1]
        points = ((x, y - 14), (x + 26, y - 14), (x + 26, y + 14), (x, y + 14))
        return Route(edge, points, (x + 34, y + 5), (x + 26, y - 14), beside=True)

    def _port(self, node: str, edge: Edge) -> float:
        """The x at which an edge meets a node of the main line, above or below."""
        over = self.kinds[edge] == "over"
        kinds: Iterable[Kind] = ("over",) if over else ("under", "side", "drop")
        here = [e for kind in kinds for e in self._of(kind) if node in (e.source, e.target)]
        here.sort(key=lambda e: self._above_key(node, e) if over else self._below_key(node, e))
        place = self.places[node]
        return place.x + place.width * (here.index(edge) + 1) / (len(here) + 1)

    def _above_key(self, node: str, edge: Edge) -> tuple[int, int]:
        low, high = self._span(edge)
        return (0, high - low) if edge.target == node else (1, low - high)

    def _below_key(self, node: str, edge: Edge) -> tuple[int, int]:
        """Lines that turn left lie left of those that turn right; the deepest lie outermost."""
        depth = self.level[edge] if edge in self.level else 100 + self.rank.get(edge, 0)
        other = self._column(edge.target if edge.source == node else edge.source)
        if other == self.index[node]:
            return 1, 0
        return (0, depth) if other < self.index[node] else (2, -depth)


__all__ = [
    "BOX_HEIGHT",
    "LABEL_SIZE",
    "MARGIN",
    "Layout",
    "Place",
    "Point",
    "Route",
    "lay_out",
    "text_width",
]
