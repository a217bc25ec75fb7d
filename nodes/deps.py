"""The live objects that nodes work with. State is data; these are injected at each run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from greenloop.checkpoints.blobs import Blobs
from greenloop.checkpoints.events import EventLog
from greenloop.checkpoints.journal import Journal
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.config import Settings
from greenloop.errors import InfrastructureError
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ChatModel
from greenloop.tools.retrieval.base import Retriever
from greenloop.tools.runner.run import TestRunner

Consent = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Asks the user; both ways plain strings by name. See `nodes.approval`."""


class Meter:
    """Counts model calls, tokens and the user's verdicts within one node."""

    def __init__(self) -> None:
        self.calls = 0
        self.tokens = 0
        self.verdicts = 0

    def reset(self) -> None:
        """Start a new node."""
        self.calls = self.tokens = self.verdicts = 0


class Footing:
    """Which files are there by the run's own doing; what else is found is somebody else's."""

    def __init__(self) -> None:
        self.start = ""
        """Snapshot to go back to if the node fails: what it found, with what others saved since."""
        self.now = ""
        """Snapshot of the files as the node left them last; empty while it is changing them."""


def _nobody(asked: Mapping[str, str]) -> Mapping[str, str]:
    raise InfrastructureError(f"there is nobody to ask about {asked['title']}: run without approve")


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a node may use."""

    model: ChatModel
    runner: TestRunner
    workspace: Workspace
    snapshots: SnapshotStore
    events: EventLog
    journal: Journal
    blobs: Blobs
    retriever: Retriever
    """Loads nothing heavy before it is first asked."""
    settings: Settings
    meter: Meter = field(default_factory=Meter)
    footing: Footing = field(default_factory=Footing)
    clock: Callable[[], float] = time.monotonic
    consent: Consent = _nobody
    """Returns an answer, or pauses the run until there is one."""
    pauses: tuple[type[BaseException], ...] = ()
    """What `consent` raises to pause the run; such a node has not failed."""
