"""Running the tests before the work begins, once: a plan that waits for its user runs again."""

import json
from dataclasses import asdict
from typing import Any

from greenloop.nodes.approval import digest
from greenloop.nodes.deps import Deps
from greenloop.nodes.theirs import tidied
from greenloop.tools.runner.report import Frame, TestCase, TestReport

JOURNALLED = "tests:"
"""Begins the keys of test runs in the journal, which also has the replies of the brain."""


def run_once(deps: Deps, tree: str) -> TestReport:
    """The tests' report on this tree; from the journal where this super-step has it already.

    Another tree or another command is another run.

    Raises:
        SandboxError, StorageError: see `TestRunner.run`, `Journal.keep`.
    """
    command = deps.runner.command
    key = JOURNALLED + digest(tree, command.argv, sorted(command.env.items()))
    known = deps.journal.recall(key)
    if known is not None:
        return _read(json.loads(known))
    with tidied(deps, tree):
        report = deps.runner.run()
    deps.journal.keep(key, json.dumps(asdict(report)))
    return report


def _read(data: dict[str, Any]) -> TestReport:
    errors = tuple(map(_case, data.pop("collection_errors")))
    return TestReport(cases=tuple(map(_case, data.pop("cases"))), collection_errors=errors, **data)


def _case(data: dict[str, Any]) -> TestCase:
    return TestCase(frames=tuple(Frame(**frame) for frame in data.pop("frames")), **data)
