"""Runs of the graph in this process, with a scripted brain and a quick test command."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from greenloop.checkpoints.events import Listener, read_events
from greenloop.config import load
from greenloop.graph.result import RunResult
from greenloop.graph.resume import Files, resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import Storage, open_storage
from greenloop.state import Event
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

CHECK = "sh check.sh"
"""Each line of `wanted` must be in `answer.txt`."""
FILES = {
    "check.sh": 'while read -r word; do grep -q "$word" answer.txt || exit 1; done < wanted\n',
    "wanted": "red\nblue\n",
    "answer.txt": "none\n",
}


@dataclass
class Bench:
    """One folder, its storage, and what was run."""

    folder: Path
    storage: Storage
    model: ScriptedModel

    def start(
        self, task: str, *replies: Any, listener: Listener | None = None, **settings: Any
    ) -> RunResult:
        """Run a task with these replies."""
        self.model = ScriptedModel(replies)
        run = Run(listeners=(listener,) if listener else (), model=self.model)
        return start(task, self.workspace(), self.settings(settings), self.storage, run)

    def resume(self, *replies: Any, files: Files = "ask", **settings: Any) -> RunResult:
        """Go on with the only thread."""
        self.model = ScriptedModel(replies)
        (thread,) = self.storage.threads.all()
        return resume(
            thread, self.workspace(), self.settings(settings), self.storage,
            Run(model=self.model), files,
        )  # fmt: skip

    def settings(self, more: dict[str, Any]) -> Any:
        """Quick settings for a test."""
        return load({"test_cmd": CHECK, "retrieval": "none", "model": "scripted", **more}).settings

    def workspace(self) -> Workspace:
        """The folder as a workspace."""
        return Workspace(self.folder)

    def events(self) -> list[Event]:
        """Everything that happened in the only thread."""
        (thread,) = self.storage.threads.all()
        return read_events(self.storage.database, thread.thread)

    def path(self) -> list[str]:
        """Nodes that finished, in order."""
        return [event.node for event in self.events() if event.kind == "finished"]

    def texts(self, kind: str) -> list[str]:
        """The lines of one kind of event."""
        return [event.text for event in self.events() if event.kind == kind]

    def only(self, kind: str) -> Event:
        """The one event of that kind."""
        (event,) = (event for event in self.events() if event.kind == kind)
        return event

    def answer(self) -> str:
        """The file that the check reads."""
        return (self.folder / "answer.txt").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with open_storage(tmp_path / "data") as storage:
        yield Bench(folder, storage, ScriptedModel(()))


def say(*words: str) -> str:
    """A reply that writes the answer."""
    body = "\n".join(words)
    return f"answer.txt\n```\n{body}\n```\n"
