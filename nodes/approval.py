"""Asking the user before something is done: what is proposed, and what they say to it.

An answer is bound to a fingerprint of what was shown. What differs from it is asked anew, so
nothing is done that nobody saw.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from greenloop.checkpoints.blobs import Blobs
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState

Kind = Literal["plan", "edits", "commands"]
"""The points of `config.APPROVALS`."""
Action = Literal["approve", "edit", "reject"]
Plain = Mapping[str, str]
"""What crosses the interrupt: strings by name, which every checkpointer can keep."""

JOURNALLED = "verdict:"
"""Begins the keys of verdicts in the journal, which also has the replies of the brain."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What shall be done, as it is shown."""

    kind: Kind
    title: str
    """In a few words, such as the names of the files."""
    body: str
    """The steps, the diff or the command line."""
    texts: Mapping[str, str]
    """What may be edited: each file's text by its path, or one text under the empty name."""
    fingerprint: str
    """Of what is bound to happen; an answer counts for this one only."""
    only: bool = False
    """No other can be had: when it is rejected, the run waits where it is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the user says to a proposal."""

    action: Action
    reason: str = ""
    """Of a rejection; for the model."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """After an edit: those that stay, under the proposal's names."""


APPROVED = Verdict("approve")


def seek(deps: Deps, state: AgentState, proposal: Proposal) -> Verdict:
    """The user's verdict; approval where they did not want to be asked.

    A node that runs again gets the verdicts that it had, in their order. The fingerprint of a
    plan or of edits also names this place in the run: the same proposal made again is another
    question. That of a command does not, since it is asked about once.

    Raises:
        Whatever `Deps.consent` pauses the run with, until there is an answer.
    """
    if proposal.kind not in deps.settings.approvals:
        return APPROVED
    if proposal.kind != "commands":
        place = (state.get("events", 0), deps.meter.verdicts)
        proposal = replace(proposal, fingerprint=digest(*place, proposal.fingerprint))
    key = JOURNALLED + proposal.fingerprint
    known = deps.journal.recall(key)
    verdict = read_verdict(known) if known is not None else _ask(deps, proposal)
    if known is None:
        deps.journal.keep(key, verdict_text(verdict))
    deps.meter.verdicts += 1
    return verdict


def _ask(deps: Deps, proposal: Proposal) -> Verdict:
    """Ask until there is an answer to this very proposal; answers to others are passed over."""
    asked = {
        "kind": proposal.kind,
        "title": proposal.title,
        "fingerprint": proposal.fingerprint,
        "ref": deps.blobs.put(proposal_text(proposal)),
    }
    while True:
        answer = deps.consent(asked)
        if answer.get("fingerprint") != proposal.fingerprint:
            continue
        verdict = read_verdict(answer["verdict"])
        if verdict.action == "approve" or not _leaves_it_open(verdict, proposal):
            return verdict


def _leaves_it_open(verdict: Verdict, proposal: Proposal) -> bool:
    """Whether there is still no way on; another command is a proposal of its own."""
    return proposal.kind == "commands" or (proposal.only and verdict.action == "reject")


def plain_answer(verdict: Verdict, fingerprint: str) -> Plain:
    """A verdict on the proposal of that fingerprint, as `Deps.consent` returns it."""
    return {"fingerprint": fingerprint, "verdict": verdict_text(verdict)}


def proposed(asked: Plain, blobs: Blobs) -> Proposal:
    """The proposal that `Deps.consent` was asked about.

    Raises:
        StorageError: its blob is missing.
    """
    return read_proposal(blobs.get(asked["ref"]))


def digest(*parts: object) -> str:
    """A fingerprint of values that have a stable `repr`; SHA-256 in hexadecimal."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


def proposal_text(proposal: Proposal) -> str:
    """The proposal as JSON."""
    return json.dumps(asdict(proposal))


def read_proposal(text: str) -> Proposal:
    """What `proposal_text` wrote."""
    data: dict[str, Any] = json.loads(text)
    return Proposal(**data)


def verdict_text(verdict: Verdict) -> str:
    """The verdict as JSON."""
    return json.dumps(asdict(verdict))


def read_verdict(text: str) -> Verdict:
    """What `verdict_text` wrote."""
    data: dict[str, Any] = json.loads(text)
    return Verdict(**data)
