"""Locks that a dead process does not keep: one thread, or one folder, is worked by one process."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from greenloop.checkpoints.private import private_folder, private_opener
from greenloop.errors import StorageError, ThreadError

_TRIES, _PAUSE_S = 10, 0.005
"""Whoever looks whether a lock is held holds it for that moment; see `is_held`."""


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        file = path.open(encoding="utf-8")
    except OSError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def exclusive(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file while the block runs; the kernel frees it when the process dies.

    Raises:
        ThreadError: another process holds it; the message is `busy`, with that process's id.
        StorageError: the lock file cannot be made.
    """
    with _opened(path) as file:
        _take(file, fcntl.LOCK_EX, busy)
        file.truncate(0)
        with contextlib.suppress(OSError):  # a full disk; the name is for people only
            os.write(file.fileno(), str(os.getpid()).encode("ascii"))
        try:
            yield
        finally:
            file.truncate(0)  # the next to be refused may be so by others, who share it


@contextlib.contextmanager
def shared(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file together with others who hold it so; see `exclusive`.

    Raises:
        ThreadError: another process holds it for itself.
        StorageError: the lock file cannot be made.
    """
    with _opened(path) as file:
        _take(file, fcntl.LOCK_SH, busy)
        yield


def _opened(path: Path) -> IO[str]:
    try:
        private_folder(path.parent)
        return open(path, "a+", encoding="utf-8", opener=private_opener)
    except OSError as error:
        raise StorageError(
            f"cannot make the lock {path}: {error.strerror}; see to that folder"
        ) from error


def _take(file: IO[str], kind: int, busy: str) -> None:
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if left:
                time.sleep(_PAUSE_S)
                continue
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise ThreadError(f"{busy} (process {holder})") from error
