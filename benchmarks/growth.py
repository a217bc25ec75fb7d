"""What a step costs when a thread is long: time, database and memory, ours beside plain LangGraph.

Every step adds two messages of 2 kB and a tool's output of 200 kB. Ours goes through the real
graph, node boundary, events, journal, blobs, snapshots and saver, with nodes that do no work;
theirs keeps the same texts in its state by `add_messages` and the stock SqliteSaver.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.growth_arms import OUTPUT_CHARS, SIZES, Arm, Point
from greenloop.errors import InfrastructureError

_ROOT = Path(__file__).parent.parent
_WARM = 10
"""First steps that are not looked at: the caches of the machine fill."""
_WINDOW = 200
_RESUMES = 9


@dataclass(frozen=True, slots=True)
class Growth:
    """Both arms, and the resume of ours."""

    ours: Arm
    theirs: Arm
    pairs: Mapping[str, Sequence[float]]
    """Milliseconds of steps `late` in the long thread and `early` in a young one, made in turn."""
    resume_ms: float
    """From the call of `resume` to the first node, imports aside; median of fresh processes."""
    late_imports: tuple[str, ...]
    """Modules that were loaded within that time all the same."""


def measure(steps: int) -> Growth:
    """Run the arms, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        ours, theirs = Path(name) / "ours", Path(name) / "theirs"
        ours.mkdir()
        theirs.mkdir()
        first = _arm(_run("ours", ours, steps))
        resumes = [_run("resume", ours, steps) for _ in range(_RESUMES)]
        pairs = _run("paired", ours, steps)
        second = _arm(_run("theirs", theirs, steps))
    late = {each for one in resumes for each in one["late_imports"]}
    taken = statistics.median(float(one["ms"]) for one in resumes)
    return Growth(first, second, pairs, taken, tuple(sorted(late)))


def slowdown(times_ms: Sequence[float]) -> float:
    """Median time of the last steps over that of the first ones; windows of up to 200 steps."""
    warm = min(_WARM, len(times_ms) // 3)
    window = max(1, min(_WINDOW, (len(times_ms) - warm) // 2))
    early = statistics.median(times_ms[warm : warm + window])
    return statistics.median(times_ms[-window:]) / early


def figures(growth: Growth) -> Mapping[str, object]:
    """All of it in numbers."""
    early, late = (statistics.median(growth.pairs[name]) for name in ("early", "late"))
    return {
        "steps": len(growth.ours.times_ms),
        "slowdown": round(late / early, 2),
        "early_ms": round(early, 1),
        "late_ms": round(late, 1),
        "theirs_steps": len(growth.theirs.times_ms),
        "theirs_slowdown": round(slowdown(growth.theirs.times_ms), 2),
        "theirs_stopped": growth.theirs.stopped,
        "resume_ms": round(growth.resume_ms, 1),
        "ours": _rows(growth.ours),
        "theirs": _rows(growth.theirs),
    }


def table(growth: Growth) -> str:
    """Both arms, a line for each size."""
    found = figures(growth)
    head = f"{'steps':>6}  {'ms a step':>9}  {'database':>9}  {'blobs':>9}  {'memory':>9}"
    theirs = f"plain LangGraph: add_messages, stock SqliteSaver, {OUTPUT_CHARS // 1000} kB outputs"
    end = growth.theirs.stopped
    lines = [
        "greenloop: events, journal, blobs, snapshots, checkpoints",
        head,
        *map(_line, _rows(growth.ours)),
        f"slowdown {found['slowdown']}: {found['late_ms']} ms a step in this thread, "
        f"{found['early_ms']} ms in a young one, in turn",
        "",
        f"{theirs} in the state",
        head,
        *map(_line, _rows(growth.theirs)),
        f"slowdown {found['theirs_slowdown']}"
        + (f"; stopped after {found['theirs_steps']} steps: {end}" if end else ""),
        "",
        f"resume of the long thread in a fresh process: {found['resume_ms']} ms to its first node",
    ]
    return "\n".join(lines)


def _rows(arm: Arm) -> list[Mapping[str, float]]:
    return [_row(arm, point) for point in arm.points]


def _row(arm: Arm, point: Point) -> Mapping[str, float]:
    window = max(1, min(_WINDOW // 4, point.steps // 2))
    recent = arm.times_ms[point.steps - window : point.steps]
    return {
        "steps": point.steps,
        "ms": round(statistics.median(recent), 2),
        "database_mb": round(point.database_bytes / 1e6, 1),
        "blobs_mb": round(point.blob_bytes / 1e6, 1),
        "rss_mb": round(point.rss_bytes / 1e6, 1),
    }


def _line(row: Mapping[str, float]) -> str:
    return (
        f"{row['steps']:6}  {row['ms']:9.2f}  {row['database_mb']:6.1f} MB  "
        f"{row['blobs_mb']:6.1f} MB  {row['rss_mb']:6.1f} MB"
    )


def _arm(data: Mapping[str, Any]) -> Arm:
    points = [Point(**point) for point in data["points"]]
    return Arm(list(data["times_ms"]), points, str(data["stopped"]))


def _run(arm: str, folder: Path, steps: int) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "benchmarks.growth_arms", arm, str(folder), str(steps)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:]
        raise InfrastructureError(f"the arm {arm} failed: {' '.join(said)}")
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


__all__ = ["SIZES", "Growth", "figures", "measure", "slowdown", "table"]
