"""A program in a terminal of its own, typed at and read from as a person would."""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE_S = 120.0


@dataclass
class Terminal:
    """Both ends of a pseudo-terminal's conversation."""

    process: subprocess.Popen[bytes]
    master: int
    said: str = field(default="", init=False)
    """Everything shown so far."""
    _read_to: int = field(default=0, init=False)

    def wait_for(self, words: str) -> str:
        """Read until these words come; returns what was shown since the last words waited for."""
        until = time.monotonic() + _PATIENCE_S
        while words not in self.said[self._read_to :]:
            assert time.monotonic() < until, f"{words!r} never came:\n{self.said}"
            if not self._read():
                raise AssertionError(f"it ended without {words!r}:\n{self.said}")
        end = self.said.index(words, self._read_to) + len(words)
        seen, self._read_to = self.said[self._read_to : end], end
        return seen

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self.master, f"{text}\n".encode())

    def wait(self) -> int:
        """The exit code, when all that was shown is read."""
        until = time.monotonic() + _PATIENCE_S
        while self._read():
            assert time.monotonic() < until, f"it never ended:\n{self.said}"
        return self.process.wait(timeout=_PATIENCE_S)

    def _read(self) -> bool:
        if not select.select([self.master], [], [], 1.0)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            return False
        self.said += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)


@contextmanager
def terminal(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a command in a terminal; it is killed at the end of the block if it still runs."""
    master, slave = os.openpty()
    try:
        with subprocess.Popen(
            words, cwd=cwd, env={**os.environ, **env}, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        ) as process:  # fmt: skip
            os.close(slave)
            try:
                yield Terminal(process, master)
            finally:
                process.kill()
    finally:
        os.close(master)
