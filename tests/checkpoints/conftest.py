"""A workspace and its snapshot store."""

from pathlib import Path

import pytest

from greenloop.checkpoints.snapshots.store import SnapshotStore


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path, work: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "data" / "store", work)
