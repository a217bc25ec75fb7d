"""Which files of the project a Python file imports: what a failing test is about."""

import ast
import warnings
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from greenloop.errors import EditError
from greenloop.tools.files import Workspace

_MOST_FILES = 5
"""Test files that are looked into."""
_SOURCE_FOLDERS = ("", "src", "lib")
"""Where packages lie, besides beside the file and above it."""


def imported(workspace: Workspace, paths: Sequence[str]) -> tuple[str, ...]:
    """Files of the project that the files at `paths` import, in order; at most five are read."""
    found: dict[str, None] = {}
    for path in tuple(dict.fromkeys(paths))[:_MOST_FILES]:
        for module in _modules(workspace, path):
            found.update(dict.fromkeys(_files_of(workspace, path, module)[:1]))
    return tuple(found)


def _modules(workspace: Workspace, path: str) -> Iterator[str]:
    """Dotted names that a file imports, the longest reading of each `from a import b` first."""
    if not path.endswith(".py"):
        return
    try:
        text = workspace.read(path).text
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(text)))
    except (EditError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            joint = "" if base.endswith(".") else "."
            yield from (f"{base}{joint}{alias.name}" for alias in node.names)
            yield base


def _files_of(workspace: Workspace, path: str, module: str) -> list[str]:
    """The file of a module as seen from `path`; empty when it is not the project's."""
    bare = module.lstrip(".")
    level = len(module) - len(bare)
    above = [str(parent) for parent in PurePosixPath(path).parents]
    folders = above[level - 1 : level] if level else [*_SOURCE_FOLDERS, *above]
    inside = bare.replace(".", "/")
    names = [f"{inside}.py", f"{inside}/__init__.py"] if inside else ["__init__.py"]
    places = [str(PurePosixPath(folder, name)) for folder in folders for name in names]
    return [place for place in dict.fromkeys(places) if workspace.exists(place)]
