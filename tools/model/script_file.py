r"""The file of a scripted brain: replies as plain text, each below a line that says whose it is.

    # Anything above the first reply is a comment.
    === coder
    words/greet.py
    <<<<<<< SEARCH
    ...
    === reviewer
    VERDICT: keep
    === any
    Said by whoever is asked next.
    === coder gives up: nothing left to try
    === coder fails ModelUnavailableError: the server went away

Blank lines around a reply are left out; a line that begins with `\=== ` is said as `=== `.
"""

import re
from pathlib import Path
from typing import cast

from greenloop import errors
from greenloop.errors import ConfigError, GreenloopError, ReplayError
from greenloop.tools.model.base import Role
from greenloop.tools.model.scripted import ScriptedModel, ScriptedReply

SCRIPTED = "scripted:"
"""Before the file's name where a brain is named."""

_HEADING = re.compile(
    r"=== +(?P<role>planner|coder|reviewer|any)"
    r"(?: +gives up: *(?P<gave_up>.+)| +fails +(?P<error>\w+): *(?P<message>.+))? *"
)


def open_script(path: Path) -> ScriptedModel:
    """The brain that says what a script file says.

    Raises:
        ConfigError: the file cannot be read or is no script.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"the script {path} cannot be read: {why}") from error
    replies = parse_script(text, str(path))
    return ScriptedModel(replies, name=f"{SCRIPTED}{path}", at_end=ReplayError)


def parse_script(text: str, name: str = "the script") -> tuple[ScriptedReply, ...]:
    """The replies in a script.

    Args:
        text: the script.
        name: for messages.

    Raises:
        ConfigError: a heading is malformed, or there is no reply.
    """
    replies: list[ScriptedReply] = []
    heading: re.Match[str] | None = None
    said: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("=== "):
            if heading is not None:
                replies.append(_reply(heading, said, name))
            heading, said = _heading(line, f"{name}, line {number}"), []
        elif heading is not None:
            said.append(line.removeprefix("\\") if line.startswith("\\=== ") else line)
        elif line.strip() and not line.startswith("#"):
            raise ConfigError(
                f"{name}, line {number}: a script begins with `=== coder` or another role; "
                "comments before it begin with #"
            )
    if heading is None:
        raise ConfigError(f"{name} holds no reply: write `=== coder` and the reply below it")
    return (*replies, _reply(heading, said, name))


def _heading(line: str, where: str) -> re.Match[str]:
    found = _HEADING.fullmatch(line)
    if found is None:
        raise ConfigError(
            f"{where}: {line.strip()!r} is no heading: write `=== ROLE` with planner, coder, "
            "reviewer or any, or `=== ROLE gives up: WHY`, or `=== ROLE fails ERROR: MESSAGE`"
        )
    return found


def _reply(heading: re.Match[str], said: list[str], name: str) -> ScriptedReply:
    role = None if heading["role"] == "any" else cast(Role, heading["role"])
    text = "\n".join(said).strip("\n")
    return ScriptedReply(
        f"{text}\n" if text.strip() else "",
        role=role,
        gave_up=heading["gave_up"] or "",
        error=_error(heading["error"], heading["message"], name) if heading["error"] else None,
    )


def _error(kind: str, message: str, name: str) -> GreenloopError:
    found = getattr(errors, kind, None) if kind in errors.__all__ else None
    if found is None:
        known = ", ".join(e for e in errors.__all__ if e.startswith(("Model", "Context")))
        raise ConfigError(f"{name}: {kind} is no error of greenloop; there are {known}")
    return cast(GreenloopError, found(message))
