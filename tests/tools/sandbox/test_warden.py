"""A command does not outlive the process that runs it, however that one ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PROGRAM = """
import sys
from pathlib import Path
from greenloop.tools.sandbox.base import Command
from greenloop.tools.sandbox.local import LocalSandbox

folder = Path(sys.argv[1])
LocalSandbox().run(Command(("/bin/sh", "-c", sys.argv[2]), cwd=folder))
"""
_BEATS = "while true; do date +%s%N > beat; (sleep 0.05); done"
_WAIT_S = 20.0


def test_a_killed_run_takes_its_command_along(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(tmp_path), _BEATS])
    with process:
        _until(beat.exists)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def still() -> bool:
        before = beat.read_text()
        time.sleep(0.5)
        return beat.read_text() == before

    _until(still)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _WAIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
