"""Asking before a test command is first run in a thread."""

import shlex

from greenloop.nodes.approval import Proposal, digest, seek
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState
from greenloop.tools.runner.command import TestCommand


def allowed_commands(state: AgentState, deps: Deps) -> tuple[str, ...]:
    """Command lines that the user has approved, the one at hand now among them.

    Where the user did not want to be asked: those approved so far.

    Raises:
        Whatever `Deps.consent` pauses the run with.
    """
    allowed = tuple(state.get("allowed", ()))
    line = command_line(deps.runner.command)
    if line in allowed or "commands" not in deps.settings.approvals:
        return allowed
    seek(deps, state, command_proposal(deps.runner.command))
    return (*allowed, line)


def command_proposal(command: TestCommand) -> Proposal:
    """The question whether this command may be run."""
    line = command_line(command)
    return Proposal("commands", "the test command", line, {"": line}, digest(line), only=True)


def command_line(command: TestCommand) -> str:
    """The command as it is run, with the variables set for it."""
    given = [f"{name}={shlex.quote(value)}" for name, value in command.env.items()]
    return " ".join([*given, command.shown])
