"""Reads the covered files into a manifest; an unchanged file costs one stat and no reading."""

import os
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from greenloop.checkpoints.snapshots.cache import PERMISSIONS, Signature, StatCache, lasting
from greenloop.checkpoints.snapshots.cover import Cover, CoverFinder
from greenloop.checkpoints.snapshots.manifest import Entry, Manifest, ancestors
from greenloop.checkpoints.snapshots.objects import BlobSink
from greenloop.errors import StorageError

LARGE = 4 * 1024 * 1024
"""Files from this size, in bytes, are not read into memory."""


def scan(workspace: Path, finder: CoverFinder, cache: StatCache, sink: BlobSink) -> Manifest:
    """Name everything that is covered, reading only what changed.

    The cache learns what was read if the sink stores it. Files that cannot be read, that vanish
    meanwhile, sockets and pipes are left out.

    Raises:
        StorageError: git or the disk failed, or the sink could not store.
    """
    cover = finder.current()
    if cover is not None:
        changed = _changed(workspace, cache.signatures)
    else:
        question = finder.start()
        try:
            # Git lists the files at the same time, on another core.
            changed = _changed(workspace, cache.signatures)
            cover = question.answer()
        finally:
            question.drop()
    gone = cache.entries.keys() - cover.files
    entries = dict(cache.entries)
    for path in gone | changed:
        del entries[path]
    if sink.stores:
        cache.forget(gone)
    for path in sorted(cover.files - entries.keys()):
        now = time.time_ns()
        read = _read(workspace, path, sink)
        if read is not None:
            status, entries[path] = read
            if sink.stores:
                cache.keep(path, lasting(status, now), entries[path])
    return Manifest(entries, _folders(workspace, entries, cover))


def read_files(workspace: Path, paths: Iterable[str], sink: BlobSink) -> dict[str, Entry]:
    """Put these files and links into the sink, without those that have vanished.

    Raises:
        StorageError: the disk failed, or the sink could not store.
    """
    read = {path: _read(workspace, path, sink) for path in paths}
    return {path: what[1] for path, what in read.items() if what is not None}


def _changed(workspace: Path, signatures: Mapping[str, Signature]) -> set[str]:
    """The known files that are gone or may hold something else."""
    found: set[str] = set()
    lstat, base = os.lstat, f"{workspace}/"
    # Written out, for it runs once for each file of the workspace: `signature` inlined.
    for path, known in signatures.items():
        try:
            s = lstat(base + path)
        except OSError:
            found.add(path)
            continue
        if (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) != known:
            found.add(path)
    return found


def _folders(workspace: Path, entries: Mapping[str, Entry], cover: Cover) -> dict[str, int]:
    """Permission bits of the folders that hold entries or are empty."""
    full = set(cover.folders)
    if len(entries) < len(cover.files):  # some could not be read
        full &= ancestors(entries)
    found = {path: cover.folders[path] for path in full}
    for path in (ancestors(cover.empty) | cover.empty) - full:
        with suppress(FileNotFoundError, NotADirectoryError):
            found[path] = os.lstat(f"{workspace}/{path}").st_mode & PERMISSIONS
    return found


def _read(workspace: Path, path: str, sink: BlobSink) -> tuple[os.stat_result, Entry] | None:
    full = f"{workspace}/{path}"
    try:
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode):
            # Path.readlink would tidy the target, which must stay byte for byte.
            target = os.fsencode(os.readlink(full))  # noqa: PTH115
            return status, Entry(sink.put(target), 0, link=True)
        if not stat.S_ISREG(status.st_mode):
            return None
        status, oid = read_file(full, None, sink)
        return status, Entry(oid, status.st_mode & PERMISSIONS)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path!r}: {error.strerror}; check the disk") from error


def read_file(name: str, folder: int | None, sink: BlobSink) -> tuple[os.stat_result, str]:
    """Status and content id of a regular file, in an open folder if one is given.

    Raises:
        OSError: it cannot be read, or is a link.
        StorageError: the sink could not store.
    """
    # Non-blocking, for a pipe that took the file's place must not hang us.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if status.st_size >= LARGE:
            return status, sink.put_file(file)
        return status, sink.put(file.readall())
