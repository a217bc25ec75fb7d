"""What is in a project: folder by folder, without version control, caches and environments."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from greenloop.errors import EditError, StorageError
from greenloop.tools.atomic import is_temporary
from greenloop.tools.confine import Root, is_plain_name, os_errors

_SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        "node_modules",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)
_ENVIRONMENT_MARK = "pyvenv.cfg"
"""The file that makes a folder a virtual environment, whatever its name (PEP 405)."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder's entries, each kind sorted by name."""

    path: str
    """Relative to the root; `.` is the root."""
    depth: int
    """Steps below the folder that the walk began in."""
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """Symbolic links to anything; none is followed."""
    strays: tuple[str, ...] = ()
    """Our own temporary files, left by a killed process."""

    def join(self, name: str) -> str:
        """Path of an entry relative to the root."""
        return name if self.path == "." else f"{self.path}/{name}"


def folders(root: Root, path: str = ".", depth: int | None = None) -> Iterator[Folder]:
    """A folder and those in it down to `depth` levels, nearest first.

    Names with control characters or bytes that are no UTF-8 are left out: no prompt or database
    could hold them. Folders below that vanish or cannot be read are passed over.

    Raises:
        EditError: there is no such folder.
        StorageError: the folder itself cannot be read.
    """
    first = _read_folder(root, root.relative(path), 0)
    waiting = deque([first])
    while waiting:
        folder = waiting.popleft()
        yield folder
        if depth is not None and folder.depth + 1 >= depth:
            continue
        for name in folder.folders:
            try:
                below = _read_folder(root, folder.join(name), folder.depth + 1)
            except (EditError, StorageError):
                continue
            waiting.append(below)


def _read_folder(root: Root, path: str, depth: int) -> Folder:
    kinds: dict[str, list[str]] = {"folders": [], "files": [], "links": [], "strays": []}
    with (
        os_errors(path, "list"),
        root.place(path) as place,
        place.folder() as fd,
        os.scandir(fd) as entries,
    ):
        for entry in entries:
            kind = _kind(entry, fd)
            if kind:
                kinds[kind].append(entry.name)
    return Folder(path, depth, **{kind: tuple(sorted(names)) for kind, names in kinds.items()})


def _kind(entry: os.DirEntry[str], fd: int) -> str:
    if not is_plain_name(entry.name):
        return ""
    if entry.is_symlink():
        return "links"
    if entry.is_dir(follow_symlinks=False):
        skipped = entry.name in _SKIPPED_FOLDERS or _is_environment(entry.name, fd)
        return "" if skipped else "folders"
    if not entry.is_file(follow_symlinks=False):
        return ""
    return "strays" if is_temporary(entry.name) else "files"


def _is_environment(name: str, fd: int) -> bool:
    try:
        os.stat(f"{name}/{_ENVIRONMENT_MARK}", dir_fd=fd)
    except OSError:
        return False
    return True
