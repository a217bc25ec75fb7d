"""Finds out whose ignore rules hold for a workspace: a repository's around it, or its own alone.

The answer rarely changes, so it is asked again only when what it depends on looks different.
"""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import NEVER, Signature, lasting
from greenloop.checkpoints.snapshots.git import Git, clean_env, user_folders

NO_INDEX = "no-index"
"""Name, in the store, of an index file that never exists: to git nothing is tracked."""

_SETTINGS = (".git", ".git/config", ".git/config.worktree")
_Mark = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """How to ask git about a workspace's files."""

    git: Git
    """Reads the rules, and takes nothing for tracked."""
    tracking: Git | None
    """The same with the user's index; None where no repository is around the workspace."""
    files: tuple[Path, ...]
    """What git reads besides the ignore files in the workspace: rules for all, the index."""

    def marks(self) -> tuple[Signature | None, ...] | None:
        """Changes when one of the files does; None where that cannot be told yet."""
        marks = tuple(_file_mark(file) for file in self.files)
        return None if NEVER in marks else marks


class RuleFinder:
    """Answers for one workspace."""

    def __init__(self, store: Path, workspace: Path) -> None:
        self._store, self._workspace = store, workspace
        self._mark: _Mark | None = None
        self._rules: Rules | None = None

    def same(self) -> bool:
        """Whether the answer is certain to be what it was."""
        settings = _settings_mark()
        mark = None if settings is None else (settings, _repository_mark(self._workspace))
        return mark is not None and mark == self._mark

    def find(self) -> Rules:
        """The rules' source as it is now.

        Raises:
            StorageError: git is missing or failed.
        """
        if self._rules is None or not self.same():
            self.forget()
            settings, around = _settings_mark(), _repository_mark(self._workspace)
            self._rules, certain = self._ask()
            # Only a workspace that is a repository's root, or in none, depends on nothing else.
            self._mark = (settings, around) if certain and settings is not None else None
        return self._rules

    def forget(self) -> None:
        """Ask again next time."""
        self._mark = None

    def _ask(self) -> tuple[Rules, bool]:
        """The rules, and whether they hold as long as the mark is the same.

        A workspace that is itself ignored by the repository around it stands for itself:
        otherwise nothing in it would be covered.
        """
        settings = excludes(self._workspace)
        shared = (_excludes_file(settings),)
        real = Git(self._workspace, clean_env(), settings)
        ask = ("--is-inside-work-tree", "--git-path", "info/exclude", "--git-path", "index")
        where = real.run("rev-parse", *ask, "--show-prefix", codes=(0, 128))
        said = os.fsdecode(where.out).split("\n")
        if where.code or said[0] != "true":
            return Rules(plain_git(self._store, self._workspace, settings), None, shared), True
        files = (*shared, *(self._workspace / path for path in said[1:3]))
        git = Git(self._workspace, clean_env(GIT_INDEX_FILE=str(self._store / NO_INDEX)), settings)
        # A linked work tree's settings are elsewhere, and a part of one has rules above it.
        at_root = said[3] == ""
        if at_root or not ignored(git, {"."}):
            return Rules(git, real, files), at_root and (self._workspace / ".git").is_dir()
        return Rules(plain_git(self._store, self._workspace, settings), None, shared), False


def ignored(git: Git, paths: Collection[str]) -> set[str]:
    """Those of `paths` that a rule ignores.

    Raises:
        StorageError: git failed.
    """
    if not paths:
        return set()
    data = b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
    args = ("check-ignore", "-z", "--stdin", "--no-index")
    return names(git.run(*args, data=data, codes=(0, 1)).out)


def names(listed: bytes) -> set[str]:
    """Names that git printed with `-z`."""
    return set(os.fsdecode(listed).split("\0")[:-1])


def plain_git(store: Path, folder: Path, settings: tuple[str, ...]) -> Git:
    """Git that sees `folder` as the work tree of the private store."""
    index = str(store / NO_INDEX)
    env = clean_env(GIT_DIR=str(store), GIT_WORK_TREE=str(folder), GIT_INDEX_FILE=index)
    return Git(folder, env, settings)


def excludes(folder: Path) -> tuple[str, ...]:
    """The user's global excludes file as an option, for git that reads no global settings.

    Raises:
        StorageError: git is missing or failed.
    """
    env = clean_env()
    del env["GIT_CONFIG_GLOBAL"], env["GIT_CONFIG_NOSYSTEM"]
    args = ("config", "--type=path", "--get", "core.excludesFile")
    answer = Git(folder, env).run(*args, codes=(0, 1, 128))
    path = os.fsdecode(answer.out.removesuffix(b"\n"))
    # Unset, git uses its default place; a broken configuration counts as unset.
    return ("-c", f"core.excludesFile={path}") if answer.code == 0 else ()


def _excludes_file(settings: tuple[str, ...]) -> Path:
    """The file of rules for all of a user's repositories, whether or not there is one."""
    if settings:
        return Path(settings[-1].partition("=")[2])
    folders = user_folders()
    return Path(folders["XDG_CONFIG_HOME"], "git", "ignore") if folders else Path(os.devnull)


def _file_mark(file: Path) -> Signature | None:
    now = time.time_ns()
    try:
        return lasting(file.stat(), now)
    except FileNotFoundError:
        return None
    except OSError:
        return NEVER


def _settings_mark() -> _Mark | None:
    """The user's own git settings; None when they name further files, which are not looked at."""
    folders = user_folders()
    if not folders:
        return ()
    files = (
        Path(folders["HOME"], ".gitconfig"),
        Path(folders["XDG_CONFIG_HOME"], "git", "config"),
    )
    contents = tuple(_content(file) for file in files)
    if any(b"include" in content.lower() for content in contents):
        return None
    return (*folders.values(), *contents)


def _repository_mark(workspace: Path) -> _Mark:
    """What git looks at when it searches for the repository of a folder (gitrepository-layout)."""
    found: list[object] = []
    for folder in (workspace, *workspace.parents):
        for name in (".git", ".git/HEAD", "HEAD"):
            try:
                status = os.lstat(f"{folder}/{name}")
                found.append((status.st_ino, status.st_mode))
            except OSError:
                found.append(None)
        # Which folder a `.git` file names, and where the repository says that its work tree is.
        if found[-3] is not None:
            found.extend(_content(folder / name) for name in _SETTINGS)
    return tuple(found)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
