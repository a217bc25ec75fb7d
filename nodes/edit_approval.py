"""Asking before edits are made: the user sees the diff, and may change the files or say no."""

from greenloop.nodes.applying import Intended, intend
from greenloop.nodes.approval import Proposal, Verdict, digest, seek
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState


def wants_edits_shown(deps: Deps) -> bool:
    """Whether the user is asked before edits are made."""
    return "edits" in deps.settings.approvals


def change_digest(intended: Intended, state: AgentState, deps: Deps) -> str:
    """A fingerprint of the files that change, as they are and as they will be; of no others."""
    before = deps.snapshots.entries(state["tree"])
    after = deps.snapshots.entries(intended.tree)
    changed = (change.path for change in deps.snapshots.changed(state["tree"], intended.tree))
    return digest(*((path, repr(before.get(path)), repr(after.get(path))) for path in changed))


def verdict_on(intended: Intended, state: AgentState, deps: Deps) -> Verdict:
    """Show the diff and ask.

    Raises:
        Whatever `Deps.consent` pauses the run with.
    """
    diff = deps.snapshots.diff(state["tree"], intended.tree)
    title, bound = ", ".join(intended.paths), change_digest(intended, state, deps)
    return seek(deps, state, Proposal("edits", title, diff, intended.texts, bound))


def as_edited(intended: Intended, verdict: Verdict, state: AgentState, deps: Deps) -> Intended:
    """The change as the user will have it; files that they took out stay as they are.

    Raises:
        EditError: a text that the file's encoding cannot hold, or that is too large.
    """
    if verdict.action != "edit":
        return intended
    texts = {path: text for path, text in verdict.texts.items() if path in intended.texts}
    return intend(texts, state, deps)
