"""The doctor: everything that a run depends on, looked at in a second or two without a change."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from greenloop.config import Loaded, environment
from greenloop.graph.brain import EMBEDDED
from greenloop.graph.doctor_check import Brain, Check
from greenloop.graph.doctor_machine import check_machine
from greenloop.graph.doctor_project import check_project, read_settings
from greenloop.graph.doctor_server import check_server
from greenloop.graph.doctor_store import check_store
from greenloop.graph.window import profile_store
from greenloop.tools.files import Workspace
from greenloop.tools.sandbox.local import LocalSandbox


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found."""

    repo: str
    model: str
    checks: tuple[Check, ...]

    @property
    def blocked(self) -> bool:
        """Whether a run with the settings' brain cannot work."""
        return self._stopped("embedded" if self.model == EMBEDDED else "model")

    @property
    def embedded_works(self) -> bool:
        """Whether nothing stands in the way of the embedded brain."""
        return not self._stopped("embedded")

    @property
    def verdict(self) -> str:
        """The whole in one line."""
        if not self.blocked:
            return f"nothing blocks a run with {self.model}"
        command = f'greenloop run "TASK" --model {EMBEDDED}'
        if self.model != EMBEDDED and self.embedded_works:
            if any(check.falls_back for check in self.checks):
                return f"no Ollama: a run without --model uses the embedded brain; {command}"
            return f"a run with {self.model} is blocked; the embedded brain works: {command}"
        return "a run is blocked: correct the problems above"

    def _stopped(self, brain: Brain) -> bool:
        return any(brain in check.blocks for check in self.checks)

    def as_json(self) -> dict[str, object]:
        """The diagnosis as plain values."""
        return {
            "status": "blocked" if self.blocked else "ready",
            "exit_code": int(self.blocked),
            "repo": self.repo,
            "model": self.model,
            "embedded_works": self.embedded_works,
            "verdict": self.verdict,
            "checks": [asdict(check) for check in self.checks],
        }


def examine(repo: Path) -> Diagnosis:
    """Look at everything that a run in this folder depends on.

    Raises:
        WorkspaceError: the folder is missing or unreadable.
    """
    folder = Workspace(repo).root
    loaded, first = read_settings(folder)
    return Diagnosis(str(folder), loaded.settings.model, (first, *_rest(loaded, folder)))


def _rest(loaded: Loaded, folder: Path) -> Iterator[Check]:
    settings, sandbox = loaded.settings, LocalSandbox(environment().passed_on)
    yield from check_server(loaded, profile_store(settings.data))
    machine = list(check_machine(settings.data, folder, sandbox))
    yield from machine
    writable = all(check.level != "problem" for check in machine if check.name == "disk")
    yield from check_store(settings, writable=writable)
    yield from check_project(settings, folder, sandbox)
