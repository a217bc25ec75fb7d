"""A fenced shell command as the one action of a reply, for agents that may run commands."""

import ast
import re
from collections.abc import Sequence

from greenloop.tools.reader.asked import Asked, Block
from greenloop.tools.reader.base import Refusal
from greenloop.tools.reader.content import parses_as_python
from greenloop.tools.reader.registry import COMMAND_TOOL

_SHELLS = frozenset(
    {"bash", "sh", "shell", "zsh", "console", "terminal", "cmd", "shell-session", "execute"}
)
_PROGRAMS = frozenset(
    """ls cat cd pwd grep rg find sed awk head tail less wc echo mkdir rm mv cp touch chmod python
    python3 pytest pip pip3 npm npx yarn pnpm node make git tree cargo go ruff mypy uv poetry tox
    bash sh curl wget export source which env du df sort uniq diff xargs tee printf test ./run
    docker java javac mvn gradle gcc g++ cmake ctest dotnet ruby bundle rake php composer""".split()  # noqa: SIM905
)
_BEGINS_SHELL = re.compile(r"\s*[\w./-]+(?:[ \t]+[^=\s]|\s*\Z)")
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_PYTHON_LINE = re.compile(
    r"^[ \t]*(?:import \w|from [\w.]+ import |def \w+\(|class \w+|print\("
    r"|(?:for|while|if|with) .+:\s*$"
    r"|[A-Za-z_]\w* = |@\w)",
    re.MULTILINE,
)


def command_in(blocks: Sequence[Block]) -> Asked | Refusal | None:
    """The command of the only shell block; None if no block is one.

    A block without a language counts when it begins like a command or is clearly Python.
    """
    commands = [block for block in blocks if _is_shell(block)]
    python = [block for block in blocks if block.language in _SHELLS | {""} and _is_python(block)]
    if python and not commands:
        return Refusal(
            "not_a_shell_command",
            "the block is Python, not a shell command; write it to a file, or run python -c",
        )
    if len(commands) > 1:
        return Refusal("more_than_one_action", "send exactly one command, then wait for its result")
    if not commands:
        return None
    block = commands[0]
    prompted = _PROMPT.search(block.body) is not None
    lines = [line for line in block.body.split("\n") if not prompted or line.startswith("$ ")]
    command = _PROMPT.sub("", "\n".join(lines)).strip()
    end = block.start + len(block.body)
    return Asked(block.start, end, COMMAND_TOOL, command, "shell", whole=block.closed)


def _is_shell(block: Block) -> bool:
    body = block.body.strip()
    if not body or _is_python(block):
        return False
    if block.language in _SHELLS or block.language.endswith("bash_command"):
        return True
    words = body.removeprefix("$ ").split()
    return (
        not block.language
        and (body.startswith("$ ") or words[0] in _PROGRAMS)
        and ("\n" not in body or body.startswith("$ "))
    )


def _is_python(block: Block) -> bool:
    body = block.body
    if _BEGINS_SHELL.match(body) and body.split()[0] in _PROGRAMS:
        return False
    if not _PYTHON_LINE.search(body) or not parses_as_python(body):
        return False
    return any(not isinstance(node, ast.Expr) or _calls(node) for node in ast.parse(body).body)


def _calls(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call)
