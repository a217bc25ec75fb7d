"""Compiling the graph: the nodes and the table of edges become a LangGraph state machine."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from greenloop.config import prepare_process
from greenloop.graph import routing
from greenloop.graph.edges import EDGES, NODES, targets
from greenloop.nodes.boundary import Node, run_node
from greenloop.nodes.code import code
from greenloop.nodes.deps import Deps
from greenloop.nodes.done import done
from greenloop.nodes.plan import plan
from greenloop.nodes.replan import replan
from greenloop.nodes.review import review
from greenloop.nodes.test import test
from greenloop.state import AgentState, NodeName

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.runtime import Runtime

    Graph = CompiledStateGraph[AgentState, Deps, AgentState, AgentState]

_NODES: Mapping[NodeName, Node] = {
    "plan": plan,
    "code": code,
    "test": test,
    "review": review,
    "replan": replan,
    "done": done,
}
_ROUTES: dict[str, Callable[[AgentState], str]] = {
    "plan": routing.after_plan,
    "code": routing.after_code,
    "test": routing.after_test,
    "review": routing.after_review,
    "replan": routing.after_replan,
}


def build_graph(
    saver: "BaseCheckpointSaver[Any] | None" = None, nodes: Mapping[NodeName, Node] = _NODES
) -> "Graph":
    """The compiled graph, checkpointed by `saver` after every super-step.

    Args:
        saver: keeps the checkpoints; None for a graph that is only looked at.
        nodes: what is done at each; others than ours measure what is around them.
    """
    prepare_process()
    from langgraph.graph import StateGraph  # noqa: PLC0415

    graph = StateGraph(AgentState, context_schema=Deps)
    for name in NODES:
        graph.add_node(name, partial(_call, name, nodes[name]))
    for edge in EDGES:
        if edge.source not in _ROUTES:
            graph.add_edge(edge.source, edge.target)
    for source, route in _ROUTES.items():
        graph.add_conditional_edges(source, route, list(targets(source)))
    return graph.compile(checkpointer=saver)


def _call(name: NodeName, node: Node, state: AgentState, runtime: "Runtime[Deps]") -> AgentState:
    return run_node(name, node, state, runtime.context)
