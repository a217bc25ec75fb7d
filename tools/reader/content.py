"""Undoing what models do to a text on its way into an argument; refused where it is uncertain."""

import ast
import html
import json
import re
import warnings
from collections.abc import Callable
from pathlib import PurePosixPath

from greenloop.tools.edit_inline import undoubled
from greenloop.tools.reader.coerce import Unfit

_FENCED = re.compile(r"\s*(`{3,}|~{3,})[^\n`]*\n(.*?)\n?[ \t]*\1[ \t]*\s*\Z", re.DOTALL)
_PROSE = frozenset({".md", ".markdown", ".rst", ".mdx", ".adoc"})
_MARKUP = frozenset({".html", ".htm", ".xml", ".svg", ".xhtml", ".vue", ".xsl"}) | _PROSE
_PYTHON = frozenset({".py", ".pyi"})
_NUMBERED = re.compile(r"[ \t]*(\d{1,6})[ \t]*\| ?")
_BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)
_LOST_ESCAPES = {"\b": "\\b", "\f": "\\f", "\x0b": "\\v", "\x07": "\\a"}
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#39|#34);")
_RAW_MARK = re.compile(r"[<>]|&(?!\w+;|#\d+;)")


def clean_content(text: str, path: str) -> str:
    """A file's text without a fence around it and with its line breaks.

    Raises:
        Unfit: nobody can know what was meant.
    """
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _PROSE:
        text = _unfenced(text)
    text = _without_numbers(text)
    _refuse_lost_escapes(text)
    if "\n" not in text and "\\n" in text:
        text = _with_breaks(text, suffix)
    return text


def clean_command(command: str) -> str:
    """A shell command without a fence, quotes of Markdown, or the prompt sign."""
    command = _unfenced(command).strip()
    if len(command) > 2 and command[0] == command[-1] == "`" and "`" not in command[1:-1]:
        command = command[1:-1].strip()
    _refuse_lost_escapes(command)
    if "&amp;&amp;" in command:  # no shell has that: the whole command was escaped
        command = html.unescape(command)
    return re.sub(r"\A\$\s+", "", command)


def clean_path(path: str) -> str:
    r"""A path without quotes and blanks around it.

    Raises:
        Unfit: it has control characters, as `C:\new` has when its backslash is not doubled.
    """
    path = path.strip()
    for mark in ("`", '"', "'"):
        if len(path) > 2 and path[0] == path[-1] == mark:
            path = path[1:-1].strip()
    path = path.removeprefix("file://")
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise Unfit("'path' has control characters; write it with forward slashes")
    return path


def clean_pattern(pattern: str) -> str:
    r"""A regular expression with `\b` as it was meant; JSON reads it as a backspace."""
    for lost, meant in _LOST_ESCAPES.items():
        pattern = pattern.replace(lost, meant)
    return pattern


def unescaped_entities(text: str, path: str) -> str:
    """A text with `&lt;` resolved where that alone makes sense."""
    if not _ENTITY.search(text) or _RAW_MARK.search(text):
        return text
    suffix = PurePosixPath(path).suffix.lower()
    plain = html.unescape(text)
    if suffix in _MARKUP:
        return text
    if suffix in _PYTHON:
        return plain if not parses_as_python(text) and parses_as_python(plain) else text
    return plain


def parses_as_python(text: str) -> bool:
    """Whether this is a Python program."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except _BROKEN:
        return False
    return True


def _unfenced(text: str) -> str:
    match = _FENCED.match(text)
    if not match or re.search(rf"^[ \t]*{re.escape(match[1])}", match[2], re.MULTILINE):
        return text
    return f"{match[2]}\n" if match[2] else ""


def _without_numbers(text: str) -> str:
    """A text whose lines all carry their number, as `12| x`, without the numbers."""
    lines = text.removesuffix("\n").split("\n")
    numbered = [_NUMBERED.match(line) for line in lines]
    numbers = [int(match[1]) for match in numbered if match]
    if len(numbers) < len(lines) or numbers != list(range(1, len(lines) + 1)):
        return text
    end = "\n" if text.endswith("\n") else ""
    return "\n".join(_NUMBERED.sub("", line, count=1) for line in lines) + end


def _refuse_lost_escapes(text: str) -> None:
    if any(char in text for char in ("\b", "\f", "\0", "\x07", "\x0b")):
        raise Unfit("a backslash was not doubled in the text; write \\\\ for each backslash")


def _with_breaks(text: str, suffix: str) -> str:
    r"""One line with written `\n` as the lines that it stands for."""
    plain = undoubled(text)
    sound: Callable[[str], bool] | None = None
    if suffix in _PYTHON:
        sound = parses_as_python
    elif suffix == ".json":
        sound = _parses_as_json
    if sound:
        return plain if not sound(text) and sound(plain) else text
    if re.search(r"[^'\"`\\/]\\n\Z", text) or text == "\\n":
        return plain
    if text.count("\\n") >= 2:
        raise Unfit("the text has written \\n instead of line breaks; send real line breaks")
    return text


def _parses_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
