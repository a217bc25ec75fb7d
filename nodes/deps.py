"""The live objects that nodes work with. State is data; these are injected at each run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.events import EventLog
from greenloop.checkpoints.snapshots import SnapshotStore
from greenloop.config import Settings
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ChatModel
from greenloop.tools.retrieval.base import Retriever
from greenloop.tools.runner.run import TestRunner


class Meter:
    """Counts model calls and tokens within one node."""

    def __init__(self) -> None:
        self.calls = 0
        self.tokens = 0

    def reset(self) -> None:
        """Start a new node."""
        self.calls = self.tokens = 0


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a node may use."""

    model: ChatModel
    runner: TestRunner
    workspace: Workspace
    snapshots: SnapshotStore
    events: EventLog
    blobs: BlobStore
    retriever: Retriever
    """Loads nothing heavy before it is first asked."""
    settings: Settings
    meter: Meter = field(default_factory=Meter)
    clock: Callable[[], float] = time.monotonic
