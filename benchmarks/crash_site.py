"""Where the torture's tasks live: on the disk, or on small ones of their own that can be filled.

The small ones are memory disks; they need the right to mount. Without it there are no such
faults, and the figures say 0.
"""

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Part = Literal["data", "work"]
_SIZE = "24m"
_BALLAST = "ballast"
_CHUNK = 1 << 20
_TRIES_S = 0.3
"""A disk cannot be made read-only while a file on it is open for writing."""


@dataclass(frozen=True, slots=True)
class Site:
    """A data folder, and a folder of projects."""

    folder: Path
    small: bool = False

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data" / "greenloop"

    @property
    def work(self) -> Path:
        """The folder of projects."""
        return self.folder / "work"

    def fill(self, part: Part) -> None:
        """Leave no room on that disk."""
        with (self.folder / part / _BALLAST).open("wb", buffering=0) as file:
            size = _CHUNK
            while size:
                try:
                    file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self, part: Part) -> None:
        """Give the room back."""
        (self.folder / part / _BALLAST).unlink(missing_ok=True)

    def lock(self, part: Part) -> bool:
        """Make that disk read-only; False if it is being written all the time."""
        end = time.monotonic() + _TRIES_S
        while not self._remount(part, "ro"):
            if time.monotonic() > end:
                return False
        return True

    def unlock(self, part: Part) -> None:
        """Let that disk be written again."""
        if not self._remount(part, "rw"):
            raise RuntimeError(f"{self.folder / part} stays read-only")

    def _remount(self, part: Part, mode: str) -> bool:
        words = ("mount", "-o", f"remount,{mode}", str(self.folder / part))
        return subprocess.run(words, check=False, capture_output=True).returncode == 0


@contextmanager
def sites(folder: Path) -> Iterator[tuple[Site, ...]]:
    """One site on the disk of that folder, and a small one where that can be had."""
    plain = Site(folder / "plain")
    for part in ("data", "work"):
        (plain.folder / part).mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        small = _mounted(folder / "small", stack)
        yield (plain, small) if small else (plain,)


def _mounted(folder: Path, stack: contextlib.ExitStack) -> Site | None:
    for part in ("data", "work"):
        (folder / part).mkdir(parents=True)
        words = ("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "greenloop", str(folder / part))
        if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
            return None
        # Lazily: a process that is still dying may hold a file there.
        stack.callback(subprocess.run, ("umount", "-l", str(folder / part)), check=False)
    return Site(folder, small=True)
