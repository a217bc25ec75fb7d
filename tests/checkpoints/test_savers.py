"""Each database's checkpointer: numbered, strict, and nothing lost or in the clear."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stores import address, postgres_server, storage

from greenloop.checkpoints.databases.memory import MemoryDatabase
from greenloop.checkpoints.databases.saver import NUMBER, find_checkpoint
from greenloop.checkpoints.encryption import KeyRow, cipher_at
from greenloop.errors import StorageError
from greenloop.graph.storage import Storage, open_storage
from greenloop.state import AgentState, Plan, Spent, Step

__all__ = ["address", "postgres_server", "storage"]

SECRET = "the words of a task"
STATE: AgentState = {
    "task": SECRET,
    "feedback": "NUL \x00 and 🐛",
    "plan": Plan((Step("a", done=True),)),
    "spent": Spent(1, 2, 3, 4.5),
    "changed": True,
    "step": 7,
}


def config(thread: str = "t") -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def count_on(state: AgentState) -> AgentState:
    return {"events": state["events"] + 1}


def compiled(saver: Any) -> Any:
    """Three nodes that count super-steps, as the graph's nodes do."""
    from langgraph.graph import StateGraph

    graph = StateGraph(AgentState)
    graph.add_node("fill", lambda state: {**STATE, "events": 1})
    graph.add_node("second", count_on)
    graph.add_node("third", count_on)
    for source, target in (("__start__", "fill"), ("fill", "second"), ("second", "third")):
        graph.add_edge(source, target)
    return graph.compile(checkpointer=saver)


def run(saver: Any, thread: str = "t") -> Any:
    graph = compiled(saver)
    graph.invoke({"task": "x"}, config(thread), durability="sync")
    return graph


def test_a_state_comes_back_from_another_saver(storage: Storage) -> None:
    with storage.database.saver() as saver:
        run(saver)
    with storage.database.saver() as saver:
        values = compiled(saver).get_state(config()).values
    assert values == {**STATE, "events": 3}


def test_a_checkpoint_is_found_by_its_number(storage: Storage) -> None:
    with storage.database.saver() as saver:
        run(saver)
        run(saver, "other")
        for number in (0, 1, 2, 3):
            found = find_checkpoint(saver, "t", number)
            assert found is not None
            assert found.metadata[NUMBER] == number  # type: ignore[literal-required]
            assert found.checkpoint["channel_values"].get("events", 0) == number
        assert find_checkpoint(saver, "t", 4) is None
        assert find_checkpoint(saver, "nobody", 1) is None
        assert len(list(saver.list(config(), filter={NUMBER: 2}))) == 1


def test_an_older_checkpoint_becomes_the_last_one_again(storage: Storage) -> None:
    with storage.database.saver() as saver:
        graph = run(saver)
        found = find_checkpoint(saver, "t", 1)
        assert found is not None
        values = found.checkpoint["channel_values"]
        graph.update_state(found.config, {"events": 4, "feedback": "again"}, as_node="third")
        last = graph.get_state(config())
        assert (last.values["events"], last.values["feedback"]) == (4, "again")
        assert last.values["plan"] == values["plan"]
        third = find_checkpoint(saver, "t", 3)
        assert third is not None
        assert third.checkpoint["channel_values"]["feedback"] == STATE["feedback"]


def test_a_thread_is_forgotten_alone(storage: Storage) -> None:
    with storage.database.saver() as saver:
        graph = run(saver)
        run(saver, "other")
    storage.threads.remove("t")
    with storage.database.saver() as saver:
        graph = compiled(saver)
        assert graph.get_state(config()).values == {}
        assert graph.get_state(config("other")).values["events"] == 3


@dataclass
class Foreign:
    """A class that no checkpoint of ours may bring to life; it would leave a mark."""

    path: str

    def __post_init__(self) -> None:
        Path(self.path).touch()


def plant(storage: Storage, saver: Any, planted: tuple[str, bytes]) -> None:
    """Put it where the plan of the last checkpoint is."""
    kind, data = planted
    if isinstance(storage.database, MemoryDatabase):
        key = next(key for key in saver.blobs if key[2] == "plan")
        saver.blobs[key] = planted
    elif storage.database.place.startswith("postgresql"):
        storage.database.execute(
            "UPDATE checkpoint_blobs SET type = ?, blob = ? WHERE channel = 'plan'", (kind, data)
        )
    else:
        storage.database.execute("UPDATE checkpoints SET type = ?, checkpoint = ?", (kind, data))


def test_a_planted_object_is_refused_and_not_made(storage: Storage, tmp_path: Path) -> None:
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    mark = tmp_path / "mark"
    planted = JsonPlusSerializer().dumps_typed(Foreign(str(mark)))
    mark.unlink()
    with storage.database.saver() as saver:
        graph = run(saver)
        plant(storage, saver, planted)
        with pytest.raises(StorageError, match="Foreign"):
            graph.get_state(config())
        with pytest.raises(StorageError, match="Foreign"):
            list(saver.list(config()))
    assert not mark.exists()


def test_a_cipher_leaves_no_words_in_the_clear(address: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    # In any database: the record of the key goes where the test can throw it away.
    cipher = cipher_at(KeyRow(MemoryDatabase()), "a key", "here")
    with open_storage(data, address, cipher) as storage, storage.database.saver() as saver:
        graph = run(saver)
        ref = storage.blobs.put(SECRET)
        assert graph.get_state(config()).values["task"] == SECRET
        assert storage.blobs.get(ref) == SECRET
        if storage.packs is not None:
            storage.packs("s").push(SECRET.encode())
            assert [pack for _, pack in storage.packs("s").pull(0)] == [SECRET.encode()]
        words = everything(storage, saver)
    assert b"words of a task" not in words
    assert b"fill" in words, "what is looked through is what was written"


def everything(storage: Storage, saver: Any) -> bytes:
    """All bytes that a database keeps, as far as they can be had."""
    if isinstance(storage.database, MemoryDatabase):
        checkpoints = repr((saver.storage, saver.writes, saver.blobs)).encode()
        packs = storage.database.execute("SELECT data FROM packs")
        return checkpoints + b"".join(bytes(data) for (data,) in packs)
    if storage.database.place.startswith("postgresql"):
        tables = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "blobs", "packs")
        found = b""
        for table in tables:
            for (row,) in storage.database.execute(f"SELECT t::text FROM {table} AS t"):
                text = str(row)
                found += text.encode()
                # A column of bytes shows as hexadecimal digits.
                for word in text.replace('"', ",").split(","):
                    if word.startswith("\\\\x") or word.startswith("\\x"):
                        found += bytes.fromhex(word.rpartition("x")[2].strip('")'))
        return found
    copy = storage.root / "copy"
    shutil.copytree(storage.root, copy)
    return b"".join(path.read_bytes() for path in sorted(copy.rglob("*")) if path.is_file())
