"""What every drawing of the graph is made from: the chart itself, and a thread's way through it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from greenloop.graph.edges import EDGES, END, NODES, START, Edge


@dataclass(frozen=True, slots=True)
class Overlay:
    """A thread's way through the graph, to be laid over the drawing."""

    path: tuple[str, ...] = ()
    """Nodes in the order visited."""
    at: str = ""
    """Node where the thread stands or goes next; empty when it has finished."""
    status: str = ""
    """One word or line for the legend, for example `green`."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Time spent in each node, all visits together."""

    def visits(self, node: str) -> int:
        """How often the thread was at `node`."""
        return self.path.count(node)

    def steps(self, source: str, target: str) -> tuple[int, ...]:
        """Places in `path`, counted from 1, that were reached from `source` by this edge."""
        walk = enumerate(pairwise((START, *self.path)), start=1)
        return tuple(number for number, pair in walk if pair == (source, target))

    def taken(self, source: str, target: str) -> int:
        """How often the edge was taken, the one to the end included."""
        if target == END:
            return int(not self.at and self.path[-1:] == (source,))
        return len(self.steps(source, target))


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. Edges may name nodes that `nodes` lacks; they are drawn too."""

    nodes: tuple[str, ...] = NODES
    edges: tuple[Edge, ...] = EDGES

    def names(self) -> tuple[str, ...]:
        """Every node once: the known ones first, then those that only an edge names."""
        ends = (name for edge in self.edges for name in (edge.source, edge.target))
        return tuple(dict.fromkeys((*self.nodes, *ends)))

    def back(self) -> frozenset[tuple[str, str]]:
        """Edges that close a loop: they lead to a node that is on the way from the start to them.

        The back edges of a depth-first search in the order of the table.
        """
        found: set[tuple[str, str]] = set()
        seen: set[str] = set()

        def visit(node: str, above: frozenset[str]) -> None:
            seen.add(node)
            for edge in self.edges:
                if edge.source != node:
                    continue
                if edge.target in above | {node}:
                    found.add((node, edge.target))
                elif edge.target not in seen:
                    visit(edge.target, above | {node})

        for root in (START, *self.names()):
            if root not in seen:
                visit(root, frozenset())
        return frozenset(found)


def caption(node: str) -> str:
    """The node's name for a reader: `start` and `end` for the two ends."""
    return {START: "start", END: "end"}.get(node, node)


def duration(seconds: float) -> str:
    """A time in seconds or, from ten minutes on, in minutes."""
    return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds:.1f} s"


def numbers(steps: tuple[int, ...]) -> str:
    """Step numbers for an edge's label; more than four are cut before the last."""
    if len(steps) <= 4:
        return ",".join(map(str, steps))
    return f"{steps[0]},{steps[1]}…{steps[-1]}"


__all__ = ["Chart", "Overlay", "caption", "duration", "numbers"]
