"""What a snapshot and a restore cost beside `git status`, in repositories of several sizes.

Every round changes one file and measures all of them in turn, so that they meet the same machine.
Each figure is the median wall time in milliseconds.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import RACY_NS
from greenloop.checkpoints.snapshots.store import SnapshotStore

SIZES = (100, 3_000, 30_000)
"""Files in the trees."""
ROUNDS = 15
_IN_A_FOLDER = 20
_IN_A_PACKAGE = 30
"""Folders in a package."""
_LINES = 40
_GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")
_NAMES = ("snapshot", "unchanged", "fresh", "restore", "git_status")


def measure(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> Mapping[str, float]:
    """Milliseconds, by what was measured and the number of files.

    `snapshot_ms_N` follows the change of one file, `unchanged_ms_N` none; `fresh_ms_N` is the
    first of a program that has just started, which asks git for every name; `restore_ms_N`
    takes the change back; `git_status_ms_N` is the user's own command after the change.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            folder = Path(name) / str(size)
            files = _repository(folder / "work", size)
            times = _measured(folder / "store", folder / "work", files[0], rounds)
            figures |= {f"{what}_ms_{size}": round(times[what], 1) for what in _NAMES}
    return figures


def table(figures: Mapping[str, float]) -> str:
    """The figures for people, one line for each size."""
    sizes = [key.rpartition("_")[2] for key in figures if key.startswith("snapshot_ms_")]
    head = f"{'snapshot':>10}{'unchanged':>11}{'fresh':>8}{'restore':>9}{'git status':>12}"
    lines = [f"{'files':>7}{head}  (ms)"]
    for size in sizes:
        taken, same, first, back, status = (figures[f"{what}_ms_{size}"] for what in _NAMES)
        row = f"{taken:>10.1f}{same:>11.1f}{first:>8.1f}{back:>9.1f}{status:>12.1f}"
        lines.append(f"{size:>7}{row}")
    return "\n".join(lines)


def _repository(folder: Path, size: int) -> list[Path]:
    """A committed repository of so many small files; answers them in order."""
    files: list[Path] = []
    for number in range(size):
        place = number // _IN_A_FOLDER
        within = folder / f"package{place // _IN_A_PACKAGE}" / f"part{place % _IN_A_PACKAGE}"
        if number % _IN_A_FOLDER == 0:
            within.mkdir(parents=True)
        files.append(within / f"module{number}.py")
        files[-1].write_text(f"# {number}\n" * _LINES, "utf-8")
    for args in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        subprocess.run((*_GIT, *args), cwd=folder, check=True)
    return files


def _measured(place: Path, work: Path, file: Path, rounds: int) -> Mapping[str, float]:
    store = SnapshotStore(place, work)
    os.sync()  # or the first snapshots would wait for the tree to be written out
    for _ in range(2):  # git's index, which the first round writes, must be old in the second
        time.sleep(RACY_NS / 1e9)  # until then nothing counts as unchanged, to git neither
        _status(work)
        before = store.take()
    times: dict[str, list[float]] = {what: [] for what in _NAMES}
    for number in range(rounds):
        # As editors and the agent do it: a new file takes the old one's name.
        fresh = file.with_suffix(".new")
        fresh.write_text(f"# change {number}\n" * _LINES, "utf-8")
        fresh.replace(file)
        times["git_status"].append(_timed(lambda: _status(work)))
        times["snapshot"].append(_timed(store.take))
        times["unchanged"].append(_timed(store.take))
        times["fresh"].append(_timed(SnapshotStore(place, work).take))
        times["restore"].append(_timed(lambda: store.restore(before)))
    return {what: statistics.median(taken) for what, taken in times.items()}


def _status(work: Path) -> None:
    subprocess.run(("git", "status"), cwd=work, stdout=subprocess.DEVNULL, check=True)


def _timed(run: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000
