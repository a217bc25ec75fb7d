"""What a run came to, as a record for people and programs."""

from dataclasses import asdict, dataclass
from typing import Any

from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.checkpoints.threads import Thread
from greenloop.nodes.approval import Proposal
from greenloop.state import AgentState, Spent, TestSummary

GREEN, UNSOLVED, WAITING, INTERRUPTED = 0, 1, 4, 130
"""Exit codes of runs; those of errors are in their classes. 130 is the shell's for Ctrl-C."""

_EXIT = {"green": GREEN, "unsolved": UNSOLVED, "waiting": WAITING, "interrupted": INTERRUPTED}


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run, or the point where it was interrupted."""

    thread: str
    repo: str
    task: str
    model: str
    status: str
    """green, unsolved, waiting or interrupted."""
    before: TestSummary | None
    after: TestSummary | None
    changed: tuple[str, ...]
    diff: str
    """Unified diff from the files before the run to the files as they are."""
    spent: Spent
    asked: Proposal | None = None
    """What a waiting thread asks its user."""

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
            "asked": _question(self.asked),
        }


def make_result(
    thread: Thread, state: AgentState, snapshots: SnapshotStore, end: str | Proposal, model: str
) -> RunResult:
    """Read the result off the last checkpoint's state.

    Args:
        thread: the row.
        state: of its last checkpoint.
        snapshots: those of the thread.
        end: how it ended, or what it waits for.
        model: the brain at work.
    """
    base = state.get("base_tree", thread.base_tree)
    tree = state.get("tree", base)
    return RunResult(
        thread=thread.thread,
        repo=thread.repo,
        task=thread.task,
        model=model,
        status=end if isinstance(end, str) else "waiting",
        before=state.get("baseline"),
        after=state.get("report"),
        changed=tuple(change.path for change in snapshots.changed(base, tree)),
        diff=snapshots.diff(base, tree),
        spent=state.get("spent", Spent()),
        asked=None if isinstance(end, str) else end,
    )


def _question(asked: Proposal | None) -> dict[str, str] | None:
    if asked is None:
        return None
    return {"kind": asked.kind, "title": asked.title, "body": asked.body}


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
