"""What the doctor says of the store: its key, its permissions, its room."""

from pathlib import Path

import pytest

from greenloop.checkpoints.events import EventLog
from greenloop.config import load
from greenloop.errors import UserError
from greenloop.graph.doctor_check import Check
from greenloop.graph.doctor_store import check_store, repair_store
from greenloop.graph.storage import open_stores


def looked_at(data: Path, store: str = "") -> dict[str, Check]:
    settings = load({"data_dir": str(data), "store": store}).settings
    return {check.name: check for check in check_store(settings, writable=True)}


def make(data: Path) -> None:
    with open_stores(load({"data_dir": str(data)}).settings) as storage:
        storage.blobs.put("text")


def test_a_store_in_good_order(tmp_path: Path) -> None:
    make(tmp_path / "data")
    checks = looked_at(tmp_path / "data")
    assert {check.level for check in checks.values()} == {"ok"}
    assert "format 2" in checks["database"].found
    assert checks["store"].found.endswith("not encrypted, closed to others")


def test_a_store_that_others_can_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make(data)
    data.chmod(0o755)
    check = looked_at(data)["store"]
    assert (check.level, check.advice) == ("warning", f"chmod -R go= {data}")
    assert str(data) in check.found


def test_texts_that_are_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with open_stores(load({"data_dir": str(data)}).settings) as storage:
        log = EventLog(storage.database, storage.blobs, "t")
        log.begin(1, "plan")
        log.emit("note", content="one text")
        gone = log.emit("note", content="another").ref
    (data / "blobs" / gone[:2] / gone[2:]).unlink()
    check = looked_at(data)["store"]
    assert (check.level, check.found.partition(" ")[0]) == ("warning", "1")


def test_the_key_of_an_encrypted_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    make(data)
    monkeypatch.setenv("GREENLOOP_STORE_KEY", "key")
    assert "not encrypted before the next run" in looked_at(data)["store"].found
    assert not (data / "encryption.json").exists()  # looking does not make it the store's key
    make(data)
    assert ", encrypted" in looked_at(data)["store"].found
    for key, says in (("another", "is not the key"), ("", "is encrypted")):
        monkeypatch.setenv("GREENLOOP_STORE_KEY", key)
        check = looked_at(data)["store"]
        assert (check.level, says in check.found) == ("problem", True)
        assert check.blocks


def test_a_database_elsewhere(tmp_path: Path) -> None:
    (check,) = looked_at(tmp_path, "memory:").values()
    assert (check.name, check.level) == ("database", "ok")
    with pytest.raises(UserError, match="from a backup"):
        repair_store(load({"store": "memory:"}).settings)
