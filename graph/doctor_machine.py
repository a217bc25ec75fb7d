"""Looking at the machine: memory, disk, our database, git, how commands are confined."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from greenloop.checkpoints.database import SCHEMA_VERSION
from greenloop.errors import SandboxError
from greenloop.graph.doctor_check import BOTH, GIB, Check, gib
from greenloop.tools.retrieval.git_files import git_program
from greenloop.tools.sandbox.base import Command, Limits
from greenloop.tools.sandbox.local import LocalSandbox

_LITTLE_MEMORY = 2 * GIB
_LITTLE_DISK = 1 * GIB
_NO_DISK = GIB // 20
_LOOK_S = 0.7
"""For the database; a large one is checked in part."""
_OPCODES = 10_000
"""Steps of SQLite's machine between two looks at the clock."""
_GIT = Limits(timeout_s=3.0)


def check_machine(data: Path, repo: Path, sandbox: LocalSandbox) -> Iterator[Check]:
    """Everything about the machine that a run depends on."""
    yield _memory()
    disk, database = _disk(data), data / "greenloop.db"
    yield disk
    # That a first run makes it would be untrue on a disk that takes nothing.
    if disk.level != "problem" or database.exists():
        yield _database(database)
    yield _git(repo, sandbox)
    yield Check(
        "sandbox",
        "ok",
        f"{sandbox.level}: time and output are bounded; commands can do what you can",
    )


def free_memory(meminfo: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Available and whole memory in bytes; available is 0 where the system does not tell."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        values = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
        return values["MemAvailable"] * 1024, values["MemTotal"] * 1024
    except (OSError, ValueError, KeyError, IndexError):
        return 0, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _memory() -> Check:
    free, whole = free_memory()
    if not free:
        return Check("memory", "ok", f"{gib(whole)}; how much of it is free is not known")
    found = f"{gib(free)} free of {gib(whole)}"
    if free < _LITTLE_MEMORY:
        return Check("memory", "warning", found, "close something: tests and models need memory")
    return Check("memory", "ok", found)


def _disk(data: Path) -> Check:
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    if not _can_write(there):
        advice = "make it writable, or set another data_dir"
        return Check(
            "disk", "problem", f"cannot write in {there}, for the data in {data}", advice, BOTH
        )
    free = shutil.disk_usage(there).free
    found = f"{gib(free)} free for {data}"
    if free < _NO_DISK:
        return Check("disk", "problem", found, "free some space, or set another data_dir", BOTH)
    if free < _LITTLE_DISK:
        return Check("disk", "warning", found, "free some space: every run keeps snapshots")
    return Check("disk", "ok", found)


def _can_write(folder: Path) -> bool:
    try:
        # Tried, since permission bits do not tell of read-only disks; the file has no name.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _database(path: Path) -> Check:
    if not path.exists():
        return Check("database", "ok", "none yet: the first run makes it")
    try:
        size = path.stat().st_size
        with closing(_read_only(path)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            verdict = _quick_check(connection)
    except (sqlite3.Error, OSError) as error:
        return _damaged(path, str(error))
    if verdict not in ("ok", ""):
        return _damaged(path, verdict)
    if version > SCHEMA_VERSION:
        found = f"{path} was written by a newer greenloop"
        return Check(
            "database", "problem", found, "update greenloop, or set another data_dir", BOTH
        )
    return Check("database", "ok", f"{gib(size)}, {'sound' if verdict else 'sound as far as seen'}")


def _damaged(path: Path, why: str) -> Check:
    return Check(
        "database",
        "problem",
        f"{path} cannot be used: {' '.join(why.split())}",
        "move it away to start afresh; the files of your repositories are not in it",
        BOTH,
    )


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_LOOK_S)


def _quick_check(connection: sqlite3.Connection) -> str:
    """`ok`, the first damage, or empty when the time was up before one was found."""
    end = time.monotonic() + _LOOK_S
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _OPCODES)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return ""
        raise


def _git(repo: Path, sandbox: LocalSandbox) -> Check:
    program = git_program()
    if program is None:
        found = "not found: files are listed and snapshots taken without it"
        return Check("git", "warning", found, "install git to see each run as a diff")
    try:
        said = sandbox.run(Command((program, "--version"), cwd=repo, limits=_GIT))
    except SandboxError as error:
        return Check("git", "warning", str(error), "see that git runs")
    version = said.output.strip().removeprefix("git version ")
    if said.exit_code != 0:
        return Check("git", "warning", f"{program} fails", "see that `git --version` works")
    if any((folder / ".git").exists() for folder in (repo, *repo.parents)):
        return Check("git", "ok", f"{version}; {repo} is in a repository")
    found = f"{version}; {repo} is no repository, undo works from greenloop's own snapshots"
    return Check("git", "ok", found)
