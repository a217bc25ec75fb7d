"""What every node has around it: its events, its snapshots, its account, and its failures.

The one place below the command line that catches everything: whatever goes wrong inside a node
leaves the files as the last finished node left them, and the thread resumable.
"""

import errno
import traceback
from collections.abc import Callable

from greenloop.errors import GreenloopError, InfrastructureError, StorageError
from greenloop.nodes.deps import Deps
from greenloop.nodes.theirs import adopt, take_back
from greenloop.state import AgentState, NodeName, Spent

Node = Callable[[AgentState, Deps], AgentState]
_NAMED = 5
"""Files named in an event; a snapshot tells the rest."""


def run_node(name: NodeName, node: Node, state: AgentState, deps: Deps) -> AgentState:
    """Run one node as a super-step.

    Raises:
        GreenloopError: what the node raised, or an InfrastructureError for what it did not name.
        KeyboardInterrupt: the user's; files are put back first.
        Whatever `Deps.pauses` names: the node waits for the user, and will run again.
    """
    step = state.get("events", 0) + 1
    started = deps.clock()
    deps.meter.reset()
    deps.footing.start = ""
    deps.events.begin(step, name)
    deps.journal.begin(step)
    deps.events.emit("started", name)
    before, state = state, adopt(state, deps)
    try:
        update: AgentState = {**_adopted(before, state), **node(state, deps)}
        _check_keys(name, update)
        # Somebody may have saved a file while the model was thinking.
        left: AgentState = {**state, **update, "tree": deps.footing.now}
        after = adopt(left, deps)
        update.update(_adopted(left, after))
        update["tree"] = after["tree"]
    except BaseException as error:
        if isinstance(error, deps.pauses):
            raise  # nothing was written yet; what differs, somebody saved in the meantime
        take_back(deps)
        deps.events.emit("failed", _one_line(error), content=traceback.format_exc())
        raise _named(name, error) from error
    update["spent"] = _add(state["spent"], deps, deps.clock() - started)
    update["events"] = step
    deps.events.emit("finished", _changed(deps, before, update), tree=update["tree"])
    return update


def _adopted(before: AgentState, state: AgentState) -> AgentState:
    """What the adoption of somebody's changes changed in the state."""
    update: AgentState = {}
    if state["base_tree"] != before["base_tree"]:
        update["base_tree"] = state["base_tree"]
        if "best" in state:
            update["best"] = state["best"]
    return update


def _changed(deps: Deps, before: AgentState, update: AgentState) -> str:
    """Names of the files that differ from those of the checkpoint before."""
    names = [change.path for change in deps.snapshots.changed(before["tree"], update["tree"])]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _check_keys(name: NodeName, update: AgentState) -> None:
    """LangGraph drops unknown keys in silence."""
    unknown = update.keys() - AgentState.__annotations__.keys()
    if unknown:
        raise InfrastructureError(f"node {name} returned unknown state keys: {sorted(unknown)}")


def _add(spent: Spent, deps: Deps, seconds: float) -> Spent:
    return Spent(
        steps=spent.steps + 1,
        model_calls=spent.model_calls + deps.meter.calls,
        tokens=spent.tokens + deps.meter.tokens,
        seconds=spent.seconds + seconds,
    )


def _named(name: NodeName, error: BaseException) -> BaseException:
    """The error in our tree for whatever was raised."""
    if isinstance(error, GreenloopError) or not isinstance(error, Exception):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"the disk is full: {error.filename or 'a file'} was not written")
    return InfrastructureError(f"{name} failed inside greenloop: {_one_line(error)}")


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
