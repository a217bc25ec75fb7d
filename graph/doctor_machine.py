"""Looking at the machine: memory, disk, git, how commands are confined."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from greenloop.errors import SandboxError
from greenloop.graph.doctor_check import BOTH, GIB, Check, gib
from greenloop.tools.retrieval.git_files import git_program
from greenloop.tools.sandbox.base import Command, Limits
from greenloop.tools.sandbox.local import LocalSandbox

_LITTLE_MEMORY = 2 * GIB
_LITTLE_DISK = 1 * GIB
_NO_DISK = GIB // 20
_GIT = Limits(timeout_s=3.0)


def check_machine(data: Path, repo: Path, sandbox: LocalSandbox) -> Iterator[Check]:
    """Everything about the machine that a run depends on."""
    yield _memory()
    yield _disk(data)
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
