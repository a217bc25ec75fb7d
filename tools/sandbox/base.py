"""The sandbox protocol: run one command within limits, and say how it ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

EndReason = Literal["exit", "timeout", "output_limit"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use."""

    timeout_s: float = 120.0
    keep_bytes: int = 16 * 1024
    """Kept of the head and again of the tail of the output; the middle is counted."""
    output_bytes: int = 64 * 1024 * 1024
    """Past this the command is killed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run; no shell is involved unless argv names one."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the sandbox's own clean environment."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended, and what it printed (stdout and stderr together)."""

    exit_code: int
    """Negative: the signal that ended it, as in subprocess."""
    reason: EndReason
    output: str
    """Decoded as UTF-8 with replacement; head and tail with a mark where the middle was left."""
    total_bytes: int
    seconds: float


class Sandbox(Protocol):
    """Where commands run. Implementations differ in what they keep the command from."""

    level: str
    """Shown to the user in the banner, for example `limited`."""

    def run(
        self, command: Command, *, on_output: Callable[[bytes], None] | None = None
    ) -> CommandResult:
        """Run to the end or to a limit; every process of the group is gone on return.

        Raises:
            SandboxError: the command could not be started at all (its message says why).
        """
        ...
