"""Runs git for the snapshots: found by absolute path, with a small clean environment.

Nothing of the caller's environment, of the user's or the system's git configuration, of hooks,
filters or file-system monitors reaches these processes, and none of them writes to the user's
own repository.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from platformdirs.unix import Unix  # git follows XDG on macOS too

from greenloop.errors import StorageError

SEARCH = os.pathsep.join(
    (
        os.defpath,
        "/usr/local/bin",
        "/opt/homebrew/bin",
        "/opt/local/bin",  # MacPorts
        "/run/current-system/sw/bin",  # NixOS
    )
)
"""Where git is looked for: never the workspace, and not the caller's PATH, which may name it."""

OVERRIDES = (
    "--no-pager",
    "--no-replace-objects",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.precomposeUnicode=false"),  # names as the disk has them
    *("-c", "core.quotePath=false"),
    *("-c", "core.fsync=committed,loose-object,pack-metadata"),
    *("-c", "core.fsyncMethod=batch"),
    *("-c", "safe.directory=*"),  # what that setting guards against is switched off above
    *("-c", "protocol.allow=never"),  # a partial clone must not fetch
)
"""Settings that win over any repository's own configuration.

Objects are flushed to the disk before a snapshot's id is handed out: a checkpoint row that names
a snapshot lost in a power cut could never be resumed. `batch` makes that one flush per process.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a git process ended."""

    code: int
    out: bytes


@dataclass(frozen=True, slots=True)
class Running:
    """A git process under way; its output goes to a file, so that it never waits for us."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    said: IO[bytes]
    name: str
    folder: Path

    def wait(self, codes: tuple[int, ...] = (0,)) -> Answer:
        """Wait for the end.

        Raises:
            StorageError: git ended with a code not among `codes`.
        """
        with self.out, self.said:
            code = self.process.wait()
            self.out.seek(0)
            self.said.seek(0)
            if code not in codes:
                raise _failure(self.name, self.folder, self.said.read())
            return Answer(code, self.out.read())

    def drop(self) -> None:
        """End it without asking what it found."""
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.said.close()


@dataclass(frozen=True, slots=True)
class Git:
    """Where git runs and what it is told by its environment."""

    folder: Path
    env: Mapping[str, str]
    settings: tuple[str, ...] = ()
    """More options before the command, such as `-c name=value`."""

    def command(self, *args: str) -> list[str]:
        """The argument vector; no shell is involved.

        Raises:
            StorageError: git is not installed.
        """
        return [find_git(), *OVERRIDES, *self.settings, *args]

    def run(
        self, *args: str, data: bytes | IO[bytes] = b"", codes: tuple[int, ...] = (0,)
    ) -> Answer:
        """Run to the end with `data` (bytes, or an open file) as standard input.

        Raises:
            StorageError: git is missing, cannot start, or ends with a code not among `codes`.
        """
        pipe = subprocess.PIPE
        try:
            with subprocess.Popen(
                self.command(*args),
                cwd=self.folder,
                env=self.env,
                stdin=pipe if isinstance(data, bytes) else data,
                stdout=pipe,
                stderr=pipe,
            ) as process:
                out, err = process.communicate(data if isinstance(data, bytes) else None)
        except OSError as error:
            raise StorageError(f"git cannot be started in {self.folder}: {error}") from error
        if process.returncode not in codes:
            raise _failure(args[0], self.folder, err)
        return Answer(process.returncode, out)

    def start(self, scratch: Path, *args: str) -> Running:
        """Begin a process beside others; its output is kept in an unnamed file in `scratch`.

        Raises:
            StorageError: git is missing or cannot start.
        """
        with ExitStack() as stack:
            try:
                out = stack.enter_context(TemporaryFile(dir=scratch))
                said = stack.enter_context(TemporaryFile(dir=scratch))
                process = subprocess.Popen(
                    self.command(*args),
                    cwd=self.folder,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=said,
                )
            except OSError as error:
                raise StorageError(f"git cannot be started in {self.folder}: {error}") from error
            stack.pop_all()
        return Running(process, out, said, args[0], self.folder)

    @contextmanager
    def talk(self, *args: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that answers line by line, ended on leaving.

        Raises:
            StorageError: git is missing or cannot start.
        """
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                self.command(*args),
                cwd=self.folder,
                env=self.env,
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise StorageError(f"git cannot be started in {self.folder}: {error}") from error
        with process:
            try:
                yield process
            finally:
                process.kill()


def _failure(command: str, folder: Path, err: bytes) -> StorageError:
    said = " ".join(err.decode("utf-8", "replace").split())
    return StorageError(f"git {command} failed in {folder}: {said[-400:]}")


@cache
def find_git(search: str = SEARCH) -> str:
    """Absolute path of git in `search` (folders joined as in PATH).

    Raises:
        StorageError: git is in none of them.
    """
    found = shutil.which("git", path=search)
    if found is None:
        raise StorageError(
            "git was not found and snapshots need it: install git 2.29 or newer "
            "(apt install git, dnf install git, brew install git)"
        )
    return found


def clean_env(**more: str) -> dict[str, str]:
    """A minimal environment with `more` added; HOME only says where ignore rules may be."""
    return {
        "PATH": SEARCH,
        "LC_ALL": "C",
        **user_folders(),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        **more,
    }


def user_folders() -> dict[str, str]:
    """The two variables by which git finds the user's global excludes file, where known."""
    try:
        home = Path.home()
    except RuntimeError:  # no HOME and no password entry, as in some containers
        return {}
    return {"HOME": str(home), "XDG_CONFIG_HOME": Unix().user_config_dir}
