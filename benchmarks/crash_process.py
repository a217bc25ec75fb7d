"""Command lines that start at once: a process that has imported everything forks one for each.

    python -m benchmarks.crash_process

reads one JSON object a line (`argv`, `env`, `out`), answers with the process id, and with the exit
status when that process has ended. Every process is a group of its own, to be killed as a whole.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PATIENCE_S = 120.0
"""Longest life of one command."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process, from its start to its end or to its kill."""

    pid: int
    out: Path
    """What it printed; errors beside it."""
    server: "subprocess.Popen[bytes]"

    def wait(self, seconds: float = _PATIENCE_S) -> int | None:
        """Its exit code, negative for a signal; None while it lives on."""
        assert self.server.stdout is not None
        if not select.select([self.server.stdout], [], [], max(0.0, seconds))[0]:
            return None
        return os.waitstatus_to_exitcode(int(self.server.stdout.readline()))

    def kill(self) -> int:
        """End it and its whole group by SIGKILL; returns how it ended, maybe by itself before."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self.wait()
        if code is None:
            raise RuntimeError(f"process {self.pid} does not end after SIGKILL")
        return code

    @property
    def said(self) -> str:
        """What it printed on stdout."""
        return self.out.read_text(encoding="utf-8", errors="replace")

    @property
    def complaint(self) -> str:
        """What it printed on stderr."""
        return self.out.with_suffix(".err").read_text(encoding="utf-8", errors="replace")


class Launcher:
    """Starts one command at a time."""

    def __init__(self, server: "subprocess.Popen[bytes]") -> None:
        self._server = server

    def start(self, argv: Sequence[str], env: Mapping[str, str], out: Path) -> Life:
        """Begin `greenloop ARGV` in this environment."""
        assert self._server.stdin is not None and self._server.stdout is not None
        order = {"argv": list(argv), "env": dict(env), "out": str(out)}
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        self._server.stdin.flush()
        return Life(int(self._server.stdout.readline()), out, self._server)


@contextmanager
def launcher() -> Iterator[Launcher]:
    """A launcher, ready; its process is gone afterwards."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "benchmarks.crash_process"]
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, bufsize=0) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            server.stdout.readline()
            yield Launcher(server)
        finally:
            server.stdin.close()
            if server.stdout.readable() and server.poll() is None:
                server.kill()


def main() -> int:
    """Serve until standard input ends."""
    _import_all()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(order["argv"], order["env"], order["out"])
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # in both, so that neither has to wait for the other
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
    return 0


def _import_all() -> None:
    """What every run needs; costs a second, and no process of ours pays for it again."""
    from importlib import import_module  # noqa: PLC0415

    from greenloop.config import prepare_process  # noqa: PLC0415

    prepare_process()
    for name in (
        "langgraph.graph",
        "langgraph.checkpoint.sqlite",
        "langgraph.errors",
        "langgraph.runtime",
        "langchain_ollama",
        "jinja2",
        "greenloop.cli.main",
        "greenloop.cli.work",
        "greenloop.tools.model.ollama",
    ):
        import_module(name)


def _become(argv: Sequence[str], env: Mapping[str, str], out: str) -> None:
    """Be the command line from here on; never returns."""
    from greenloop.cli.main import main as greenloop  # noqa: PLC0415

    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    code = 70  # EX_SOFTWARE of sysexits.h: what a traceback would be
    try:
        os.environ.update(env)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, name in ((1, out), (2, str(Path(out).with_suffix(".err")))):
            os.dup2(os.open(name, flags), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = greenloop(argv)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
