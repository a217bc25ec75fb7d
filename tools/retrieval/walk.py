"""The source files of a workspace: what is worth finding, and safe to show to a model."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from greenloop.errors import WorkspaceError
from greenloop.tools.retrieval.git_files import git_files

__all__ = ["MAX_BYTES", "FileStamp", "list_files", "read_source", "stamps"]

MAX_BYTES = 512 * 1024
_MAX_LINE = 5000
_SNIFFED = 8 * 1024

_FOREIGN = frozenset({"node_modules", "__pycache__", ".git", ".hg", ".svn", ".tox", ".nox"})
"""Folders that hold no work of the user's, even where no ignore file says so."""
_PRODUCTS = frozenset({"build", "dist"})
"""Left out only without git: a repository may well track sources under such names."""

_SECRET_NAMES = frozenset({".env", ".netrc", ".pypirc", "id_rsa", "id_ecdsa", "id_ed25519"})
_SECRET_ENDINGS = (".pem", ".key", ".p12", ".pfx")
_LOCK_NAMES = frozenset({"package-lock.json", "pnpm-lock.yaml", "npm-shrinkwrap.json"})
_DULL_ENDINGS = (".lock", ".min.js", ".min.css", ".map")


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file and what shows, without reading it, that it may have changed."""

    path: str
    """Relative to the workspace, with forward slashes."""
    size: int
    mtime_ns: int
    """The later of content and status change: copying an old time back does not hide a change."""


def list_files(workspace: Path) -> list[str]:
    """Readable source files, relative and sorted: those whose `read_source` is not None.

    Raises:
        WorkspaceError: `workspace` is not a folder.
    """
    root = workspace.resolve()
    return [s.path for s in stamps(root) if read_source(root / s.path) is not None]


def stamps(workspace: Path) -> list[FileStamp]:
    """Candidates by name, place and size, sorted by path; none of them is opened.

    Git's ignore rules count inside a repository. Left out are lock files, files that usually hold
    keys, virtual environments, and links that lead out of the workspace.

    Raises:
        WorkspaceError: `workspace` is not a folder.
    """
    root = workspace.resolve()
    if not root.is_dir():
        raise WorkspaceError(f"{workspace} is not a folder: name the repository to work in")
    # A workspace that an outer repository ignores as a whole has files, but not for that git.
    names = git_files(root) or _walk(root)
    tree = _Tree(root)
    found = (tree.stamp(name) for name in set(names))
    return sorted((s for s in found if s is not None), key=lambda s: s.path)


def read_source(file: Path) -> str | None:
    r"""Text with `\n` line ends, undecodable bytes replaced.

    None for what is no source text: NUL in the first 8 KiB, over `MAX_BYTES`, a line over 5000
    characters, or unreadable.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError:
        return None
    if len(data) > MAX_BYTES or b"\0" in data[:_SNIFFED]:
        return None
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if any(len(line) > _MAX_LINE for line in text.split("\n")):
        return None
    return text


def _walk(root: Path) -> Iterator[str]:
    # os.walk does not follow links to folders, so a loop of links ends here.
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if _is_source_folder(here / name)]
        for name in files:
            yield (here / name).relative_to(root).as_posix()


def _is_source_folder(folder: Path) -> bool:
    name = folder.name
    if name.startswith(".") or name in _FOREIGN or name in _PRODUCTS:
        return False
    return not (folder / "pyvenv.cfg").exists()


def _is_dull(name: str) -> bool:
    if name in _SECRET_NAMES or name in _LOCK_NAMES:
        return True
    return name.lower().endswith(_SECRET_ENDINGS + _DULL_ENDINGS)


class _Tree:
    """Checks paths against one root, remembering what it found out about folders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[PurePosixPath, bool] = {PurePosixPath("."): True}

    def stamp(self, name: str) -> FileStamp | None:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or _is_dull(path.name):
            return None
        if not _storable(name) or not self._is_ours(path.parent):
            return None
        try:
            facts = self._facts(self._root / path)
        except OSError:
            return None
        if facts is None or not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_BYTES:
            return None
        changed = max(facts.st_mtime_ns, facts.st_ctime_ns)
        return FileStamp(path.as_posix(), facts.st_size, changed)

    def _facts(self, file: Path) -> os.stat_result | None:
        facts = file.lstat()
        if not stat.S_ISLNK(facts.st_mode):
            return facts
        target = Path(os.path.realpath(file))
        return target.stat() if target.is_relative_to(self._root) else None

    def _is_ours(self, folder: PurePosixPath) -> bool:
        known = self._folders.get(folder)
        if known is None:
            known = self._is_ours(folder.parent) and self._is_own_folder(folder)
            self._folders[folder] = known
        return known

    def _is_own_folder(self, folder: PurePosixPath) -> bool:
        full = self._root / folder
        # Git still lists a tracked folder's files after a link has taken the folder's place.
        if folder.name in _FOREIGN or full.is_symlink():
            return False
        return not (full / "pyvenv.cfg").exists()


def _storable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # a name that is not UTF-8 cannot be shown or stored
        return False
    return True
