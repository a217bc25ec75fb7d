"""The embedded brain: a `ChatModel` that searches for an edit instead of asking a language model.

It works on the brief, not on the prompt: it locates the fault, tries small edits on the failing
tests, proves the best by the whole suite, and answers in the format that models answer in.
"""

import time
from pathlib import Path

from greenloop.errors import CancelledError
from greenloop.tools.model.base import Brief, ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.profile import DEFAULT
from greenloop.tools.repair.repair import Repair
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.base import Sandbox

_SHOWN = 5


class RepairModel:
    """Mends failing pytest tests by search; needs no model, no network and no GPU."""

    name = "repair"
    reads_prompt = False
    window = Window(0, 0)
    profile = DEFAULT

    def __init__(self, sandbox: Sandbox, command: TestCommand, deadline_s: float = 300.0) -> None:
        """`deadline_s` bounds one reply of the coder, in seconds."""
        self._sandbox = sandbox
        self._command = command
        self._deadline_s = deadline_s
        self._cancelled = False

    def count(self, text: str) -> int:
        """Nothing: it reads no text."""
        return 0

    def cancel(self) -> None:
        """End the search at its next sign of life; see `ChatModel.cancel`."""
        self._cancelled = True

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Plan, repair or review, by the request's role; see `ChatModel.reply`.

        Raises:
            SandboxError: the project's interpreter could not be run.
            CancelledError: `cancel` was called.
        """
        started = time.monotonic()
        self._cancelled = False

        def tell(text: str) -> None:
            if self._cancelled:
                raise CancelledError("the search was broken off")
            if on_text is not None:
                on_text(text)

        match request.role:
            case "planner":
                text, gave_up = _plan(request.brief), ""
            case "reviewer":
                text, gave_up = _review(request.brief), ""
            case "coder":
                text, gave_up = self._code(request.brief, tell)
        return ModelReply(text, seconds=time.monotonic() - started, gave_up=gave_up)

    def _code(self, brief: Brief, tell: OnText) -> tuple[str, str]:
        if self._command.python is None:
            return "", (
                "the embedded brain works with pytest only, and the test command is not a plain "
                "pytest call; set --test-cmd to one, or use a model"
            )
        workspace = Path(brief.workspace).resolve()
        repair = Repair(self._sandbox, self._command, workspace, self._deadline_s, tell)
        return repair.propose(brief)


def _plan(brief: Brief) -> str:
    names = [failure.test_id for failure in brief.failures]
    if not names:
        return "1. Find failing tests and make them pass."
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    noun = "test" if len(names) == 1 else "tests"
    return f"1. Make {len(names)} failing {noun} pass: {', '.join(names[:_SHOWN])}{more}"


def _review(brief: Brief) -> str:
    lines = brief.diff.splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    if brief.failures:
        count = len(brief.failures)
        return f"VERDICT: keep\n{count} tests still fail; the edit was proven against the others."
    return (
        f"VERDICT: keep\nEvidence: the whole suite passes with {len(changed)} changed lines; "
        "a search cannot judge more than the tests do."
    )
