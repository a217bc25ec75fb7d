"""Reads stored snapshots back: their manifests, and the contents of files."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from greenloop.checkpoints.snapshots.git import Git
from greenloop.checkpoints.snapshots.manifest import Manifest, decode
from greenloop.checkpoints.snapshots.objects import CHUNK
from greenloop.errors import StorageError

CopyBlob = Callable[[str, Callable[[bytes], object]], None]
"""Sends the bytes of the blob with an id, in pieces, to a function."""


def has_snapshot(git: Git, snapshot: str) -> bool:
    """Whether the store has a snapshot of this id.

    Raises:
        StorageError: git cannot start.
    """
    return git.run("cat-file", "-e", f"{snapshot}:meta", codes=(0, 1, 128)).code == 0


def read_snapshot(git: Git, snapshot: str) -> Manifest:
    """The manifest of a stored snapshot.

    Raises:
        StorageError: the store has no such snapshot.
    """
    rows: list[tuple[str, str, str]] = []
    meta = ""
    listing = git.run("ls-tree", "-r", "-z", snapshot, codes=(0, 128))
    if listing.code:
        raise StorageError(
            f"snapshot {snapshot} is not in the store: if its folder (trees/ in greenloop's data "
            "folder) was moved away, put it back"
        )
    for line in os.fsdecode(listing.out).split("\0")[:-1]:
        about, _, name = line.partition("\t")
        mode, _, oid = about.split(" ")
        if name.startswith("files/"):
            rows.append((mode, oid, name[6:]))
        elif name == "meta":
            meta = oid
    if not meta:
        raise StorageError(f"{snapshot} is not a snapshot: use an id from this store")
    return decode(rows, git.run("cat-file", "blob", meta).out)


@contextmanager
def blob_reader(git: Git) -> Iterator[CopyBlob]:
    """Reads any number of blobs through one process, which starts with the first.

    Raises:
        StorageError: git could not start; or, while reading, a blob is missing.
    """
    with ExitStack() as stack:
        running: list[subprocess.Popen[bytes]] = []

        def copy(oid: str, sink: Callable[[bytes], object]) -> None:
            if not running:
                running.append(stack.enter_context(git.talk("cat-file", "--batch")))
            _copy(running[0], oid, sink)

        yield copy


def _copy(process: subprocess.Popen[bytes], oid: str, sink: Callable[[bytes], object]) -> None:
    ask, answer = process.stdin, process.stdout
    if ask is None or answer is None:
        raise StorageError("git cannot be talked to: its pipes are closed; try again")
    try:
        ask.write(f"{oid}\n".encode("ascii"))
        ask.flush()
    except BrokenPipeError as error:
        raise StorageError("git ended while it read a snapshot: try again") from error
    header = answer.readline().split()
    if len(header) != 3:
        raise StorageError(f"the snapshot store has lost the content {oid}: take a new one")
    left = int(header[2]) + 1  # the content is followed by one newline
    while left > 1:
        piece = answer.read(min(CHUNK, left - 1))
        if not piece:
            raise StorageError("git ended while it read a snapshot: try again")
        left -= len(piece)
        sink(piece)
    answer.read(left)
