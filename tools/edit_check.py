"""What makes a proposed text unfit to be written: left-out code and broken syntax."""

import json
import re
import tomllib
import warnings
from collections.abc import Sequence
from pathlib import PurePosixPath

from greenloop.errors import EditError

_COMMENT = re.compile(r"(?:#+|//+|--+|;+|/\*+|\*(?!\w)|<!--|\{/\*|%)(.*?)(?:\*/\}?|-->)?$")
_NOUN = (
    r"(?:code|file|class(?:es)?|functions?|methods?|module|implementations?|imports?|contents?|"
    r"sections?|definitions?|parts?|logic|body|lines|tests?)"
)
_SOME = (
    r"(?:keep )?(?:all )?(?:the |your )?"
    r"(?:rest of |existing |remaining |other |previous |original )+"
    rf"(?:the |your |this )?(?:\w+ )?{_NOUN}"
)
_UNCHANGED = (
    r"(?:(?:is |are )?(?:unchanged|omitted|the same)|(?:remains?|stays?)(?: the same| unchanged)?|"
    r"as before|as is|for brevity|without changes)"
)
_HERE = r"(?:(?:goes |go |continues? |follows? )?here|above|below)"

_ALONE = re.compile(
    "|".join(
        (
            rf"{_SOME}(?: (?:{_UNCHANGED}|{_HERE}))+",
            rf"(?:the )?rest of (?:the |your |this )?{_NOUN}",
            rf"keep (?:the )?existing {_NOUN}",
            rf"(?:{_NOUN}|everything else)(?: {_UNCHANGED})+",
            r"unchanged|no changes(?: here| needed)?|same as (?:before|above)|omitted for brevity",
        )
    ),
    re.IGNORECASE,
)
"""Comments that stand for code even without dots."""
_BEFORE_DOTS = re.compile(_SOME, re.IGNORECASE)
_AFTER_DOTS = re.compile(
    r"\b(?:rest|existing|remaining|unchanged|other|previous|same|omitted|keep)\b", re.IGNORECASE
)
_BARE_DOTS = re.compile(r"^\s*(?:\.{3,}|…)\s*$")
_PROSE = frozenset({".md", ".rst", ".txt", ".adoc", ""})
"""Suffixes of files in which a heading may say `Unchanged`."""
_DOTS_ARE_CODE = _PROSE | {".py", ".pyi", ".yaml", ".yml"}
"""Suffixes of files in which a line of dots alone is legal."""

_PYTHON = frozenset({".py", ".pyi"})
_BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What the compiler raises for text that is no program, or one too deep for it."""


def elided_line(lines: Sequence[str], path: str) -> str:
    """The first line that stands for code left out, for example `# ... rest of code ...`.

    A bare `...` is such a line only where it is no code of the file's language.
    """
    suffix = PurePosixPath(path).suffix
    for line in lines:
        comment = _COMMENT.match(line.strip())
        if comment and _stands_for_code(comment.group(1).strip("()[]<>{} "), suffix in _PROSE):
            return line.strip()
        if suffix not in _DOTS_ARE_CODE and _BARE_DOTS.match(line):
            return line.strip()
    return ""


def _stands_for_code(comment: str, prose: bool) -> bool:
    bare = comment.strip(".…()[]<>{}! ")
    opens, closes = comment.startswith(("...", "…")), comment.endswith(("...", "…"))
    if not bare:
        return opens
    if opens:
        return closes or bool(_AFTER_DOTS.search(bare))
    if closes and _BEFORE_DOTS.fullmatch(bare):
        return True
    return not prose and bool(_ALONE.fullmatch(bare))


def check_syntax(path: str, before: str | None, after: str) -> None:
    """Refuse a text that its language cannot read; `before` is None for a new file.

    Python must compile, under the Python that runs us. JSON and TOML must parse if they did
    before.

    Raises:
        EditError: with the line's number and text for Python.
    """
    suffix = PurePosixPath(path).suffix
    if suffix in _PYTHON:
        _check_python(path, after)
    elif suffix in (".json", ".toml") and before is not None and not _data_error(suffix, before):
        error = _data_error(suffix, after)
        if error:
            raise EditError(
                f"{path} would no longer parse: {error}; send a correct edit", "syntax_error"
            )


def _check_python(path: str, text: str) -> None:
    try:
        # Warnings are the tested project's business; as errors they would look like bad syntax.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise EditError(_syntax_message(path, text, error), "syntax_error") from error
    except _BROKEN as error:
        raise EditError(
            f"{path} would not compile: {error}; send a correct edit", "syntax_error"
        ) from error


def _syntax_message(path: str, text: str, error: SyntaxError) -> str:
    number = error.lineno or 0
    lines = text.split("\n")
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    how = "indent the code correctly" if isinstance(error, IndentationError) else "correct it"
    return (
        f"{path} would not compile: {type(error).__name__}: {error.msg}, line {number}: "
        f"{line.strip()!r}; {how} and send the edit again"
    )


def _data_error(suffix: str, text: str) -> str:
    try:
        if suffix == ".json":
            json.loads(text)
        else:
            tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""
