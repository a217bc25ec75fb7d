"""Whether a complete new text silently lost a part of the file that it replaces."""

import ast
import re
import warnings
from collections.abc import Sequence
from pathlib import PurePosixPath

from greenloop.errors import EditError

_PYTHON = frozenset({".py", ".pyi"})
_BRACED = frozenset(
    """.js .jsx .ts .tsx .mjs .cjs .go .rs .java .kt .c .h .cc .cpp .cs .php .rb .swift
    .scala""".split()  # noqa: SIM905
)
_DEFINITION = re.compile(
    r"^(?:(?:export|default|pub(?:\([^)]*\))?|public|private|static|async|abstract)\s+)*"
    r"(?:function\*?\s+|class\s+|interface\s+|struct\s+|enum\s+|trait\s+|fn\s+|def\s+|module\s+"
    r"|func\s+(?:\([^)]*\)\s*)?"
    r"|(?:const|let|var)\s+(?=\w+\s*=\s*(?:async\s*)?(?:\(|function|\w+\s*=>)))(\w+)",
    re.MULTILINE,
)
_LEAST_LINES = 8
"""Shorter files may shrink as they like, but for their definitions."""
_BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)
_DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def check_kept(path: str, before: str, after: str) -> None:
    """Refuse a complete new text that drops definitions, or most lines, and has nothing instead.

    A definition is kept if its name is defined, imported or assigned anywhere in the new text;
    as many new definitions as lost ones are a renaming.

    Raises:
        EditError: with the names that are gone.
    """
    lost = _lost_definitions(PurePosixPath(path).suffix, before, after)
    if lost:
        raise EditError(
            f"the new text of {path} drops {', '.join(lost[:6])}; write the whole file again, "
            "or use SEARCH/REPLACE for the lines that change",
            "shrinks_file",
        )
    if _is_mostly_gone(before, after):
        raise EditError(
            f"the new text of {path} drops most of its lines; write the whole file again, "
            "or use SEARCH/REPLACE for the lines that change",
            "shrinks_file",
        )


def _lost_definitions(suffix: str, before: str, after: str) -> list[str]:
    if suffix in _PYTHON:
        old, new, kept = _defined(before), _defined(after), _bound(after)
        if old is None or new is None:  # the check of the syntax says it better
            return []
    elif suffix in _BRACED:
        old, new = _DEFINITION.findall(before), _DEFINITION.findall(after)
        kept = set(re.findall(r"\w+", after))
    else:
        return []
    lost = [name for name in dict.fromkeys(old) if name not in kept]
    gained = set(new) - set(old)
    return lost if len(lost) > len(gained) else []


def _is_mostly_gone(before: str, after: str) -> bool:
    old = [line.strip() for line in before.split("\n") if line.strip()]
    new = [line.strip() for line in after.split("\n") if line.strip()]
    if len(old) < _LEAST_LINES or len(new) * 2 > len(old):
        return False
    return _share(new, old) >= 0.7


def _share(lines: Sequence[str], others: Sequence[str]) -> float:
    known = set(others)
    return sum(line in known for line in lines) / len(lines) if lines else 1.0


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except _BROKEN:
        return None


def _defined(text: str) -> list[str] | None:
    """Names of a module's functions and classes, and of the methods of those classes."""
    tree = _parsed(text)
    if tree is None:
        return None
    found = []
    for node in tree.body:
        if isinstance(node, _DEFINES):
            found.append(node.name)
        if isinstance(node, ast.ClassDef):
            found += [part.name for part in node.body if isinstance(part, _DEFINES)]
    return found


def _bound(text: str) -> set[str]:
    """Every name that a program defines, imports or assigns."""
    tree = _parsed(text)
    found: set[str] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, _DEFINES):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found
