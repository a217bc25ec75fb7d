"""The graph for a terminal: boxes down the left, and to the right one lane for each target.

Lines that lead to the same node merge in its lane, so that every edge can be followed by eye;
lines that only cross keep a gap. A terminal too narrow for lanes gets a list of the edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from greenloop.graph.chart import Chart, Overlay, caption, duration
from greenloop.graph.edges import END, START, Edge

_ORDER = (START, "plan", "code", "test", "review", "done", END, "replan")
"""From top to bottom; a node that is not named here comes last."""

_SEVEN_BIT = str.maketrans(
    dict(zip("─│┌┐└┘├┤┬▼◀●×·", "-|+++++++v<*x-", strict=True))
    | {"▶": ">", "→": "->", "↺": "(back)", "…": "..."}
)
_CODES = {"": "", "faint": "2", "name": "1;36", "taken": "32", "visited": "1;32", "now": "1;33"}
"""SGR parameters (ECMA-48, 8.3.117) for each style."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What the terminal can show."""

    width: int = 80
    """Columns."""
    colour: bool = False
    ascii_only: bool = False

    def text(self, text: str) -> str:
        """The text in characters that the terminal has."""
        if not self.ascii_only:
            return text
        return text.translate(_SEVEN_BIT).encode("ascii", "replace").decode("ascii")

    def styled(self, text: str, style: str) -> str:
        """The text in colour, if colour is wanted."""
        code = _CODES[style] if self.colour and text.strip() else ""
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


@dataclass(slots=True)
class _Box:
    """A node's place: rows from `top`, of which `entry` takes lines in and `exits` let them out."""

    node: str
    top: int
    text: tuple[str, ...]
    down: Edge | None
    """The edge to the box below, drawn as a straight line."""
    entry: int | None
    exits: dict[Edge, int]
    framed: bool
    rows: int

    @property
    def bottom(self) -> int:
        """Its last row, the frame included."""
        return self.top + self.rows - 1


@dataclass(slots=True)
class _Canvas:
    """Characters with a style each, by row and column."""

    cells: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)

    def put(self, row: int, column: int, text: str, style: str) -> None:
        for offset, char in enumerate(text):
            self.cells[row, column + offset] = (char, style)

    def lines(self, paper: Paper) -> Iterator[str]:
        for row in range(max(row for row, _ in self.cells) + 1):
            last = max((c for r, c in self.cells if r == row), default=-1)
            line, run, style = "", "", ""
            for column in range(last + 1):
                char, new = self.cells.get((row, column), (" ", style))
                if new != style:
                    line, run = line + paper.styled(paper.text(run), style), ""
                run, style = run + char, new
            yield (line + paper.styled(paper.text(run), style)).rstrip()


def draw_ascii(chart: Chart, overlay: Overlay | None, paper: Paper) -> str:
    """Draw for a terminal, at most `paper.width` columns wide.

    With an overlay, nodes carry their visits and seconds, edges how often they were taken, and the
    path follows beneath, numbered.
    """
    lines = _Lanes(chart, overlay, paper).lines() or _listed(chart, overlay, paper)
    if overlay is not None:
        lines += ["", *_legend(overlay, paper)]
    return "\n".join(lines) + "\n"


class _Lanes:
    """The drawing with lanes."""

    def __init__(self, chart: Chart, overlay: Overlay | None, paper: Paper) -> None:
        self.chart, self.overlay, self.paper = chart, overlay, paper
        self.back = chart.back()
        self.order = _ordered(chart)
        self.boxes = self._boxes()
        self.inner = max(len(line) for box in self.boxes.values() for line in box.text)
        self.right = self.inner + 3
        """Column of the boxes' right edge."""
        self.lane = self._lanes()

    def lines(self) -> list[str]:
        """The rows of the drawing; none if it would be too wide."""
        if max(self.lane.values(), default=self.right) >= self.paper.width:
            return []
        canvas = _Canvas()
        self._draw_edges(canvas)
        for box in self.boxes.values():
            self._draw_box(canvas, box)
            self._draw_down(canvas, box)
        return list(canvas.lines(self.paper))

    def _boxes(self) -> dict[str, _Box]:
        below = dict(zip(self.order, (*self.order[1:], ""), strict=True))
        straight = {e for e in self.chart.edges if below[e.source] == e.target}
        boxes: dict[str, _Box] = {}
        top = 0
        for node in self.order:
            down = next((e for e in straight if e.source == node), None)
            out = [e for e in self.chart.edges if e.source == node and e not in straight]
            entered = any(e.target == node and e not in straight for e in self.chart.edges)
            framed = node not in (START, END) or bool(out) or entered
            text = _inside(node, self.overlay)
            first = top + framed
            exits = {edge: first + entered + i for i, edge in enumerate(out)}
            rows = max(len(text), entered + len(out)) + 2 * framed
            entry = first if entered else None
            boxes[node] = _Box(node, top, text, down, entry, exits, framed, rows)
            top += rows + (1 if down is None else 1 + bool(down.label))
        return boxes

    def _lanes(self) -> dict[str, int]:
        """The column of each target's lane; the shortest lane is nearest, so fewer lines cross."""
        rows: dict[str, list[int]] = {}
        for box in self.boxes.values():
            if box.entry is not None:
                rows.setdefault(box.node, []).append(box.entry)
            for edge, row in box.exits.items():
                rows.setdefault(edge.target, []).append(row)
        exits = [e for box in self.boxes.values() for e in box.exits]
        labels = max((len(self.paper.text(self._label(e))) for e in exits), default=0)
        nearest = sorted(rows, key=lambda node: max(rows[node]) - min(rows[node]))
        return {node: self.right + labels + 6 + 4 * i for i, node in enumerate(nearest)}

    def _label(self, edge: Edge) -> str:
        mark = "↺" if (edge.source, edge.target) in self.back else ""
        return " ".join(filter(None, (edge.label, mark, _times(edge, self.overlay))))

    def _edge_style(self, edge: Edge) -> str:
        if self.overlay and self.overlay.taken(edge.source, edge.target):
            return "taken"
        return "faint"

    def _draw_edges(self, canvas: _Canvas) -> None:
        """All level runs, then all upright ones, which win where two cross; taken edges on top."""
        exits = [(edge, row) for box in self.boxes.values() for edge, row in box.exits.items()]
        exits.sort(key=lambda exit_: self._edge_style(exit_[0]) == "taken")
        for edge, row in exits:
            style, lane = self._edge_style(edge), self.lane[edge.target]
            entry = self.boxes[edge.target].entry or 0
            canvas.put(row, self.right + 1, "─" * (lane - self.right), style)
            canvas.put(entry, self.right + 1, "◀" + "─" * (lane - self.right - 1), style)
        for edge, row in exits:
            style, lane = self._edge_style(edge), self.lane[edge.target]
            entry = self.boxes[edge.target].entry or 0
            for between in range(min(row, entry), max(row, entry) + 1):
                canvas.put(between, lane, "│", style)
        self._draw_joints(canvas, exits)
        for edge, row in exits:
            text = self.paper.text(self._label(edge))
            style = self._edge_style(edge) if self._edge_style(edge) == "taken" else ""
            canvas.put(row, self.right + 2, f" {text} " if text else "", style)

    def _draw_joints(self, canvas: _Canvas, exits: list[tuple[Edge, int]]) -> None:
        for target, lane in self.lane.items():
            joints = {row for edge, row in exits if edge.target == target}
            joints.add(self.boxes[target].entry or 0)
            for row in joints:
                char = "┐" if row == min(joints) else "┘" if row == max(joints) else "┤"
                canvas.put(row, lane, char, canvas.cells[row, lane][1])

    def _draw_box(self, canvas: _Canvas, box: _Box) -> None:
        style = _node_style(box.node, self.overlay)
        if not box.framed:
            canvas.put(box.top, 0, f"({box.text[0]})".center(self.right + 1).rstrip(), style)
            return
        bar = "─" * (self.inner + 2)
        canvas.put(box.top, 0, f"┌{bar}┐", style)
        canvas.put(box.bottom, 0, f"└{bar}┘", style)
        for offset in range(box.rows - 2):
            text = box.text[offset] if offset < len(box.text) else ""
            row = box.top + 1 + offset
            edge = "├" if row in box.exits.values() else "│"
            canvas.put(row, 0, f"│ {text.center(self.inner)} {edge}", style)

    def _draw_down(self, canvas: _Canvas, box: _Box) -> None:
        if box.down is None:
            return
        style, middle = self._edge_style(box.down), (self.right + 1) // 2
        if box.framed:
            canvas.put(box.bottom, middle, "┬", style)
        row = box.bottom + 1
        if box.down.label:
            canvas.put(row, middle, "│", style)
            canvas.put(row, middle + 2, self._label(box.down), "taken" if style == "taken" else "")
            row += 1
        canvas.put(row, middle, "▼", style)


def _ordered(chart: Chart) -> list[str]:
    rank = {node: place for place, node in enumerate(_ORDER)}
    return sorted(chart.names(), key=lambda node: rank.get(node, len(rank)))


def _times(edge: Edge, overlay: Overlay | None) -> str:
    taken = overlay.taken(edge.source, edge.target) if overlay else 0
    return f"×{taken}" if taken and edge.label else ""


def _inside(node: str, overlay: Overlay | None) -> tuple[str, ...]:
    name = f" {caption(node)} " if node in (START, END) else caption(node)
    if overlay is None:
        return (name,)
    if visits := overlay.visits(node):
        name += f" ×{visits}"
    if node == overlay.at:
        name = f"● {name}"
    return (name, duration(overlay.seconds[node])) if node in overlay.seconds else (name,)


def _node_style(node: str, overlay: Overlay | None) -> str:
    if overlay is None:
        return "" if node in (START, END) else "name"
    if node == overlay.at:
        return "now"
    return "visited" if overlay.visits(node) else "faint"


def _listed(chart: Chart, overlay: Overlay | None, paper: Paper) -> list[str]:
    """Each node with its edges below it."""
    back = chart.back()
    lines: list[str] = []
    for node in _ordered(chart):
        name = " ".join(_inside(node, overlay)).strip()
        lines.append(paper.styled(_cut(paper.text(name), paper), _node_style(node, overlay)))
        out = [edge for edge in chart.edges if edge.source == node]
        for edge in out:
            corner = "└" if edge is out[-1] else "├"
            label = " ".join(filter(None, (edge.label, _times(edge, overlay))))
            mark = " ↺" if (edge.source, edge.target) in back else ""
            way = f"─ {label} ─▶" if label else "─▶"
            lines.append(_cut(paper.text(f"{corner}{way} {caption(edge.target)}{mark}"), paper))
    return lines


def _cut(text: str, paper: Paper) -> str:
    mark = paper.text("…")
    return text if len(text) <= paper.width else text[: max(paper.width - len(mark), 0)] + mark


def _legend(overlay: Overlay, paper: Paper) -> list[str]:
    steps = [f"{number} {node}" for number, node in enumerate(overlay.path, start=1)]
    steps += [f"● {overlay.at}"] if overlay.at else []
    lines: list[str] = []
    for place, step in enumerate(steps):
        part = paper.text(step if place == 0 else f"→ {step}")
        if lines and len(lines[-1]) + 1 + len(part) <= paper.width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    total = duration(sum(overlay.seconds.values())) if overlay.seconds else ""
    status = paper.text(" · ".join(filter(None, (overlay.status, total))))
    return [*lines, _cut(f"status: {status}", paper)] if status else lines


__all__ = ["Paper", "draw_ascii"]
