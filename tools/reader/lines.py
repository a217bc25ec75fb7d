"""Calls in lines: `Action:` with `Action Input:`, a tool's name before JSON, harmony's `to=`."""

import re
from collections.abc import Mapping

from greenloop.tools.reader.asked import Asked, Broken
from greenloop.tools.reader.loose import Failed, read_value
from greenloop.tools.reader.names import Names
from greenloop.tools.reader.python_calls import read_call

ACTION = (
    r"^[ \t>*_#-]*(?:Action|Tool|Function|Tool[ _]Name|Function[ _]Name|✿FUNCTION✿)"
    r"(?:[ _]?\d{1,2})?(?:\*\*|__)?[ \t]*[:：](?:\*\*|__)?"
)
"""Beginning of a line that names a tool, as a pattern; the colon may be bold."""
HARMONY = r"to=(?:functions\.)?[A-Za-z_][\w.]*"
"""A message to a function."""
NAMED = (
    r"^[ \t>*`-]*(?:call:|functions?[.:=]|function\S{0,30}?\uff5c?>)?[A-Za-z_][\w.:/-]*\**[ \t]*"
    r"[:=(]?[ \t]*(?:\[ARGS\]|<\S{1,40}>)?[ \t]*\n?(?:```(?:json)?\n)?(?=\{)"
)
"""Beginning of a line with a name and JSON after it."""

_ACTION = re.compile(
    ACTION + r"[ \t`\"'*]*([A-Za-z_][\w.-]*)(?:\(\))?[`\"'*]*[ \t]*", re.IGNORECASE | re.MULTILINE
)
_INPUT = re.compile(
    r"\s*[ \t>*_#-]*(?:(?:Action|Tool)[ _]?)?"
    r"(?:Input|Args|Arguments|Parameters|Params|Query|✿ARGS✿)(?:[ _]?\d{1,2})?"
    r"(?:\*\*|__)?[ \t]*[:：](?:\*\*|__)?[ \t]*(?:\n?```\w*\n|\n(?=[{\[]))?",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\[([^\n]*)\][ \t`*]*(?:\n|\Z)")
_NEXT_LINE = re.compile(
    r"\n[ \t]*\n|\n[ \t]*`{3}|\Z"
    r"|\n[ \t>*_#-]*(?:Observation|Thought|Action|Final Answer|PAUSE|Result)\b"
)
_PAIR = re.compile(r"\s*([A-Za-z_]\w*)\s*[=:]\s*(\S.*?)\s*")
_NAMED = re.compile(NAMED, re.MULTILINE)
_NAMED_INSIDE = re.compile(NAMED.removeprefix("^"))
_TARGET = re.compile(
    r"to=((?:functions\.)?[A-Za-z_][\w.]*)"
    r"[^\n{<]{0,40}(?:<\|[\w ]+\|>[^\n{<]{0,40}){0,4}\s*(?=\{)"
)
_BEGIN_ARG = re.compile(r"\s*BEGIN_ARG:[ \t]*([\w-]+)[ \t]*\n(.*?)\n?[ \t]*END_ARG", re.DOTALL)
_NO_NAMES = frozenset({"none", "n", "finish", "final", "stop", "null"})


def read_action(text: str, at: int, names: Names) -> Asked | Broken | None:
    """The call of an `Action:` line and its input; None if it names no tool and has no input."""
    match = _ACTION.match(text, at)
    if not match:
        return None
    name, after = match[1], match.end()
    known = names.find(name) is not None
    if text[after : after + 1] == "(":
        return read_call(text, match.start(1), names, tagged=known)
    if text[after : after + 1] == "{":
        return _with_json(text, at, after, name)
    bracket = _BRACKETS.match(text, after)
    if bracket and known:
        return Asked(at, bracket.end(1) + 1, name, _words(bracket[1], names, name), "line")
    return _with_more_lines(text, match, names)


def _with_more_lines(text: str, match: re.Match[str], names: Names) -> Asked | Broken | None:
    """The call whose arguments stand in the lines below the one that names the tool."""
    at, name, after = match.start(), match[1], match.end()
    known = names.find(name) is not None
    blocks = _blocks(text, after)
    if blocks:
        return Asked(at, blocks[1], name, blocks[0], "line")
    given = _INPUT.match(text, after)
    if given and (known or name.lower() not in _NO_NAMES):
        return _with_input(text, at, given.end(), name, names)
    if not known or text[after : after + 1] not in ("", "\n"):
        return None
    return Asked(at, after, name, {}, "line", sure=False)


def read_named(text: str, at: int, names: Names, tagged: bool) -> Asked | Broken | None:
    """A tool's name with its arguments as JSON after it."""
    match = (_NAMED_INSIDE if tagged else _NAMED).match(text, at)
    if not match:
        return None
    words = re.findall(
        r"[A-Za-z_][\w.]*(?::\d+)?", re.sub(r"\[ARGS\]|<[^>]*>|```\w*", " ", match.group())
    )
    words = [word for word in words if word not in ("function", "functions", "call")]
    name = words[-1] if words else ""
    if not name or not (names.find(name) or (tagged and len(words) == 1)):
        return None
    return _with_json(text, at, match.end(), name)


def read_target(text: str, at: int) -> Asked | Broken | None:
    """Harmony: a message to a function."""
    match = _TARGET.match(text, at)
    return _with_json(text, at, match.end(), match[1]) if match else None


def _with_json(text: str, at: int, begin: int, name: str) -> Asked | Broken:
    read = read_value(text, begin)
    if isinstance(read, Failed):
        return Broken(at, name, read.cut)
    whole = not read.unclosed
    arguments = read.value
    if isinstance(arguments, dict) and set(arguments) == {"name", "arguments"}:
        arguments = arguments["arguments"]
    return Asked(at, read.end, name, arguments, "line", read.lossless, whole)


def _with_input(text: str, at: int, begin: int, name: str, names: Names) -> Asked | Broken:
    if text[begin : begin + 1] in ("{", "["):
        return _with_json(text, at, begin, name)
    end = _NEXT_LINE.search(text, begin)
    stop = end.start() if end else len(text)
    return Asked(at, stop, name, _words(text[begin:stop], names, name), "line")


def _words(words: str, names: Names, name: str) -> object:
    """`path: a.py` by name, anything else as the one value."""
    tool = names.find(name)
    pairs = [_PAIR.fullmatch(line) for line in words.strip().split("\n")]
    known = {parameter.name for parameter in tool.parameters} if tool else frozenset()
    found = {pair[1]: _bare(pair[2]) for pair in pairs if pair}
    if found and len(found) == len(pairs) and set(found) <= known:
        return found
    return _bare(words.strip())


def _bare(value: str) -> str:
    for mark in ('"', "'", "`"):
        if len(value) > 1 and value[0] == value[-1] == mark and mark not in value[1:-1]:
            return value[1:-1]
    return value


def _blocks(text: str, at: int) -> tuple[Mapping[str, object], int] | None:
    found: dict[str, object] = {}
    while block := _BEGIN_ARG.match(text, at):
        content = block[1] in ("content", "contents")
        found[block[1]] = f"{block[2]}\n" if content else block[2].strip()
        at = block.end()
    return (found, at) if found else None
