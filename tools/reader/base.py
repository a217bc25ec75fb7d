"""What can be asked for in a reply, and what was found in one: tools, calls, edits, refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from greenloop.tools.edits import Edit

Kind = Literal["string", "integer", "boolean", "array"]

Reason = Literal[
    "already_applied",
    "ambiguous",
    "degenerate_repetition",
    "elided_code",
    "empty",
    "missing_required",
    "missing_search_marker",
    "more_than_one_action",
    "noop_edit",
    "not_a_shell_command",
    "not_found",
    "placeholder_path",
    "shrinks_file",
    "syntax_error",
    "truncated",
    "unfit",
    "unknown_tool",
]
"""Why something is not carried out; `unfit` for whatever has no name of its own."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool."""

    name: str
    kind: Kind = "string"
    required: bool = True
    about: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model may ask for."""

    name: str
    about: str
    """One short sentence, for the prompt."""
    parameters: tuple[Parameter, ...] = ()
    mutates: bool = False
    """A call that changes something is never taken from a cut or repaired reply."""
    tells: bool = True
    """Its result is news that later calls would depend on; False where it only acknowledges."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to run, with arguments of the declared names and kinds."""

    tool: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing of a reply is carried out."""

    reason: Reason
    feedback: str
    """A short recipe, for the model."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply asks for: calls, or edits, or nothing; or why it is refused."""

    calls: tuple[Call, ...] = ()
    edits: tuple[Edit, ...] = ()
    refusal: Refusal | None = None
    text: str = ""
    """The words for a person, without thoughts; the whole answer where nothing is asked for."""
    dropped: int = 0
    """Calls after the first whose result they would depend on; not carried out."""


REASONS: frozenset[str] = frozenset(get_args(Reason))


def reason_of(name: str) -> Reason:
    """The reason of this name; `unfit` for any other word."""
    return cast(Reason, name) if name in REASONS else "unfit"
