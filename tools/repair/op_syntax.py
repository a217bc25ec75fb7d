"""Edits for a file that does not parse, by its text: brackets, colons, quotes, indentation."""

import ast
from collections.abc import Iterator

from greenloop.tools.repair.edits import Edit, Splice

_CLOSING = (")", "]", "}", "'", '"', "))", ",", '"""')
_LINES_BACK = 3


def syntax_edits(path: str, data: bytes) -> list[Edit]:
    """Edits after which the file parses, for the place that the parser complains about."""
    try:
        ast.parse(data)
    except SyntaxError as error:
        line = error.lineno or 1
    except ValueError:
        return []
    else:
        return []
    found = []
    for edit in _tries(path, data, line):
        try:
            ast.parse(edit.apply(data))
        except (SyntaxError, ValueError):
            continue
        found.append(edit)
    return found


def _tries(path: str, data: bytes, line: int) -> Iterator[Edit]:
    lines = data.split(b"\n")
    for number in range(line, max(0, line - 1 - _LINES_BACK), -1):
        if number > len(lines):
            continue
        begin = sum(len(text) + 1 for text in lines[: number - 1])
        text = lines[number - 1].decode("utf-8", errors="replace")
        for new, why, prior in _rewrites(text):
            factor = 1.0 if number == line else 0.7
            splice = Splice(begin, begin + len(lines[number - 1]), new)
            yield Edit(path, (splice,), why, prior * factor, number)


def _rewrites(text: str) -> Iterator[tuple[str, str, float]]:
    body = text.rstrip()
    comment = body.find("  #")
    code, rest = (body[:comment], body[comment:]) if comment >= 0 else (body, "")
    yield f"{code}:{rest}", "colon added", 0.9
    for mark in _CLOSING:
        yield f"{code}{mark}{rest}", "bracket or quote closed", 0.8
        if code.endswith((":", ",")):
            yield f"{code[:-1]}{mark}{code[-1]}{rest}", "bracket or quote closed", 0.85
    for mark in ")]}:,'\"":
        place = code.rfind(mark)
        if place >= 0:
            yield code[:place] + code[place + 1 :] + rest, "stray mark removed", 0.6
    if " = " in code:
        yield code.replace(" = ", " == ", 1) + rest, "comparison for assignment", 0.7
    for old, new in (("esle", "else"), ("eilf", "elif"), ("retrun", "return"), ("def", "def ")):
        if old in code:
            yield code.replace(old, new, 1) + rest, "keyword corrected", 0.5
    yield "    " + text, "line indented", 0.5
    if text.startswith("    "):
        yield text[4:], "line dedented", 0.5
    if text.startswith(" "):
        yield text[1:], "line dedented", 0.3
    yield " " + text, "line indented", 0.3
    yield "", "line deleted", 0.1
