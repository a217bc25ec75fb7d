"""What a test run found, as records; the structured report that verdicts are made from."""

from dataclasses import dataclass
from typing import Literal

from greenloop.state import FailureClass

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]


@dataclass(frozen=True, slots=True)
class Frame:
    """A traceback frame inside the workspace."""

    path: str
    """Relative to the workspace, with forward slashes."""
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test's outcome; `error` is a failure outside the test's own body."""

    __test__ = False  # its name would make pytest collect it

    test_id: str
    outcome: Outcome
    seconds: float = 0.0
    kind: FailureClass = "none"
    error: str = ""
    """Exception class name, for example `AssertionError`."""
    message: str = ""
    frames: tuple[Frame, ...] = ()
    """Outermost first."""
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class TestReport:
    """A whole run."""

    __test__ = False

    cases: tuple[TestCase, ...]
    exit_code: int
    kind: FailureClass
    """Class of the run: the most basic failure in it; `none` when green."""
    structured: bool
    """False when no report was written and only the exit code speaks."""
    output: str
    seconds: float
    collection_errors: tuple[TestCase, ...] = ()

    @property
    def passed(self) -> frozenset[str]:
        """Ids of the tests that passed."""
        return frozenset(c.test_id for c in self.cases if c.outcome in ("passed", "xfailed"))

    @property
    def failing(self) -> tuple[TestCase, ...]:
        """Failed and broken tests, and files that could not be collected."""
        bad = tuple(c for c in self.cases if c.outcome in ("failed", "error"))
        return self.collection_errors + bad
