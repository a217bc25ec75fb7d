"""Approvals as LangGraph interrupts: a run pauses, its question is kept, an answer goes on.

The question and the answer are events too, which are read without LangGraph and name what they
need, so that it is kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.blobs import Blobs
from greenloop.checkpoints.databases.base import Database
from greenloop.checkpoints.events import EventLog, read_events
from greenloop.errors import ThreadError
from greenloop.nodes.approval import (
    APPROVED,
    Plain,
    Proposal,
    Verdict,
    plain_answer,
    proposal_text,
    proposed,
    read_proposal,
)
from greenloop.nodes.command_approval import command_proposal
from greenloop.state import Event
from greenloop.tools.runner.command import TestCommand

if TYPE_CHECKING:
    from langgraph.types import Command

INTERRUPT = "__interrupt__"
"""Key under which LangGraph's stream tells of an interrupt."""


def consent(asked: Plain) -> Plain:
    """Pause the graph until there is an answer; see `Deps.consent`.

    Raises:
        GraphInterrupt: there is none yet.
    """
    from langgraph.types import interrupt  # noqa: PLC0415

    answer: Plain = interrupt(dict(asked))
    return answer


def pauses() -> tuple[type[BaseException], ...]:
    """What `consent` raises; see `Deps.pauses`."""
    from langgraph.errors import GraphInterrupt  # noqa: PLC0415

    return (GraphInterrupt,)


def asked_in(part: Any) -> Plain | None:
    """What a part of the stream says that is asked, if it does."""
    if not isinstance(part, Mapping) or INTERRUPT not in part:
        return None
    asked: Plain = part[INTERRUPT][0].value
    return asked


@dataclass(frozen=True, slots=True)
class Questions:
    """What a thread has asked its user behind one checkpoint."""

    thread: str
    step: int
    """Number of the checkpoint."""
    database: Database
    blobs: Blobs

    def pending(self) -> Proposal | None:
        """What waits for an answer; None when nothing does.

        Raises:
            StorageError: the question's blob is missing.
        """
        last = self._last_word()
        return read_proposal(self.blobs.get(last.ref)) if last and last.kind == "asked" else None

    def given(self) -> "Command[Any] | None":
        """The last answer again, if it is newer than the last question.

        A kill may have come before the run took it. Where it did take it, this does nothing: the
        answer is for that question only.

        Raises:
            StorageError: the answer's blob is missing.
        """
        last = self._last_word()
        if last is None or last.kind != "answered":
            return None
        return _command(json.loads(self.blobs.get(last.ref)))

    def note(self, asked: Plain, events: EventLog) -> Proposal:
        """Put a question on record, once."""
        proposal = proposed(asked, self.blobs)
        if self.pending() != proposal:
            events.after(self.step)
            text = f"{proposal.kind}: {proposal.title}"
            events.emit("asked", text, content=proposal_text(proposal), receiver="user")
        return proposal

    def answer(
        self, verdict: Verdict, events: EventLog, given: TestCommand | None = None
    ) -> "Command[Any]":
        """Put the verdict on record; returns it as LangGraph's input.

        Args:
            verdict: on what is pending.
            events: the log.
            given: the test command, if the user gives another with the answer; unless they
                reject, that approves it.

        Raises:
            ThreadError: nothing is pending.
        """
        proposal = self.pending()
        if proposal is None:
            raise ThreadError(f"{self.thread} asks nothing now: resume it without an answer")
        said, fingerprint = spoken(verdict), proposal.fingerprint
        if given and proposal.kind == "commands" and verdict.action != "reject":
            fingerprint, verdict = command_proposal(given).fingerprint, APPROVED
        answer = plain_answer(verdict, fingerprint)
        events.after(self.step)
        events.emit("answered", said, content=json.dumps(answer), sender="user")
        return _command(answer)

    def _last_word(self) -> Event | None:
        events = read_events(self.database, self.thread, after=self.step - 1)
        said = [e for e in events if e.step == self.step and e.kind in ("asked", "answered")]
        return said[-1] if said else None


def _command(answer: Plain) -> "Command[Any]":
    """An answer as LangGraph's input."""
    from langgraph.types import Command  # noqa: PLC0415

    return Command(resume=dict(answer))


def spoken(verdict: Verdict) -> str:
    """A verdict in one line."""
    words = {"approve": "approved", "edit": "approved with changes", "reject": "rejected"}
    return f"{words[verdict.action]}: {verdict.reason}" if verdict.reason else words[verdict.action]
