"""Puts files, links and folders in place, never through a symbolic link and never half-written.

Every step opens each folder on the way by its parent's descriptor without following links, so
that not even a link made meanwhile can lead a write or a deletion out of the workspace.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import PERMISSIONS
from greenloop.checkpoints.snapshots.manifest import Entry
from greenloop.checkpoints.snapshots.objects import Hasher
from greenloop.checkpoints.snapshots.read import CopyBlob
from greenloop.checkpoints.snapshots.scan import read_file
from greenloop.errors import StorageError

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
TEMPORARY = ".greenloop-{}.tmp"
"""One that a kill leaves behind is in no snapshot, so the next restore removes it."""
NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)


class Placer:
    """Changes one workspace. Repeating any step is harmless."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self.loosened: dict[str, int] = {}
        """Folders that were not writable and now are, with the permission bits they had."""

    def remove(self, path: str) -> None:
        """Delete a file or link; nothing happens when it is gone.

        Raises:
            StorageError: it cannot be deleted.
        """
        gone = suppress(FileNotFoundError)
        with _naming("delete", path), gone, self._folder(path) as (folder, name):
            self._loosen(path, folder)
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: str) -> None:
        """Delete a folder if it is empty; nothing happens otherwise.

        Raises:
            StorageError: it is empty but cannot be deleted.
        """
        gone = suppress(FileNotFoundError)
        with _naming("delete", path), gone, self._folder(path) as (folder, name):
            self._loosen(path, folder)
            try:
                os.rmdir(name, dir_fd=folder)
            except OSError as error:
                if error.errno not in NOT_EMPTY:
                    raise

    def entry(self, path: str) -> Entry | None:
        """What is at the path, or None for nothing, a folder, a socket or a pipe.

        Raises:
            StorageError: it is a file that cannot be read, so that nothing could keep it.
        """
        with suppress(OSError), self._folder(path) as (folder, name):
            status = os.lstat(name, dir_fd=folder)
            if stat.S_ISLNK(status.st_mode):
                target = os.fsencode(os.readlink(name, dir_fd=folder))
                return Entry(Hasher().put(target), 0, link=True)
            if stat.S_ISREG(status.st_mode):
                return _read(path, name, folder)
        return None

    def write(self, path: str, entry: Entry, copy: CopyBlob) -> None:
        """Make the path this file or link, by a temporary file beside it and a rename.

        Not flushed to the disk one by one: the snapshot is, and a restore can be repeated.

        Raises:
            StorageError: the disk is full or not writable, or something is in the way that
                snapshots leave alone.
        """
        with _naming("write", path), self._folder(path, create=True) as (folder, name):
            self._loosen(path, folder)
            fresh = TEMPORARY.format(secrets.token_hex(8))
            try:
                if entry.link:
                    target = bytearray()
                    copy(entry.oid, target.extend)
                    os.symlink(bytes(target), os.fsencode(fresh), dir_fd=folder)
                else:
                    _write_file(folder, fresh, entry, copy)
                os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=folder)

    def set_mode(self, path: str, mode: int) -> None:
        """Give a file these permission bits.

        Raises:
            StorageError: they cannot be changed.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with _naming("change the mode of", path), self._folder(path) as (folder, name):
            _change_mode(os.open(name, flags, dir_fd=folder), mode)

    def make_folder(self, path: str) -> None:
        """Make sure that the path is a folder.

        Raises:
            StorageError: it cannot be made.
        """
        with _naming("make", path), self._folder(f"{path}/", create=True):
            pass

    def set_folder_mode(self, path: str, mode: int) -> None:
        """Give a folder these permission bits, if it is there.

        Raises:
            StorageError: they cannot be changed.
        """
        gone = suppress(FileNotFoundError)
        with _naming("change the mode of", path), gone, self._folder(f"{path}/") as (folder, _):
            if os.fstat(folder).st_mode & PERMISSIONS != mode:
                os.fchmod(folder, mode)

    @contextmanager
    def _folder(self, path: str, create: bool = False) -> Iterator[tuple[int, str]]:
        """The folder that holds `path`, open, and the last part of the path.

        With a slash at the end of the path it is that folder itself; `/` is the workspace.

        Raises:
            OSError: a folder on the way is missing (and not to be made) or is none.
        """
        *folders, name = path.lstrip("/").split("/")
        here = os.open(self._workspace, OPEN_FOLDER & ~os.O_NOFOLLOW)
        try:
            for depth, part in enumerate(folders):
                if create:
                    self._ensure("/".join(folders[: depth + 1]), here, part)
                below = os.open(part, OPEN_FOLDER, dir_fd=here)
                os.close(here)
                here = below
            yield here, name
        finally:
            os.close(here)

    def _ensure(self, path: str, folder: int, name: str) -> None:
        """Make `name` in the open folder a folder; a link or pipe in its place is removed."""
        try:
            mode = os.lstat(name, dir_fd=folder).st_mode
            if stat.S_ISDIR(mode):
                return
            if stat.S_ISREG(mode):
                raise FileExistsError(errno.EEXIST, "a file that snapshots leave alone", path)
            self._loosen(path, folder)
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            self._loosen(path, folder)
        os.mkdir(name, dir_fd=folder)

    def _loosen(self, path: str, folder: int) -> None:
        """Let the owner write in the folder that holds `path`, and note what it was."""
        mode = os.fstat(folder).st_mode & PERMISSIONS
        if mode & 0o300 != 0o300:
            self.loosened.setdefault(path.rstrip("/").rpartition("/")[0], mode)
            os.fchmod(folder, mode | 0o700)


def _read(path: str, name: str, folder: int) -> Entry:
    try:
        status, oid = read_file(name, folder, Hasher())
    except PermissionError as error:
        raise StorageError(
            f"cannot read {path!r}, which is in the way and in no snapshot for that reason: make "
            "it readable (chmod u+r) or move it away, then try again"
        ) from error
    return Entry(oid, status.st_mode & PERMISSIONS)


def _write_file(folder: int, name: str, entry: Entry, copy: CopyBlob) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
        copy(entry.oid, file.write)
        file.flush()
        os.fchmod(file.fileno(), entry.mode)


def _change_mode(descriptor: int, mode: int) -> None:
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


@contextmanager
def _naming(verb: str, path: str) -> Iterator[None]:
    """Turn a failure of the system into one line that names the path."""
    try:
        yield
    except OSError as error:
        advice = "check the disk's space and the folder's permissions, then restore again"
        if error.errno in (errno.EISDIR, errno.EEXIST, *NOT_EMPTY, *NO_FOLDER):
            advice = (
                "something in the way is in no snapshot (ignored, or a nested repository): "
                "move it away, then restore again"
            )
        raise StorageError(f"cannot {verb} {path!r}: {error.strerror}; {advice}") from error
