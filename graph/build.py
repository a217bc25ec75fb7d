"""Compiling the graph: the nodes and the table of edges become a LangGraph state machine."""

from collections.abc import Callable
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

_NODES: dict[NodeName, Node] = {
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


def build_graph(saver: "BaseCheckpointSaver[Any] | None" = None) -> "Graph":
    """The compiled graph, checkpointed by `saver` after every super-step."""
    prepare_process()
    from langgraph.graph import StateGraph  # noqa: PLC0415

    graph = StateGraph(AgentState, context_schema=Deps)
    for name in NODES:
        graph.add_node(name, partial(_call, name))
    for edge in EDGES:
        if edge.source not in _ROUTES:
            graph.add_edge(edge.source, edge.target)
    for source, route in _ROUTES.items():
        graph.add_conditional_edges(source, route, list(targets(source)))
    return graph.compile(checkpointer=saver)


def _call(name: NodeName, state: AgentState, runtime: "Runtime[Deps]") -> AgentState:
    return run_node(name, _NODES[name], state, runtime.context)
