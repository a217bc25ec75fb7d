"""Carrying out a reply's edits: all or none, only on files that can be brought back."""

from collections.abc import Sequence

from greenloop.errors import EditError
from greenloop.nodes.deps import Deps
from greenloop.nodes.guarded import guard
from greenloop.state import AgentState
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edits import Edit


def carry_out(edits: Sequence[Edit], state: AgentState, deps: Deps) -> str:
    """Apply the edits; returns the tree they lead to.

    Raises:
        EditError: one does not fit, breaks a file or touches what it must not; nothing changed.
    """
    covered = frozenset(deps.snapshots.paths(state["tree"]))
    _refuse_uncovered(edits, covered, deps)
    named = [edit.path for edit in edits]
    deps.events.emit("edits", ", ".join(named), content="\0".join(named))
    protected = guard(deps.snapshots, state["base_tree"], deps.runner.command.argv)
    keep_tests = deps.settings.protect_tests

    def refused(path: str) -> bool:
        # A block without a path is looked up in every file, those in no snapshot among them.
        uncovered = path not in covered and deps.workspace.exists(path)
        return uncovered or (keep_tests and protected(path))

    apply_edits(deps.workspace, edits, refused)
    return deps.snapshots.take()


def _refuse_uncovered(edits: Sequence[Edit], covered: frozenset[str], deps: Deps) -> None:
    """A file that is there but in no snapshot, since it is ignored, could not be brought back."""
    for edit in edits:
        if not edit.path:
            continue
        path = deps.workspace.relative(edit.path)
        if path not in covered and deps.workspace.exists(path):
            raise EditError(f"{path} is ignored by git and not yours to change. Edit other files.")
