"""Bytes of regular files: bounded reads that cannot block, and writes that all happen or none.

A write goes to a temporary file in the same folder, is flushed to the disk and then takes the
old name in one step, so a crash, a full disk or a kill leaves the old file or the new one.
"""

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from greenloop.errors import EditError
from greenloop.tools.confine import Place, os_errors

MAX_BYTES = 2 * 1024 * 1024
"""Larger files are neither read nor written."""

_TEMP_PREFIX, _TEMP_SUFFIX = ".greenloop-", ".tmp"
_WRITE_BITS = 0o222


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes and its status when they were read."""

    data: bytes
    status: os.stat_result

    @property
    def mode(self) -> int:
        """Permission bits."""
        return stat.S_IMODE(self.status.st_mode)


@dataclass(frozen=True, slots=True)
class Replacement:
    """New bytes for a place, and what was there before, to go back to."""

    place: Place
    data: bytes
    before: Content | None


def read_content(place: Place) -> Content | None:
    """Read a whole file; None if nothing is there.

    Raises:
        EditError: not a regular file (a device or pipe is not even opened), or too large.
        OSError: what the system refuses.
    """
    status = place.stat()
    if status is None:
        return None
    _check_regular(status, place.path)
    # Non-blocking: a pipe that took the name since then must not hold us.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(place.name, flags, dir_fd=place.fd), "rb") as file:
        status = os.fstat(file.fileno())
        _check_regular(status, place.path)
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise EditError(f"{place.path} is larger than {MAX_BYTES // 1024} KiB; leave it alone")
    return Content(data, status)


def replace_all(replacements: Iterable[Replacement], undo: ExitStack) -> None:
    """Write every temporary file first, then let each take its name; `undo` reverts it all.

    Raises:
        EditError: a file is marked read-only.
        StorageError: the system refuses.
    """
    staged = []
    for item in replacements:
        with os_errors(item.place.path, "write"):
            staged.append((item, _stage(item, undo)))
    for item, temp in staged:
        with os_errors(item.place.path, "write"):
            undo.callback(_put_back, item)
            _take_name(item.place, temp)


def is_temporary(name: str) -> bool:
    """Whether the name is one of our temporary files."""
    return name.startswith(_TEMP_PREFIX) and name.endswith(_TEMP_SUFFIX)


def _check_regular(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise EditError(f"{path} is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise EditError(f"{path} is not a regular file; it cannot be used")
    if status.st_size > MAX_BYTES:
        raise EditError(f"{path} is larger than {MAX_BYTES // 1024} KiB; leave it alone")


def _stage(item: Replacement, undo: ExitStack) -> str:
    before = item.before
    if before is not None and not before.mode & _WRITE_BITS:
        raise EditError(f"{item.place.path} is marked read-only; leave it alone")
    temp = f"{_TEMP_PREFIX}{secrets.token_hex(8)}{_TEMP_SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # A new file gets what the umask allows; a private file's text is private in its copy too.
    fd = os.open(temp, flags, 0o666 if before is None else 0o600, dir_fd=item.place.fd)
    undo.callback(_unlink, item.place.fd, temp)
    with os.fdopen(fd, "wb") as file:
        file.write(item.data)
        file.flush()
        if before is not None:
            _copy_owner_and_mode(before, file.fileno())
        os.fsync(file.fileno())
    return temp


def _copy_owner_and_mode(before: Content, fd: int) -> None:
    owner, group = before.status.st_uid, before.status.st_gid
    made = os.fstat(fd)
    if (made.st_uid, made.st_gid) != (owner, group):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(fd, owner, group)
    os.fchmod(fd, before.mode)


def _take_name(place: Place, temp: str) -> None:
    os.replace(temp, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
    with suppress(OSError):  # the new name holds already; some file systems cannot sync folders
        os.fsync(place.fd)


def _put_back(item: Replacement) -> None:
    """Undo a replacement from memory; leaves the file alone where it was not replaced yet."""
    try:
        now = read_content(item.place)
    except EditError:  # something else took the name
        return
    if now is None or now.data != item.data:
        return
    if item.before is None:
        _unlink(item.place.fd, item.place.name)
        return
    with ExitStack() as undo, os_errors(item.place.path, "restore"):
        older = Replacement(item.place, item.before.data, item.before)
        temp = _stage(older, undo)
        _take_name(item.place, temp)
        undo.pop_all()


def _unlink(fd: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=fd)
