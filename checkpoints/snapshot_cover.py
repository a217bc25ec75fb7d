"""Says which files of the workspace a snapshot covers, by git's own word on ignore rules.

The user's repository is only ever read, through an index file that does not exist, so that the
answer depends on the rules and the disk alone; its real index is asked for one thing only: files
that are tracked although a rule ignores them.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from greenloop.checkpoints.snapshot_git import Git, clean_env
from greenloop.checkpoints.snapshot_manifest import ancestors
from greenloop.errors import StorageError

NO_INDEX = "no-index"
"""Name, in the store, of an index file that never exists: to git nothing is tracked."""
IGNORE_FILE = ".gitignore"


@dataclass(frozen=True, slots=True)
class Cover:
    """What is to be recorded, as relative paths."""

    files: frozenset[str]
    empty: frozenset[str]
    """Folders with nothing in them that no rule ignores."""


def find_cover(store: Path, workspace: Path) -> Cover:
    """List the covered files and empty folders as they are on the disk now.

    Raises:
        StorageError: git is missing, or cannot read the rules or the user's index.
    """
    git, inside = _listing_git(store, workspace)
    listed = git.run("ls-files", "-z", "--others", "--exclude-standard").out
    # A name that ends in a slash is a nested repository, which is left alone.
    files = {name for name in _names(listed) if not name.endswith("/")}
    if inside:
        env = {name: value for name, value in git.env.items() if name != "GIT_INDEX_FILE"}
        args = ("ls-files", "-z", "--cached", "--ignored", "--exclude-standard")
        files |= _real(workspace, _names(replace(git, env=env).run(*args).out))
    nested = {name.rstrip("/") for name in _names(listed)} - files
    bare = _bare_folders(workspace, ancestors(files), nested)
    return Cover(frozenset(files), frozenset(bare - _ignored(git, bare)))


def ignored_by(store: Path, rules: Mapping[str, bytes], paths: Iterable[str]) -> set[str]:
    """Those of `paths` that other ignore files (path to content) would ignore.

    Raises:
        StorageError: git failed, or the store's disk cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=store, prefix="rules-") as name:
            scratch = Path(name)
            for path, content in rules.items():
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                (scratch / path).write_bytes(content)
            return _ignored(_plain_git(store, scratch), set(paths))
    except OSError as error:
        raise StorageError(f"cannot write in the snapshot store {store}: {error}") from error


def _plain_git(store: Path, folder: Path) -> Git:
    """Git that sees `folder` as the work tree of the private store."""
    index = str(store / NO_INDEX)
    env = clean_env(GIT_DIR=str(store), GIT_WORK_TREE=str(folder), GIT_INDEX_FILE=index)
    return Git(folder, env, _excludes(folder))


def _listing_git(store: Path, workspace: Path) -> tuple[Git, bool]:
    """Git for the user's repository around the workspace, and whether there is one.

    A workspace that is itself ignored by the repository around it stands for itself: otherwise
    nothing in it would be covered.
    """
    git = Git(workspace, clean_env(GIT_INDEX_FILE=str(store / NO_INDEX)), _excludes(workspace))
    where = git.run("rev-parse", "--is-inside-work-tree", "--show-prefix", codes=(0, 128))
    if where.code == 0 and where.out.startswith(b"true"):
        at_root = where.out == b"true\n\n"
        if at_root or git.run("check-ignore", "-q", "--no-index", ".", codes=(0, 1)).code == 1:
            return git, True
    return _plain_git(store, workspace), False


def _excludes(folder: Path) -> tuple[str, ...]:
    """The user's global excludes file as an option, for git that reads no global settings."""
    env = clean_env()
    del env["GIT_CONFIG_GLOBAL"], env["GIT_CONFIG_NOSYSTEM"]
    args = ("config", "--type=path", "--get", "core.excludesFile")
    answer = Git(folder, env).run(*args, codes=(0, 1, 128))
    path = os.fsdecode(answer.out.removesuffix(b"\n"))
    # Unset, git uses its default place; a broken configuration counts as unset.
    return ("-c", f"core.excludesFile={path}") if answer.code == 0 else ()


def _ignored(git: Git, paths: set[str]) -> set[str]:
    if not paths:
        return set()
    data = b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
    return _names(
        git.run("check-ignore", "-z", "--stdin", "--no-index", data=data, codes=(0, 1)).out
    )


def _names(listed: bytes) -> set[str]:
    return {os.fsdecode(name) for name in listed.split(b"\0")[:-1]}


def _real(workspace: Path, paths: set[str]) -> set[str]:
    """Those paths that can be reached through real folders only."""
    good: dict[str, bool] = {"": True}
    for folder in sorted(ancestors(paths)):
        above = folder.rpartition("/")[0]
        good[folder] = good[above] and _is_plain_folder(workspace / folder)
    return {path for path in paths if good[path.rpartition("/")[0]]}


def _is_plain_folder(path: Path) -> bool:
    """A folder, neither a link to one nor a repository of its own."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and not (path / ".git").exists()
    except OSError:
        return False


def _bare_folders(workspace: Path, covered: set[str], nested: set[str]) -> set[str]:
    """Empty folders beside the covered files, and those in folders of nothing but folders."""
    found: set[str] = set()
    for folder in ("", *covered):
        for name in _subfolders(workspace / folder)[0]:
            path = f"{folder}/{name}" if folder else name
            if path not in covered and path not in nested:
                found |= _empty_leaves(workspace, path)
    return found


def _empty_leaves(workspace: Path, top: str) -> set[str]:
    """The empty folders at or below `top`; none if there is a file anywhere below it."""
    leaves: set[str] = set()
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        names, only_folders = _subfolders(workspace / folder)
        if not only_folders:
            return set()
        if not names:
            leaves.add(folder)
        waiting.extend(f"{folder}/{name}" for name in names)
    return leaves


def _subfolders(folder: Path) -> tuple[list[str], bool]:
    """Names of the folders in a folder, and whether it holds nothing else; not its `.git`."""
    names: list[str] = []
    only_folders = True
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                    names.append(entry.name)
                else:
                    only_folders = False
    except OSError:  # unreadable, or gone: not covered
        return [], False
    return names, only_folders
