"""Gives the import system a candidate's text in place of the file on disk.

Runs inside the tested project's interpreter: standard library only, Python 3.8 on. Files that do
not change between candidates are compiled once and kept in memory for every forked child.
"""

from __future__ import annotations

import os
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Dict, Iterable, Optional

_load = SourceFileLoader.get_code


class Overlay:
    """A patch of SourceFileLoader: one file's text replaced, others' code remembered."""

    def __init__(self) -> None:
        self._codes: Dict[str, CodeType] = {}
        self._real: Dict[str, str] = {}
        self._target = ""
        self._source = b""
        self._code: Optional[CodeType] = None

    def install(self) -> None:
        """Take the loader's place for this process and the children it forks."""
        overlay = self

        def get_code(loader: SourceFileLoader, fullname: str) -> Optional[CodeType]:
            filename = loader.get_filename(fullname)
            if overlay._target and overlay._resolve(filename) == overlay._target:
                if filename == overlay._target:
                    return overlay._code
                return loader.source_to_code(overlay._source, filename)
            return overlay._codes.get(filename) or _load(loader, fullname)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]

    def remember(self, filenames: Iterable[str]) -> None:
        """Compile files now, under the names that their modules go by."""
        for filename in filenames:
            try:
                with open(filename, "rb") as file:
                    self._codes[filename] = compile(file.read(), filename, "exec", 0, True)
            except (OSError, SyntaxError, ValueError):
                continue  # the import of it will say so

    def replace(self, path: str, source: bytes) -> None:
        """From now on `path` reads as `source`; nothing on disk changes.

        Raises:
            SyntaxError: the source is not Python.
        """
        self._target = os.path.realpath(path)
        self._source = source
        self._code = compile(source, self._target, "exec", 0, True)

    def _resolve(self, filename: str) -> str:
        if filename not in self._real:
            self._real[filename] = os.path.realpath(filename)
        return self._real[filename]
