"""What a run came to, as a record for people and programs."""

from dataclasses import asdict, dataclass
from typing import Any

from greenloop.checkpoints.snapshots import SnapshotStore
from greenloop.checkpoints.threads import Thread
from greenloop.state import AgentState, Spent, TestSummary

GREEN, UNSOLVED, INTERRUPTED = 0, 1, 130
"""Exit codes of runs; those of errors are in their classes. 130 is the shell's for Ctrl-C."""

_EXIT = {"green": GREEN, "unsolved": UNSOLVED, "interrupted": INTERRUPTED}


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run, or the point where it was interrupted."""

    thread: str
    repo: str
    task: str
    model: str
    status: str
    """green, unsolved or interrupted."""
    before: TestSummary | None
    after: TestSummary | None
    changed: tuple[str, ...]
    diff: str
    """Unified diff from the files before the run to the files as they are."""
    spent: Spent

    @property
    def exit_code(self) -> int:
        """For the shell."""
        return _EXIT[self.status]

    def as_json(self) -> dict[str, Any]:
        """The record for `--json`."""
        return {
            "thread": self.thread,
            "status": self.status,
            "exit_code": self.exit_code,
            "repo": self.repo,
            "task": self.task,
            "model": self.model,
            "tests": {"before": _numbers(self.before), "after": _numbers(self.after)},
            "changed": list(self.changed),
            "diff": self.diff,
            "spent": asdict(self.spent),
        }


def make_result(
    thread: Thread, state: AgentState, snapshots: SnapshotStore, status: str, model: str
) -> RunResult:
    """Read the result off the last checkpoint's state."""
    base = state.get("base_tree", thread.base_tree)
    tree = state.get("tree", base)
    return RunResult(
        thread=thread.thread,
        repo=thread.repo,
        task=thread.task,
        model=model,
        status=status,
        before=state.get("baseline"),
        after=state.get("report"),
        changed=tuple(change.path for change in snapshots.changed(base, tree)),
        diff=snapshots.diff(base, tree),
        spent=state.get("spent", Spent()),
    )


def _numbers(summary: TestSummary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    return {
        "passed": summary.passed,
        "failed": summary.failed,
        "skipped": summary.skipped,
        "broken": summary.broken,
        "kind": summary.kind,
        "failing": [failure.test_id for failure in summary.failures],
    }
