"""Calls written as Python: read through the syntax tree, never evaluated."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from greenloop.tools.reader.asked import Asked, Broken
from greenloop.tools.reader.loose import Loose, read_value
from greenloop.tools.reader.names import Names

_CALL = re.compile(r"(?:[A-Za-z_]\w*\s*=\s*)?(?:await\s+)?(?:print\(\s*)?([A-Za-z_][\w.]*)\(")
_KEY = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)\s*")
_BLANK = re.compile(r"[\s,]*")
_BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class _Plain:
    name: str
    arguments: object


def calls_in(text: str, start: int, end: int, names: Names, tagged: bool) -> list[Asked]:
    """The calls that a piece of text consists of; empty if it is anything else besides.

    Args:
        text: the reply.
        start: offset of the piece.
        end: offset after it.
        names: the tools; without tags around the piece, other functions make it mere code.
        tagged: the piece stands where only a call can stand.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(textwrap.dedent(text[start:end]).strip())
    except _BROKEN:
        return []
    found: list[_Plain] = []
    for statement in tree.body:
        calls = list(_of_statement(statement))
        if not calls:
            return []
        found += calls
    if not tagged and not all(names.find(call.name) for call in found):
        return []
    return [Asked(start, end, call.name, call.arguments, "python") for call in found]


def read_call(text: str, at: int, names: Names, tagged: bool) -> Asked | Broken | None:
    """The call that begins at an offset and may not be sound Python."""
    match = _CALL.match(text, at)
    if not match or not (names.find(match[1]) or tagged):
        return None
    parsed = _arguments(text, match.end())
    if isinstance(parsed, Broken):
        return Broken(at, match[1], parsed.cut)
    if parsed is None:
        return None
    arguments, end, lossless = parsed
    found = calls_in(text, at, end, names, tagged)
    if found:
        return found[0]
    closing = re.compile(r"\s*\)").match(text, end) if "print(" in match.group() else None
    end = closing.end() if closing else end
    return Asked(at, end, match[1], arguments, "python", lossless)


def _of_statement(statement: ast.stmt) -> Iterator[_Plain]:
    if isinstance(statement, ast.Expr | ast.Assign):
        node = statement.value
        parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
        for part in parts:
            call = _of_node(part)
            if call is None:
                return
            yield call


def _of_node(node: ast.expr) -> _Plain | None:
    while True:
        if isinstance(node, ast.Await):
            node = node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            and len(node.args) == 1
        ):
            node = node.args[0]
        else:
            break
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        return None
    try:
        keywords = {key.arg: _literal(key.value) for key in node.keywords if key.arg}
        positional = [_literal(value) for value in node.args]
    except ValueError:
        return None
    if len(keywords) != len(node.keywords):
        return None
    return _Plain(ast.unparse(node.func), _united(positional, keywords))


def _united(positional: list[object], keywords: dict[str, object]) -> object:
    if not positional:
        return keywords
    if len(positional) == 1 and not keywords and isinstance(positional[0], dict):
        return positional[0]
    return positional if not keywords else _Mixed(positional, keywords).as_mapping()


@dataclass(frozen=True, slots=True)
class _Mixed:
    positional: list[object]
    keywords: dict[str, object]

    def as_mapping(self) -> object:
        """Positional arguments under numbers; the tool's first parameters take them."""
        return {**{str(i): value for i, value in enumerate(self.positional)}, **self.keywords}


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _literal(node.left), _literal(node.right)
        if isinstance(left, str) and isinstance(right, str):
            return left + right
    return ast.literal_eval(node)


def _arguments(text: str, at: int) -> tuple[object, int, bool] | Broken | None:
    """Arguments and the offset after their closing parenthesis, read value by value."""
    positional: list[object] = []
    keywords: dict[str, object] = {}
    lossless = True
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text):
            return Broken(at, "", cut=True)
        if text[at] == ")":
            return _united(positional, keywords), at + 1, lossless
        key = _KEY.match(text, at)
        value = read_value(text, key.end() if key else at)
        if not isinstance(value, Loose) or value.unclosed:
            cut = not isinstance(value, Loose) and value.cut
            return Broken(at, "", cut) if cut else None
        if key:
            keywords[key[1]] = value.value
        else:
            positional.append(value.value)
        lossless = lossless and value.lossless
        at = value.end
        if not re.compile(r"\s*(?:[,)]|\Z)").match(text, at):
            return None
