"""Runs git for the snapshots: found by absolute path, with a small clean environment.

Nothing of the caller's environment, of the user's or the system's git configuration, of hooks,
filters or file-system monitors reaches these processes, and none of them writes to the user's
own repository.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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
    *("-c", "core.fsync=committed,loose-object"),
    *("-c", "core.fsyncMethod=batch"),
    *("-c", "safe.directory=*"),  # what that setting guards against is switched off above
    *("-c", "protocol.allow=never"),  # a partial clone must not fetch
)
"""Settings that win over any repository's own configuration.

Objects are flushed to the disk before a snapshot's id is handed out: a checkpoint row that names
a snapshot lost in a power cut could never be resumed. `batch` makes that one flush per process.
"""

STORE_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tfileMode = true
\tsymlinks = true
\tautocrlf = false
\tcompression = 1
\tlogAllRefUpdates = false
[gc]
\tauto = 0
\tpruneExpire = never
[maintenance]
\tauto = false
"""
"""Snapshots hang on no ref, so a collector would take them for rubbish: it must never run."""

STORE_ATTRIBUTES = "* -text !eol -filter -ident !working-tree-encoding !diff !merge\n"
"""info/attributes has the highest precedence (gitattributes(5)): no conversion for any path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a git process ended."""

    code: int
    out: bytes


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
            said = " ".join(err.decode("utf-8", "replace").split())
            raise StorageError(f"git {args[0]} failed in {self.folder}: {said[-400:]}")
        return Answer(process.returncode, out)

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


def private_git(store: Path) -> Git:
    """Git on the private store, which is created when it is not there.

    Raises:
        StorageError: git is missing, or the store cannot be created.
    """
    git = Git(store, clean_env(GIT_DIR=str(store)))
    if not (store / "HEAD").is_file():
        _create(store)
    return git


def _create(store: Path) -> None:
    """Make the repository aside and rename it, so that a half-made one is never seen."""
    fresh: Path | None = None
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        # Open to the owner only, for it holds copies of files that may be private.
        fresh = Path(tempfile.mkdtemp(prefix=f"{store.name}-new-", dir=store.parent))
        Git(fresh, clean_env()).run(
            "init", "--quiet", "--bare", "--object-format=sha1", "--template=", str(fresh)
        )
        (fresh / "config").write_text(STORE_CONFIG, "utf-8")
        (fresh / "info").mkdir(exist_ok=True)
        (fresh / "info" / "attributes").write_text(STORE_ATTRIBUTES, "utf-8")
        fresh.rename(store)
    except OSError as error:
        if not (store / "HEAD").is_file():  # else another process was first
            raise StorageError(
                f"the snapshot store {store} cannot be created: {error.strerror}; "
                "free the folder or choose another"
            ) from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
