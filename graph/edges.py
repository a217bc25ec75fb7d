"""The graph as data: its nodes, its edges and what each edge means. The only list of edges.

Kept apart from the compiler so that it can be drawn without loading LangGraph.
"""

from dataclasses import dataclass
from typing import get_args

from greenloop.state import NodeName

GRAPH_VERSION = 1
"""Raised when a node is renamed or removed: a thread that waits at it could not go on."""

START, END = "__start__", "__end__"
NODES: tuple[NodeName, ...] = get_args(NodeName)


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one node to another and the condition, in words, under which it is taken."""

    source: str
    target: str
    label: str = ""


EDGES: tuple[Edge, ...] = (
    Edge(START, "plan"),
    Edge("plan", "code", "work to do"),
    Edge("plan", "done", "limits"),
    Edge("code", "test", "edited"),
    Edge("code", "replan", "no usable edit"),
    Edge("code", "done", "gave up, limits"),
    Edge("test", "review", "green"),
    Edge("test", "code", "next step, repair"),
    Edge("test", "replan", "repairs used up"),
    Edge("test", "done", "limits"),
    Edge("review", "done", "kept, limits"),
    Edge("review", "replan", "rejected"),
    Edge("replan", "code", "new plan"),
    Edge("replan", "done", "limits"),
    Edge("done", END),
)


def targets(source: str) -> tuple[str, ...]:
    """Nodes that `source` may lead to, in the order of the table."""
    return tuple(edge.target for edge in EDGES if edge.source == source)
