"""Texts by their hash: whole or not there, private, and never removed while somebody puts them."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenloop.checkpoints.blobs import BlobStore
from greenloop.errors import StorageError

TEXTS = ["", "größe 🐛", "a\0b", "\udcff name", "x" * 1_000_000]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_put_comes_back(text: str, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "new" / "blobs")
    ref = store.put(text)
    assert store.put(text) == ref
    assert BlobStore(tmp_path / "new" / "blobs").get(ref) == text
    assert [blob.ref for blob in store.stored()] == [ref]


def test_files_and_folders_are_for_their_owner(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        BlobStore(tmp_path / "new" / "blobs").put("text")
    finally:
        os.umask(before)
    for path in (tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_a_damaged_one_and_a_missing_one(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    ref = store.put("text")
    (tmp_path / ref[:2] / ref[2:]).write_bytes(b"x\x9cdamaged")
    with pytest.raises(StorageError, match="missing or damaged"):
        store.get(ref)
    with pytest.raises(StorageError, match="missing or damaged"):
        store.get("0" * 32)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StorageError, match="cannot write"):
            store.put(os.urandom(5000).hex())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_only_what_is_old_is_removed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    old, young, renewed = (store.put(text) for text in ("old", "young", "renewed"))
    then = time.time() - 7200
    for ref in (old, renewed):
        os.utime(tmp_path / ref[:2] / ref[2:], (then, then))
    half = tmp_path / old[:2] / "dead.1.tmp"
    half.write_bytes(b"")
    os.utime(half, (then, then))
    store.put("renewed")
    store.remove([old, young, renewed, "f" * 32])
    assert {blob.ref for blob in store.stored()} == {young, renewed}
    assert not half.exists()
    store.remove([young], younger=0)
    assert [blob.ref for blob in store.stored()] == [renewed]


REMOVER = """
import sys
from pathlib import Path
from greenloop.checkpoints.blobs import BlobStore
store = BlobStore(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    store.remove([blob.ref for blob in store.stored()], younger=0.02)
"""


def test_nothing_is_removed_that_was_just_put(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    args = [sys.executable, "-c", REMOVER, str(tmp_path)]
    with subprocess.Popen(args, stdout=subprocess.PIPE) as remover:
        try:
            assert remover.stdout is not None
            remover.stdout.readline()
            gone, end, turn = 0, time.monotonic() + 2, 0
            while time.monotonic() < end:
                turn += 1
                gone += not list(store.stored())
                began = time.monotonic()
                ref = store.put("again and again")
                found = (tmp_path / ref[:2] / ref[2:]).exists()
                assert found or time.monotonic() - began > 0.02
                time.sleep(0.002 * (turn % 30))
        finally:
            remover.kill()
    assert gone > 3  # it was removed and put again
