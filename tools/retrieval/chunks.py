"""Cutting files into pieces that stand by themselves: functions, class heads, sections, windows."""

import ast
import itertools
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from greenloop.tools.retrieval.base import Chunk

__all__ = ["chunk_file", "document"]

WINDOW = 60
"""Lines of a window over text without structure."""
LONGEST = 120
"""Lines of a chunk; what is longer is cut into windows."""

_PYTHON = frozenset({".py", ".pyi", ".pyw"})
_MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_SIGNATURE = re.compile(r"^[ \t]*((?:async[ \t]+)?(?:def|class)[ \t]+\w.*)$", re.MULTILINE)
_QUOTES = re.compile(r"^[rRuU]?(?:\"\"\"|''')(.*?)(?:\"\"\"|'''|$)")
_SIGNATURE_LINES = 30
"""Lines that a signature is followed over in search of the docstring below it."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines `start` to `end`, from 1 and inclusive; `inner` lie within them, in order."""

    start: int
    end: int
    name: str
    inner: tuple["_Span", ...] = ()


def chunk_file(path: str, text: str) -> list[Chunk]:
    r"""Cut one file, in the order of its lines.

    Python is cut along its syntax, markdown at headings, everything else (Python that does not
    parse, too) into windows of about sixty lines.

    Args:
        path: relative to the workspace; its ending decides how the text is cut.
        text: with `\n` line ends. A chunk's text is exactly its lines joined by `\n`.
    """
    lines = text.split("\n")
    suffix = PurePosixPath(path).suffix.lower()
    whole = _Span(1, len(lines), "")
    if suffix in _PYTHON:
        whole = _Span(1, len(lines), "", _python_spans(text, lines))
    elif suffix in _MARKDOWN:
        whole = _Span(1, len(lines), "", tuple(_sections(lines)))
    longest = LONGEST if whole.inner else WINDOW
    return [
        Chunk(path, start, end, span.name, "\n".join(lines[start - 1 : end]))
        for span in _flat(whole)
        for start, end in _windows(lines, span, longest)
    ]


def document(chunk: Chunk) -> str:
    """What is indexed for a chunk: where it is, what it is called and says of itself, its text."""
    head = [chunk.path]
    if chunk.name:
        head.append(chunk.name)
    signature = _SIGNATURE.search(chunk.text)
    if signature:
        if not chunk.text.lstrip().startswith(signature[1]):
            head.append(signature[1].rstrip(":"))
        summary = _summary(chunk.text[signature.start() :])
        if summary:
            head.append(summary)
    return "\n".join((*head, chunk.text))


def _summary(definition: str) -> str:
    """The docstring's first line, or nothing; works on pieces that do not parse by themselves."""
    lines = [line.strip() for line in definition.split("\n", _SIGNATURE_LINES)]
    for above, line in itertools.pairwise(lines):
        if above.endswith(":"):
            found = _QUOTES.match(line)
            return found[1].strip() if found else ""
    return ""


def _flat(span: _Span) -> Iterator[_Span]:
    """The span's own lines around its inner spans, and these in turn; in order, not nested."""
    at = span.start
    for inner in span.inner:
        yield _Span(at, inner.start - 1, span.name)
        yield from _flat(inner)
        at = inner.end + 1
    yield _Span(at, span.end, span.name)


def _windows(lines: Sequence[str], span: _Span, longest: int) -> Iterator[tuple[int, int]]:
    """Line ranges of the span without blank edges, cut evenly where it is longer than allowed."""
    start, end = _trimmed(lines, span.start, span.end)
    count = end - start + 1
    if count <= 0:
        return
    pieces = 1 if count <= longest else math.ceil(count / WINDOW)
    size = math.ceil(count / pieces)
    for first in range(start, end + 1, size):
        window = _trimmed(lines, first, min(first + size - 1, end))
        if window[0] <= window[1]:
            yield window


def _trimmed(lines: Sequence[str], start: int, end: int) -> tuple[int, int]:
    while start <= end and not lines[start - 1].strip():
        start += 1
    while end >= start and not lines[end - 1].strip():
        end -= 1
    return start, end


def _python_spans(text: str, lines: Sequence[str]) -> tuple[_Span, ...]:
    try:
        with warnings.catch_warnings():
            # Old code compiles with warnings, which are its author's affair.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        return tuple(_definitions(tree, "", lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _definitions(node: ast.AST, prefix: str, lines: Sequence[str]) -> Iterator[_Span]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = prefix + child.name
            inner: tuple[_Span, ...] = ()
            if isinstance(child, ast.ClassDef):
                inner = tuple(_definitions(child, f"{name}.", lines))
            yield _Span(_first_line(child, lines), child.end_lineno or child.lineno, name, inner)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _definitions(child, prefix, lines)


def _first_line(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: Sequence[str]
) -> int:
    """Of the decorators, and of a comment right above: it speaks of the definition."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    indent = " " * node.col_offset + "#"
    while first > 1 and lines[first - 2].startswith(indent):
        first -= 1
    return first


def _sections(lines: Sequence[str]) -> Iterator[_Span]:
    """Markdown sections, named by the headings above them: `Install > Linux`."""
    trail: list[tuple[int, str]] = []
    start, name, fence = 1, "", ""
    for number, line in enumerate(lines, 1):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = None if fence else _HEADING.match(line)
        if heading is None:
            continue
        if number > start:
            yield _Span(start, number - 1, name)
        level = len(heading[1])
        trail = [*((depth, title) for depth, title in trail if depth < level), (level, heading[2])]
        start, name = number, " > ".join(title for _, title in trail)
    yield _Span(start, len(lines), name)
