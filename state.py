"""The typed state that the graph passes from node to node, and the records in it.

Pure data without I/O. Everything here is small and bounded: what grows (prompts, replies, test
output, diffs) lives in the event table and the blob store and is named here by reference only,
because every checkpoint holds the whole state.
"""

from dataclasses import dataclass
from typing import Literal, TypedDict

STATE_VERSION = 1
"""Raised when a field changes its meaning; stored with each thread and checked on resume."""

MAX_FAILING = 30
"""Failures kept in a summary; the full report is a blob."""

NodeName = Literal["plan", "code", "test", "review", "replan", "done"]
Status = Literal["running", "green", "unsolved"]
FailureClass = Literal[
    "none",
    "syntax",
    "import",
    "name",
    "assertion",
    "exception",
    "timeout",
    "collection",
    "crash",
    "no_tests",
    "command",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: what to do, and whether it is done."""

    text: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A revision of the plan. Older revisions are events."""

    steps: tuple[Step, ...]
    revision: int = 1
    why: str = ""
    """Why this revision replaced the one before; empty for the first."""

    def __post_init__(self) -> None:
        # The checkpoint codec turns tuples into lists.
        object.__setattr__(self, "steps", tuple(self.steps))


@dataclass(frozen=True, slots=True)
class TestFailure:
    """One failing test, short enough for a prompt."""

    __test__ = False  # its name would make pytest collect it

    test_id: str
    kind: FailureClass
    message: str
    path: str = ""
    """File of the innermost frame inside the workspace, relative; empty when unknown."""
    line: int = 0
    excerpt: str = ""
    """The end of the traceback, at most some forty lines."""


@dataclass(frozen=True, slots=True)
class TestSummary:
    """A test run in numbers, with the first failures; the whole report is the blob `ref`."""

    __test__ = False

    passed: int
    failed: int
    skipped: int
    kind: FailureClass
    """The class of the run as a whole: the most basic failure in it, `none` when green."""
    failures: tuple[TestFailure, ...] = ()
    structured: bool = True
    """False when only an exit code was to be had."""
    exit_code: int = 0
    seconds: float = 0.0
    ref: str = ""
    broken: int = 0
    """Tests that are worse than before the run: failing, skipped or gone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "failures", tuple(self.failures))

    @property
    def green(self) -> bool:
        """Every test that ran passed, none that passed before is missing, and some ran."""
        clean = self.kind == "none" and self.failed == 0 and self.broken == 0
        return clean and self.passed > 0


@dataclass(frozen=True, slots=True)
class Review:
    """The verdict on a green tree."""

    keep: bool
    reasons: tuple[str, ...] = ()
    by: Literal["rules", "model"] = "rules"

    def __post_init__(self) -> None:
        object.__setattr__(self, "reasons", tuple(self.reasons))


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """How good a tree is; larger is better, compared field by field."""

    accepted: bool = False
    """Review kept it."""
    green: bool = False
    broken: int = 0
    """Minus the number of tests that passed before and fail now."""
    failed: int = 0
    """Minus the number of failing tests."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best tree so far. A later attempt replaces it only by a higher score."""

    tree: str
    score: Score
    report: TestSummary


@dataclass(frozen=True, slots=True)
class Spent:
    """What the thread has used."""

    steps: int = 0
    """Super-steps."""
    model_calls: int = 0
    tokens: int = 0
    """Prompt and reply tokens, as the server counted them."""
    seconds: float = 0.0
    """Time inside nodes."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Where the thread must stop; compared with `Spent`, field by field."""

    steps: int = 40
    model_calls: int = 30
    tokens: int = 200_000
    seconds: float = 1800.0


class AgentState(TypedDict, total=False):
    """What a checkpoint holds. Nodes return only the keys they change."""

    task: str
    """The user's words."""
    plan: Plan
    step: int
    """Index of the current step in the plan."""
    attempt: int
    """Repairs made at this step since the last progress; 0 for the first try."""
    replans: int
    feedback: str
    """What the next coder or planner must know of the last failure; bounded."""
    changed: bool
    """Whether the last code node changed the tree."""
    tried: tuple[str, ...]
    """Fingerprints of trees that were tested and of edits that were refused; the last few."""
    gave_up: str
    """Why the brain has nothing more to offer; empty while it has."""
    allowed: tuple[str, ...]
    """Test commands that the user has approved, where they want to be asked."""
    base_tree: str
    """Snapshot of the files before the run, with what others have changed since."""
    tree: str
    """Snapshot of the files as the last finished node left them."""
    best: Best
    baseline: TestSummary
    report: TestSummary
    review: Review
    spent: Spent
    budget: Budget
    max_repairs: int
    """Repairs without progress before a new plan."""
    max_replans: int
    status: Status
    events: int
    """Number of the checkpoint: the last super-step whose events are complete. Only goes up: a
    rewind is a further checkpoint."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the event log: who did what, when; large content by reference."""

    thread: str
    step: int
    """Super-step that wrote it."""
    seq: int
    """Order within the super-step; (thread, step, seq) is the key."""
    node: str
    kind: str
    """started, running, plan, prompt, reply, refused, lookup, edits, diff, tests, review, replan,
    theirs, saved, note, failed, finished; between super-steps: waiting, asked, answered, saved,
    undo, intent (of a rewind or a fork), moved (a checkpoint that no node made: the start, a
    rewind, a fork)."""
    text: str = ""
    """One line for a person."""
    sender: str = ""
    receiver: str = ""
    ref: str = ""
    """Blob with the whole content, if there is more than `text`."""
    tokens: int = 0
    at: float = 0.0
    """Seconds since the epoch, UTC."""
    tree: str = ""
    """Snapshot that the event names, such as the files that it leaves or keeps."""


CHECKPOINTED: tuple[type, ...] = (
    Step,
    Plan,
    TestFailure,
    TestSummary,
    Review,
    Score,
    Best,
    Spent,
    Budget,
)
"""The only classes that a checkpoint may be decoded into."""


def over_budget(spent: Spent, budget: Budget) -> str:
    """Name of the first exhausted limit, or the empty string."""
    limits = ("steps", "model_calls", "tokens", "seconds")
    return next((n for n in limits if getattr(spent, n) >= getattr(budget, n)), "")


__all__ = [
    "CHECKPOINTED",
    "MAX_FAILING",
    "STATE_VERSION",
    "AgentState",
    "Best",
    "Budget",
    "Event",
    "FailureClass",
    "NodeName",
    "Plan",
    "Review",
    "Score",
    "Spent",
    "Status",
    "Step",
    "TestFailure",
    "TestSummary",
    "over_budget",
]
