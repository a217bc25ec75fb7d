"""Asking git which files belong to a repository, without running anything the repository names."""

import os
import subprocess
from pathlib import Path

__all__ = ["git_files", "git_program"]

_PLACES = ("/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin")
_TIMEOUT_S = 60.0
_MAX_NESTED = 200
"""Repositories inside the repository that are looked into."""

# A repository's own configuration may name programs: they must not run because we look at it.
_SETTINGS = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    # Nothing of the repository runs here, so a folder owned by somebody else is no danger.
    "-c",
    "safe.directory=*",
)
_ENVIRONMENT = {
    "PATH": ":".join(_PLACES),
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


def git_program() -> str | None:
    """Absolute path of git in the usual system folders, or None; never taken from PATH."""
    found = (Path(place) / "git" for place in _PLACES)
    return next((str(p) for p in found if p.is_file() and os.access(p, os.X_OK)), None)


def git_files(folder: Path) -> list[str] | None:
    """Files of the repository around `folder`: tracked ones, and untracked ones it does not ignore.

    Submodules and repositories inside it are listed too.

    Returns:
        Paths relative to `folder`; some may be gone from the disk. None when git is missing or
        fails, or `folder` is in no repository.
    """
    program = git_program()
    if program is None:
        return None
    first = _listed(program, folder)
    if first is None:
        return None
    names: list[str] = []
    waiting = [("", name) for name in first]
    nested = 0
    while waiting:
        prefix, name = waiting.pop()
        path = prefix + name
        inner = folder / path
        if inner.is_symlink() or not inner.is_dir():
            names.append(path)
        elif nested < _MAX_NESTED and (inner / ".git").exists():
            nested += 1
            deeper = path.rstrip("/") + "/"
            waiting += [(deeper, n) for n in _listed(program, inner) or ()]
    return names


def _listed(program: str, folder: Path) -> list[str] | None:
    argv = [program, *_SETTINGS, "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
