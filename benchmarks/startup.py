"""How long a user waits before anything happens: help, threads, and a run up to its first node.

Each figure is the median wall time of a fresh process, in milliseconds, beside that of a bare
interpreter on the same machine.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_EXAMPLE = Path(__file__).parent.parent / "examples" / "ferry"
_FIRST_NODE = b" 1 plan"
"""How the live view heads the first node."""


def measure(runs: int) -> Mapping[str, float]:
    """Median milliseconds for each of the four."""
    greenloop = (sys.executable, "-m", "greenloop")
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "GREENLOOP_DATA_DIR": str(Path(folder) / "data")}
        repo = Path(folder) / "ferry"
        shutil.copytree(_EXAMPLE, repo)
        run = (*greenloop, "run", "fix it", "--repo", str(repo), "--model", "repair")
        return {
            "python_ms": _median(runs, lambda: _whole((sys.executable, "-c", "pass"), env)),
            "help_ms": _median(runs, lambda: _whole((*greenloop, "--help"), env)),
            "threads_ms": _median(runs, lambda: _whole((*greenloop, "threads"), env)),
            "first_node_ms": _median(runs, lambda: _until_first_node(run, env)),
        }


def _median(runs: int, once: Callable[[], float]) -> float:
    once()  # the first fills the caches of the disk and of compiled modules
    return statistics.median(once() for _ in range(runs))


def _whole(argv: Sequence[str], env: Mapping[str, str]) -> float:
    """Milliseconds from start to end."""
    started = time.perf_counter()
    subprocess.run(argv, env=env, cwd="/", stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


def _until_first_node(argv: Sequence[str], env: Mapping[str, str]) -> float:
    """Milliseconds from start to the heading of the first node; the rest of the run is cut."""
    started = time.perf_counter()
    with subprocess.Popen(
        argv, env={**env, "PYTHONUNBUFFERED": "1"}, cwd="/", stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if _FIRST_NODE in line:
                elapsed = (time.perf_counter() - started) * 1000
                process.kill()
                return elapsed
    raise RuntimeError("the run ended before its first node")
