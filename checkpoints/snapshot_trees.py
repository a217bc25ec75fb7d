"""Turns a manifest into git trees in the private store, and stored trees back into a manifest."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from greenloop.checkpoints.snapshot_git import Git
from greenloop.checkpoints.snapshot_manifest import (
    FOLDER,
    Manifest,
    ancestors,
    decode,
    encode_meta,
)
from greenloop.checkpoints.snapshot_objects import CHUNK, ObjectWriter
from greenloop.errors import StorageError


def write_snapshot(writer: ObjectWriter, manifest: Manifest) -> tuple[str, set[str]]:
    """Store a snapshot's trees; returns its id and the ids of all trees in it.

    Raises:
        StorageError: git could not write.
    """
    rows: dict[str, list[_Row]] = {folder: [] for folder in ancestors(manifest.entries)}
    rows[""] = []
    for path, entry in manifest.entries.items():
        folder, _, name = path.rpartition("/")
        rows[folder].append(_row(name, entry.git_mode, entry.oid))
    trees: set[str] = set()
    # A longer path sorts after its own beginning: children come before their parents.
    for folder in sorted(rows, reverse=True):
        oid = _write_tree(writer, rows[folder])
        trees.add(oid)
        if folder:
            parent, _, name = folder.rpartition("/")
            rows[parent].append(_row(name, FOLDER, oid))
    meta = writer.put(encode_meta(manifest))
    outer = _write_tree(writer, [_row("files", FOLDER, oid), _row("meta", "100644", meta)])
    writer.flush()
    return outer, trees | {outer, meta}


_Row = tuple[bytes, bytes]
"""Sort key and encoded row of a tree."""


def _row(name: str, mode: str, oid: str) -> _Row:
    raw = os.fsencode(name)
    # Git sorts a folder as if its name ended in a slash.
    key = raw + b"/" if mode == FOLDER else raw
    return key, mode.encode() + b" " + raw + b"\0" + bytes.fromhex(oid)


def _write_tree(writer: ObjectWriter, rows: list[_Row]) -> str:
    return writer.put_object("tree", b"".join(row for _, row in sorted(rows)))


def read_snapshot(git: Git, snapshot: str) -> Manifest:
    """The manifest of a stored snapshot.

    Raises:
        StorageError: the store has no such snapshot.
    """
    rows: list[tuple[str, str, str]] = []
    meta = ""
    listing = git.run("ls-tree", "-r", "-z", snapshot, codes=(0, 128))
    if listing.code:
        raise StorageError(f"snapshot {snapshot} is not in the store: use an id that it gave out")
    for line in listing.out.split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, _, oid = about.decode("ascii").split(" ")
        if name.startswith(b"files/"):
            rows.append((mode, oid, os.fsdecode(name[6:])))
        elif name == b"meta":
            meta = oid
    if not meta:
        raise StorageError(f"{snapshot} is not a snapshot: use an id from this store")
    return decode(rows, git.run("cat-file", "blob", meta).out)


CopyBlob = Callable[[str, Callable[[bytes], object]], None]
"""Sends the bytes of the blob with an id, in pieces, to a function."""


@contextmanager
def blob_reader(git: Git) -> Iterator[CopyBlob]:
    """Reads any number of blobs through one process.

    Raises:
        StorageError: git could not start; or, while reading, a blob is missing.
    """
    with git.talk("cat-file", "--batch") as process:
        ask, answer = process.stdin, process.stdout
        if ask is None or answer is None:
            raise StorageError("git cannot be talked to: its pipes are closed; try again")

        def copy(oid: str, sink: Callable[[bytes], object]) -> None:
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

        yield copy
