"""Second readings of broken JSON: escaped as a whole, or repaired where nothing can be harmed."""

import html
import json
import re

from greenloop.tools.reader.asked import Asked
from greenloop.tools.reader.loose import Loose, read_value
from greenloop.tools.reader.names import Names
from greenloop.tools.reader.shapes import shaped_calls

_ESCAPED = re.compile(r"\{\s*(?:\\n)?\s*(?:\\\"|&quot;)")
_STOP = re.compile(r"\n[ \t]*\n|\n[ \t]*`{3}|</|\[/|\Z")
_MAX_REPAIRED = 20_000


def escaped_value(text: str, start: int) -> Loose | None:
    r"""JSON that is itself escaped, as `{\"name\": ...}` or `{&quot;name&quot;: ...}`."""
    if not _ESCAPED.match(text, start):
        return None
    stop = _STOP.search(text, start, start + _MAX_REPAIRED + 1)
    end = stop.start() if stop else len(text)
    if end - start > _MAX_REPAIRED:
        return None
    part = text[start:end].rstrip()
    if "&quot;" in part[:200]:
        plain = html.unescape(part)
    else:
        part = part.rstrip("\"'")
        try:
            plain = str(json.loads('"' + part.replace("\n", "\\n") + '"'))
        except (ValueError, RecursionError):
            return None
    read = read_value(plain, 0)
    if not isinstance(read, Loose) or read.unclosed or plain[read.end :].strip():
        return None
    return Loose(read.value, end, read.lossless)


def repaired(text: str, start: int, names: Names) -> Asked | None:
    """The one call of broken JSON, as json_repair reads it; only for tools that change nothing."""
    import json_repair  # noqa: PLC0415

    stop = _STOP.search(text, start, start + _MAX_REPAIRED + 1)
    end = stop.start() if stop else len(text)
    if end - start > _MAX_REPAIRED:
        return None
    try:
        value: object = json_repair.loads(text[start:end])
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    calls = shaped_calls(Loose(value, end, lossless=False), names)
    tool = names.find(calls[0].name) if len(calls) == 1 else None
    if tool is None or tool.mutates:
        return None
    return Asked(start, end, tool.name, calls[0].arguments, "json", lossless=False)
