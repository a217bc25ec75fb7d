"""What a recording of a brain is made of: who was asked, what was asked, what came of it.

Requests are kept and compared in a normalised form, see `normalise.py`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from greenloop.errors import GreenloopError
from greenloop.tools.model.base import ModelReply, ModelRequest, Window
from greenloop.tools.model.normalise import normalise
from greenloop.tools.model.profile import Profile


@dataclass(frozen=True, slots=True)
class Header:
    """Which brain was recorded, as far as the nodes can tell, and on which task."""

    model: str
    reads_prompt: bool
    window: Window
    profile: Profile
    task: str
    program: str
    """Version of greenloop."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in its normalised form; two that are equal get the same reply."""

    role: str
    temperature: float
    seed: int | None
    schema: str
    """As JSON; empty for none."""
    tools: tuple[str, ...]
    """Names of the tools on offer."""
    messages: tuple[tuple[str, str], ...]
    """Role and content; for a brain that reads no prompt the brief instead, as one message."""

    @classmethod
    def of(cls, request: ModelRequest, *, reads_prompt: bool) -> Self:
        """The normalised form of a request."""
        workspace = request.brief.workspace
        turns = (
            [(message.role, message.content) for message in request.messages]
            if reads_prompt
            else [("brief", _facts(request))]
        )
        return cls(
            role=request.role,
            temperature=request.temperature,
            seed=request.seed,
            schema=json.dumps(request.schema, sort_keys=True) if request.schema else "",
            tools=tuple(tool.name for tool in request.tools),
            messages=tuple((role, normalise(text, workspace)) for role, text in turns),
        )

    @property
    def key(self) -> str:
        """Hash of everything in it."""
        whole = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    def lines(self) -> list[tuple[str, str]]:
        """All of it for a comparison: where a line stands, and the line."""
        found = [
            ("role", self.role),
            ("temperature", f"{self.temperature:g}"),
            ("seed", str(self.seed)),
            ("schema", self.schema),
            ("tools", ", ".join(self.tools)),
        ]
        for number, (role, text) in enumerate(self.messages, 1):
            where = f"message {number} ({role})"
            found += [(f"{where}, line {n}", line) for n, line in enumerate(text.split("\n"), 1)]
        return found


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and what came of it."""

    asked: Asked
    outcome: ModelReply | GreenloopError
    chars_per_token: float
    """By which the brain counted when it was asked; 0 for one that does not count."""
    window: Window
    """That the brain had when it was asked; a server may have granted less than was wanted."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as read."""

    path: Path
    header: Header
    entries: tuple[Entry, ...]


def _facts(request: ModelRequest) -> str:
    """The brief as text."""
    brief = request.brief
    parts = [f"task: {brief.task}", f"ordinal: {brief.ordinal}"]
    for failure in brief.failures:
        parts.append(f"{failure.test_id} ({failure.kind}) at {failure.path}:{failure.line}")
        parts += [failure.message, failure.excerpt]
    return "\n".join([*parts, brief.diff])
