"""Opening names beneath one folder and nowhere else, whatever links are or become on the way.

Checking a path and opening it later leaves a gap in which code under test can swap a folder for
a link. Here every component is opened by its parent's descriptor with O_NOFOLLOW and links are
followed by hand, so there is no gap; works alike on Linux and macOS.
"""

import errno
import os
import re
import stat
import unicodedata
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from greenloop.errors import EditError, GreenloopError, StorageError, WorkspaceError

MAX_LINKS = 40
"""Symbolic links followed for one path, as in Linux's path resolution."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MODEL_ERRNOS = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.ELOOP: "the link leads nowhere",
    errno.ENAMETOOLONG: "the name is too long",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder; valid while what gave it is held."""

    fd: int
    """Descriptor of the folder."""
    name: str
    """Name in it; `.` for the folder itself."""
    path: str
    """Where it really is, with all links followed; relative to the root."""

    def stat(self) -> os.stat_result | None:
        """Status of what is there, not following a link; None if nothing is."""
        try:
            return os.stat(self.name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @contextmanager
    def folder(self) -> Iterator[int]:
        """A descriptor of this folder, while the `with` lasts.

        Raises:
            OSError: it is missing or no folder.
        """
        fd = os.open(self.name, _FOLDER, dir_fd=self.fd)
        try:
            yield fd
        finally:
            os.close(fd)


class Root:
    """The one folder, remembered by device and inode."""

    def __init__(self, path: Path) -> None:
        try:
            self.path = path.resolve(strict=True)
            status = self.path.stat()
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
            message = f"cannot open the folder {path}: {_reason(error)}; name an existing folder"
            raise WorkspaceError(message) from error
        if not stat.S_ISDIR(status.st_mode):
            raise WorkspaceError(f"{path} is not a folder; name the folder of a project")
        if not os.access(self.path, os.R_OK | os.X_OK):
            raise WorkspaceError(f"cannot read the folder {path}; check its permissions")
        self._identity = (status.st_dev, status.st_ino)

    def relative(self, path: str) -> str:
        """The path in its plain relative form, with forward slashes; `.` is the root.

        An absolute path is taken where it begins with the root's own, as tracebacks print it.

        Raises:
            EditError: the path is empty, leaves the root or holds characters no name should.
        """
        own = f"{self.path}/"
        plain = path.strip(" ").removeprefix(own) if path.strip() else ""
        if not plain:
            raise EditError("the path is empty; write it relative to the project, like src/a.py")
        if not is_plain_name(plain):
            raise EditError(f"the path {plain!a} has control characters; use a plain name")
        if "\\" in plain:
            raise EditError(f"the path {plain} has a backslash; use forward slashes")
        parts = [part for part in plain.split("/") if part not in ("", ".")]
        if ".." in parts or plain.startswith(("/", "~/")) or re.match("[A-Za-z]:/", plain):
            raise EditError(f"the path {plain} leaves the project; use a path relative to its root")
        return "/".join(parts) or "."

    @contextmanager
    def place(self, path: str) -> Iterator[Place]:
        """Walk to a path, following only links that stay inside.

        Raises:
            EditError: the path or a link leaves the root.
            OSError: what the system refuses; callers wrap the whole in `os_errors`.
            WorkspaceError: the root is gone or another folder took its name.
        """
        with ExitStack() as held:
            yield self._walk(path, held, None).to_end()

    def place_to_write(self, path: str, held: ExitStack, undo: ExitStack) -> Place:
        """Walk as `place` does, making missing folders.

        Args:
            path: relative to the root.
            held: keeps the place valid until it is closed; must outlive `undo`.
            undo: takes the new folders away again, unless it is emptied before.

        Raises:
            EditError: as for `place`, or the path leads into `.git`.
            OSError, WorkspaceError: as for `place`.
        """
        return self._walk(path, held, undo).to_end()

    def locate(self, path: str) -> str:
        """Where a path leads with all links followed; what is missing is kept as it is.

        Raises:
            EditError, OSError, WorkspaceError: as for `place`.
        """
        with ExitStack() as held:
            walk = self._walk(path, held, None)
            try:
                return walk.to_end().path
            except FileNotFoundError:
                return walk.missing()

    def _walk(self, path: str, held: ExitStack, undo: ExitStack | None) -> "_Walk":
        relative = self.relative(path)
        root_fd = self._open()
        held.callback(os.close, root_fd)
        return _Walk(relative, root_fd, held, undo)

    def _open(self) -> int:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            message = f"cannot open the folder {self.path}: {error.strerror}; is it still there?"
            raise WorkspaceError(message) from error
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != self._identity:
            os.close(fd)
            raise WorkspaceError(f"{self.path} was replaced by another folder; start again")
        return fd


class _Walk:
    def __init__(self, path: str, root_fd: int, held: ExitStack, undo: ExitStack | None) -> None:
        self._held = held
        self._undo = undo
        self._path = path
        self._fds = [root_fd]
        self._names: list[str] = []
        self._pending: deque[str] = deque()
        self._prepend(path)

    def to_end(self) -> Place:
        links = 0
        while self._pending:
            part = self._pending.popleft()
            if part == "..":
                self._up()
                continue
            target = _link_target(self._fds[-1], part)
            if target is not None:
                links += 1
                self._follow(target, links)
                continue
            self._check_writable(part)
            if not self._pending:
                return Place(self._fds[-1], part, "/".join([*self._names, part]))
            self._down(part)
        return Place(self._fds[-1], ".", "/".join(self._names) or ".")

    def missing(self) -> str:
        """Full path after `to_end` found a folder missing."""
        if ".." in self._pending:
            raise EditError(f"{self._path} is a link that leads nowhere; use another path")
        return "/".join([*self._names, *self._pending])

    def _prepend(self, path: str) -> None:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        self._pending.extendleft(reversed(parts))

    def _up(self) -> None:
        if not self._names:
            raise EditError(f"{self._path} is a link that leaves the project; it cannot be used")
        self._names.pop()
        self._fds.pop()

    def _follow(self, target: str, links: int) -> None:
        if target.startswith("/"):
            raise EditError(f"{self._path} is a link to an absolute path; use the file's own path")
        if links > MAX_LINKS:
            raise EditError(f"{self._path}: the links go in a circle; use another path")
        self._prepend(target)

    def _check_writable(self, part: str) -> None:
        if self._undo is not None and is_git_name(part):
            raise EditError(f"{self._path} is inside .git, which must not be written")

    def _down(self, part: str) -> None:
        parent = self._fds[-1]
        try:
            fd = os.open(part, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            if self._undo is None:
                self._pending.appendleft(part)  # for `missing`
                raise
            fd = self._make(parent, part, self._undo)
        self._held.callback(os.close, fd)
        self._fds.append(fd)
        self._names.append(part)

    def _make(self, parent: int, part: str, undo: ExitStack) -> int:
        with suppress(FileExistsError):  # another process was quicker
            os.mkdir(part, dir_fd=parent)
            undo.callback(remove_folder, parent, part)
        return os.open(part, _FOLDER, dir_fd=parent)


def _link_target(fd: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):  # not a link, or nothing at all
            return None
        raise


def remove_folder(fd: int, name: str) -> bool:
    """Remove a folder if it is empty; says whether it went."""
    with suppress(OSError):
        os.rmdir(name, dir_fd=fd)
        return True
    return False


def is_git_name(name: str) -> bool:
    """Whether some file system takes the name for `.git`.

    Case, compatibility forms, ignorable characters, trailing dots and spaces do not count, as in
    Git's own check of names in trees.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return visible.rstrip(". ") == ".git"


def is_plain_name(name: str) -> bool:
    """Whether a name is free of control characters and of bytes that are no UTF-8."""
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)


@contextmanager
def os_errors(path: str, doing: str) -> Iterator[None]:
    """Turn what the system refuses into one of our errors that names the path.

    Raises:
        EditError: the path itself is wrong, which a model can correct.
        StorageError: the disk or its permissions are at fault.
    """
    try:
        yield
    except OSError as error:
        raise _named(error, path, doing) from error


def _named(error: OSError, path: str, doing: str) -> GreenloopError:
    known = _MODEL_ERRNOS.get(error.errno or 0)
    if known:
        return EditError(f"cannot {doing} {path}: {known}")
    return StorageError(
        f"cannot {doing} {path}: {_reason(error)}; check free space and permissions"
    )


def _reason(error: OSError | RuntimeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
