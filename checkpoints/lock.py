"""Locks that a dead process does not keep: one thread, or one folder, is worked by one process."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from greenloop.errors import StorageError, ThreadError


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot make the lock {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise ThreadError(f"{busy} (process {holder})") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
