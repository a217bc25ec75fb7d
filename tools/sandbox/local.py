"""The weakest sandbox: the user's own machine with limits, a clean environment and certain killing.

It bounds time and output and leaves no process of the command's group behind. It is not
isolation: the command can read, write and connect as the user can.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from greenloop.errors import SandboxError
from greenloop.tools.sandbox.base import Command, CommandResult, EndReason, Limits

_POLL_S = 0.05
_DRAIN_S = 0.5
"""A daemon may hold the pipe open after the command's end: waiting for its end would hang."""

_FIXED_ENV = {
    "CI": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class CappedOutput:
    """Keeps the head and the tail of a stream and counts the middle."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep = keep_bytes
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take the next piece of the stream."""
        self.total += len(data)
        room = self._keep - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail and self._tail_bytes - len(self._tail[0]) >= self._keep:
            self._tail_bytes -= len(self._tail.popleft())

    def text(self) -> str:
        """What was kept, with a mark where something was left out."""
        tail = b"".join(self._tail)[-self._keep :] if self._tail else b""
        left_out = self.total - len(self._head) - len(tail)
        mark = f"\n[... {left_out} bytes left out ...]\n".encode() if left_out else b""
        return (bytes(self._head) + mark + tail).decode("utf-8", errors="replace")


class LocalSandbox:
    """Runs commands as the user, in a process group of their own."""

    level = "limited"

    def __init__(self, base_env: Mapping[str, str] | None = None) -> None:
        """`base_env` is the allow-listed part of the user's environment."""
        self._base_env = dict(base_env if base_env is not None else {"PATH": os.defpath})

    def run(
        self, command: Command, *, on_output: Callable[[bytes], None] | None = None
    ) -> CommandResult:
        """See `Sandbox.run`."""
        started = time.monotonic()
        output = CappedOutput(command.limits.keep_bytes)
        with _warden() as watch:
            process = self._start(command)
            try:
                watch(process.pid)
                reason = _pump(process, command.limits, output, on_output)
            finally:
                _kill_group(process)
        return CommandResult(
            exit_code=process.returncode,
            reason=reason,
            output=output.text(),
            total_bytes=output.total,
            seconds=time.monotonic() - started,
        )

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                list(command.argv),
                cwd=command.cwd,
                env={**self._base_env, **_FIXED_ENV, **command.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise SandboxError(f"cannot start {command.argv[0]!r}: {error}") from error


@contextlib.contextmanager
def _warden() -> Iterator[Callable[[int], None]]:
    """A process that ends a group when we die: nothing goes on writing after a kill.

    It waits for the end of a pipe, which the kernel closes with us. A group of its own keeps it
    out of the way of whatever kills ours.
    """
    try:
        warden = subprocess.Popen(
            ("/bin/sh", "-c", 'read -r group && { read -r _; kill -s KILL -- "-$group"; }'),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"cannot start /bin/sh: {error}") from error
    assert warden.stdin is not None
    pipe = warden.stdin.fileno()
    try:
        with warden.stdin:
            yield lambda group: _tell(pipe, group)
            warden.kill()  # before the pipe is closed, which it takes for our death
    finally:
        warden.kill()
        warden.wait()


def _tell(pipe: int, group: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # it was killed: the command runs all the same
        os.write(pipe, f"{group}\n".encode())


def _pump(
    process: subprocess.Popen[bytes],
    limits: Limits,
    output: CappedOutput,
    on_output: Callable[[bytes], None] | None,
) -> EndReason:
    """Read until the command has ended or passed a limit; says which."""
    assert process.stdout is not None
    deadline = time.monotonic() + limits.timeout_s
    ended_at: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            data = _read_ready(selector, process.stdout)
            if data:
                output.add(data)
                if on_output is not None:
                    on_output(data)
            if output.total > limits.output_bytes:
                return "output_limit"
            now = time.monotonic()
            if ended_at is None and process.poll() is not None:
                ended_at = now
            if ended_at is not None and (not data or now - ended_at > _DRAIN_S):
                return "exit"
            if now > deadline:
                return "timeout"
            if data == b"" and ended_at is None:
                time.sleep(_POLL_S)  # the pipe was closed early; the process still runs


def _read_ready(selector: selectors.BaseSelector, pipe: IO[bytes]) -> bytes | None:
    """Bytes that are there, `b""` at the end of the stream, None when nothing came in time."""
    if not selector.select(_POLL_S):
        return None
    return os.read(pipe.fileno(), 65536)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Leave no process of the group behind, whatever way the run ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
