"""Calls between tags: `<function=..>`, `<invoke name=..>`, `<read_file><path>..`, and relatives.

Not XML: nothing is escaped and closing tags are forgotten, so values are cut out by their tags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from greenloop.tools.reader.asked import Asked, Broken
from greenloop.tools.reader.base import Tool
from greenloop.tools.reader.loose import Loose, after_blanks, read_value
from greenloop.tools.reader.names import Names

_NAMED = re.compile(
    r"<(?:\w+:)?(function|tool|invoke|tool_call|call|action|function_call|tool_use)"
    r"(?:\s*=\s*|\s+(?:name|tool|function|tool_name)\s*=\s*)[\"']?([\w.:-]+)[\"']?([^<>\n]*?)(/?)>"
)
_DIRECT = re.compile(
    r"<([A-Za-z_][\w.:-]*)((?:\s+[A-Za-z_][\w-]*\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*(/?)>"
)
_WRAPPED = re.compile(
    r"(?:<(?:invoke|function|call)>\s*)?"
    r"<(name|tool_name|function_name|tool|function)>\s*([\w.:-]+)\s*</\1>\s*"
)
_ARGUMENTS = re.compile(r"<(arguments|parameters|args|params|input|tool_input|kwargs)>\s*")
_GLM = re.compile(r"([A-Za-z_][\w.:-]*)\s*(?=<arg_key>)")
_PAIR = re.compile(
    r"\s*<arg_key>\s*([\w-]+)\s*</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL
)
_PARAMETER = re.compile(
    r"\s*<(?:\w+:)?(parameter|param|arg|argument|property)(?:\s*=\s*|\s+name\s*=\s*)[\"']?([\w-]+)[\"']?"
    r"[^<>\n]*>"
)
_CHILD = re.compile(r"\s*<([A-Za-z_][\w-]*)>")
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_OUTER_END = (
    r"</(?:\w+:)?(?:function|invoke|tool|tool_calls?|function_calls?|call|action|tool_use|arguments|parameters"
    r"|args|params|input)>"
)
_CLOSING = re.compile(rf"\s*(?:{_OUTER_END}|<\|?/?\w*(?:end|tool_call)\w*\|?>)")
_KEEPS_LAST_BREAK = frozenset({"content", "file_text", "contents", "text", "code"})
_MAX_PLAIN = 20_000
"""Longest text, in characters, that stands for a call's only argument."""
_CDATA = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Body:
    arguments: object
    end: int
    lossless: bool = True
    closed: bool = True
    """The last value, or the JSON, was closed."""
    finished: bool = False
    """The closing tag of the whole call was there."""


def read_element(text: str, at: int, names: Names, tagged: bool) -> Asked | Broken | None:
    """The call whose opening tag begins at an offset; None if that tag opens none."""
    named = _NAMED.match(text, at)
    if named:
        return _element(text, named, (named[1], named[2]), names, sure=True)
    direct = _DIRECT.match(text, at)
    if direct and names.find(direct[1]):
        return _element(text, direct, (direct[1], direct[1]), names, sure=tagged)
    if direct and names.is_foreign(direct[1]) and _CHILD.match(text, direct.end()):
        return _element(text, direct, (direct[1], direct[1]), names, sure=True)
    return None


def read_inside(text: str, at: int, names: Names) -> Asked | Broken | None:
    """The call that begins right after an opening tag: `<name>` or `NAME<arg_key>`."""
    wrapped = _WRAPPED.match(text, at)
    if wrapped:
        opened = _ARGUMENTS.match(text, wrapped.end())
        begin = opened.end() if opened else wrapped.end()
        body = _body(text, begin, names.find(wrapped[2]), ())
        return _found(at, wrapped[2], body, names, sure=True)
    glm = _GLM.match(text, at)
    if not glm:
        return None
    pairs: dict[str, object] = {}
    end = glm.end()
    while pair := _PAIR.match(text, end):
        pairs[pair[1]] = _trimmed(pair[1], pair[2])
        end = pair.end()
    closing = _CLOSING.match(text, end)
    body = _Body(pairs, closing.end() if closing else end, finished=closing is not None)
    return _found(at, glm[1], body, names, sure=True)


def _element(
    text: str, opening: re.Match[str], named: tuple[str, str], names: Names, *, sure: bool
) -> Asked | Broken | None:
    tag, name = named
    attributes = opening[3] if opening.re is _NAMED else opening[2]
    given = {m[1]: m[2] if m[2] is not None else m[3] for m in _ATTRIBUTE.finditer(attributes)}
    at = opening.start()
    if text[opening.end() - 2] == "/":
        return Asked(at, opening.end(), name, given, "tags", sure=sure or bool(given))
    body = _body(text, opening.end(), names.find(name), (tag,))
    if body.arguments is None:
        plain = _plain(text, opening.end(), tag, given, names.find(name))
        if plain is None:
            cut = after_blanks(text, opening.end()) == len(text)
            return Broken(at, name, cut) if sure else None
        body, sure = plain, True
    elif given and isinstance(body.arguments, dict):
        body = replace(body, arguments={**given, **body.arguments})
    return _found(at, name, body, names, sure=sure)


def _found(at: int, name: str, body: _Body, names: Names, *, sure: bool) -> Asked | Broken:
    tool = names.find(name)
    if not body.closed and not body.finished:
        return Broken(at, name, cut=True)
    whole = body.finished or (tool is not None and not tool.mutates and body.closed)
    return Asked(at, body.end, name, body.arguments, "tags", body.lossless, whole, sure)


def _plain(
    text: str, at: int, tag: str, given: Mapping[str, str], tool: Tool | None
) -> _Body | None:
    """Text without tags up to the closing tag: the only argument, or the last beside attributes."""
    end = text.find(f"</{tag}>", at, at + _MAX_PLAIN)
    if end < 0 or ("<" in text[at:end] and not given):
        return None
    after = end + len(tag) + 3
    if not given or not text[at:end].strip():
        return _Body(given or text[at:end].strip() or {}, after, finished=True)
    missing = (
        [p.name for p in tool.parameters if p.required and p.name not in given] if tool else []
    )
    if len(missing) != 1:
        return None
    value = _trimmed(missing[0], text[at:end])
    return _Body({**given, missing[0]: value}, after, finished=True)


def _body(text: str, at: int, tool: Tool | None, closers: tuple[str, ...]) -> _Body:
    begin = after_blanks(text, at)
    if text[begin : begin + 1] == "{":
        read = read_value(text, begin)
        if isinstance(read, Loose):
            end, finished = _after_closing(text, read.end, closers)
            closed = not read.unclosed or finished
            return _Body(read.value, end, read.lossless, closed, closed)
        return _Body({}, len(text), lossless=False, closed=False)
    nested = _ARGUMENTS.match(text, begin)
    return _parameters(text, nested.end() if nested else begin, tool, closers)


def _parameters(text: str, at: int, tool: Tool | None, closers: tuple[str, ...]) -> _Body:
    found: dict[str, object] = {}
    closed = True
    while True:
        opening = _PARAMETER.match(text, at)
        tag, name = (opening[1], opening[2]) if opening else ("", "")
        if not opening:
            opening = _CHILD.match(text, at)
            tag = name = opening[1] if opening else ""
        if not opening or name in closers:
            break
        end, after, closed = _value_end(text, opening.end(), tag, tool, closers)
        found[name] = _trimmed(name, text[opening.end() : end])
        at = after
    end, finished = _after_closing(text, at, closers)
    return _Body(found or None, end, closed=closed, finished=finished)


def _value_end(
    text: str, at: int, tag: str, tool: Tool | None, closers: tuple[str, ...]
) -> tuple[int, int, bool]:
    """Where a value ends, where to go on, and whether anything showed its end."""
    own = "|".join(re.escape(c) for c in closers if c != tag)
    outer = rf"{_OUTER_END}|</(?:{own})>" if own else _OUTER_END
    names = "|".join(re.escape(p.name) for p in tool.parameters) if tool else r"\w+"
    opens = rf"<(?:\w+:)?(?:parameter|param|arg|argument|property)[\s=]|<(?:{names})>"
    own_end = re.compile(rf"</(?:\w+:)?{re.escape(tag)}>(?=\s*(?:{outer}|{opens}|\Z))")
    match = own_end.search(text, at)
    loose = re.compile(rf"\s?<(?:\w+:)?(?:parameter|param|arg)[\s=]|(?:{outer})").search(text, at)
    if match and (
        not loose or tag not in ("parameter", "param", "arg") or match.start() <= loose.start()
    ):
        return match.start(), match.end(), True
    if loose:
        end = loose.start() + (1 if text[loose.start()].isspace() else 0)
        return end, end, True
    plain = text.find(f"</{tag}>", at)
    if plain >= 0:
        return plain, plain + len(tag) + 3, True
    return len(text), len(text), False


def _after_closing(text: str, at: int, closers: tuple[str, ...]) -> tuple[int, bool]:
    """Past the closing tags of the call; and whether there was one."""
    own = re.compile("|".join([rf"\s*</{re.escape(c)}>" for c in closers] or [r"(?!)"]))
    finished = False
    while match := own.match(text, at) or _CLOSING.match(text, at):
        at, finished = match.end(), True
        if own.match(match.group()):
            break
    return at, finished


def _trimmed(name: str, value: str) -> str:
    """A value without the line breaks that only set off its tags."""
    cdata = _CDATA.fullmatch(value)
    if cdata:
        return cdata[1].removeprefix("\n")
    if name in ("old_string", "new_string", "old_str", "new_str", "search", "replace"):
        return re.sub(r"\n[ \t]*\Z", "", value.removeprefix("\n")) if "\n" in value else value
    if name in _KEEPS_LAST_BREAK:
        return re.sub(r"(?<=\n)[ \t]+\Z", "", value.removeprefix("\n"))
    return value.strip()
