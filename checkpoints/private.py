"""Files and folders for their owner's eyes only, whatever the caller's umask says."""

import os
import stat
from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(path: Path) -> None:
    """Make a folder and all that are missing above it, open to the owner only.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    private_folder(path.parent)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """An opener, as `open` takes, for files that only the owner can read."""
    return os.open(path, flags, FILE_MODE)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that is whole and on the disk when this returns, or not there at all.

    Raises:
        OSError: the disk is full or not writable; nothing is left behind.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=private_opener) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def flush_folder(path: Path) -> None:
    """Bring a folder's list of names to the disk: without it a power cut may take a new file.

    Raises:
        OSError: the disk failed.
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_to_others(root: Path, limit: int = 10_000) -> list[Path]:
    """Files and folders below `root`, itself included, that others may read or write.

    Looks at no more than `limit` of them. Folders above all else: what lies in one that is closed
    is closed too, so nothing below a closed `root` counts.
    """
    try:
        if root.lstat().st_mode & 0o077 == 0:
            return []
    except FileNotFoundError:
        return []
    found, seen = [root], 0
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            seen += 1
            with suppress(FileNotFoundError):  # others are at work
                status = path.lstat()
                if not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o077:
                    found.append(path)
        if seen > limit:
            break
    return found
