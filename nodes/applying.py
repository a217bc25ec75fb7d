"""Carrying out a reply's edits: all or none, only on files that can be brought back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenloop.errors import EditError
from greenloop.nodes.deps import Deps
from greenloop.nodes.guarded import guard
from greenloop.state import AgentState
from greenloop.tools.confine import is_git_name
from greenloop.tools.edit_apply import work_out
from greenloop.tools.edits import Edit


@dataclass(frozen=True, slots=True)
class Intended:
    """What edits lead to, worked out but not made."""

    texts: Mapping[str, str]
    paths: tuple[str, ...]
    tree: str
    """Snapshot of the files as they will be."""


def work_out_edits(edits: Sequence[Edit], state: AgentState, deps: Deps) -> Intended:
    """What the edits lead to; no file is changed.

    Raises:
        EditError: one does not fit, breaks a file or touches what it must not.
    """
    covered = frozenset(deps.snapshots.paths(state["tree"]))
    _refuse_uncovered(edits, covered, deps)
    protected = guard(deps.snapshots, state["base_tree"], deps.runner.command.argv)
    keep_tests = deps.settings.protect_tests

    def refused(path: str) -> bool:
        # A block without a path is looked up in every file, those in no snapshot among them.
        uncovered = path not in covered and deps.workspace.exists(path)
        return uncovered or (keep_tests and protected(path))

    return intend(work_out(deps.workspace, edits, refused), state, deps)


def intend(texts: Mapping[str, str], state: AgentState, deps: Deps) -> Intended:
    """The change that gives these files these texts.

    Raises:
        EditError: a text that the file's encoding cannot hold, or that is too large.
    """
    contents = deps.workspace.encoded(texts)
    tree = deps.snapshots.compose(
        state["tree"], {path: (data, None) for path, data in contents.items()}
    )
    return Intended(dict(texts), tuple(contents), tree)


def carry_out(intended: Intended, deps: Deps) -> str:
    """Make the change; returns the tree it led to. What is meant is on record before.

    Raises:
        EditError: a file is marked read-only; nothing changed.
    """
    paths = intended.paths
    deps.events.emit("edits", ", ".join(paths), content="\0".join(paths), tree=intended.tree)
    try:
        deps.workspace.write_all(intended.texts)
    finally:
        deps.footing.now = deps.snapshots.take()
    return deps.footing.now


def _refuse_uncovered(edits: Sequence[Edit], covered: frozenset[str], deps: Deps) -> None:
    """A file that is there but in no snapshot, since it is ignored, could not be brought back."""
    for edit in edits:
        if not edit.path:
            continue
        path = deps.workspace.relative(edit.path)
        if any(map(is_git_name, path.split("/"))):
            raise EditError(f"{path} belongs to git and is not yours to change. Edit other files.")
        if path not in covered and deps.workspace.exists(path):
            raise EditError(f"{path} is ignored by git and not yours to change. Edit other files.")
