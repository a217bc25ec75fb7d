"""Encryption: nothing of a thread can be read off the disk, and a wrong key says so in one line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from graph_bench.bench import CHECK, FILES, say
from planted import planted

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.cipher import PLAIN
from greenloop.checkpoints.databases.memory import MemoryDatabase
from greenloop.checkpoints.databases.saver import serde
from greenloop.checkpoints.encryption import KEY_FILE, AesCipher, KeyRow, cipher_at, cipher_for
from greenloop.checkpoints.events import read_events
from greenloop.config import load
from greenloop.errors import StorageError, UserError
from greenloop.graph.resume import resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import open_storage, open_stores
from greenloop.state import Plan, Step
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

KEY = "correct horse battery staple"
SECRET = "turquoise marmalade"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    repo = tmp_path / "repo"
    repo.mkdir()
    for name, text in FILES.items():
        (repo / name).write_text(text)
    yield repo


def run_in(repo: Path, data: Path, key: str, *replies: str, **settings: object) -> str:
    """A run of the graph in an encrypted store; how it ended."""
    flags = {"test_cmd": CHECK, "retrieval": "none", "model": "scripted", **settings}
    run = Run(model=ScriptedModel(replies))
    with open_storage(data, cipher=cipher_for(data, key)) as storage:
        return start("find the colours", Workspace(repo), load(flags).settings, storage, run).status


def everything(data: Path) -> bytes:
    """Every byte below the folder but for snapshots, which are never encrypted."""
    files = [path for path in data.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files if "trees" not in path.parts)


def test_nothing_of_a_reply_can_be_read_off_the_disk(folder: Path, tmp_path: Path) -> None:
    reply = f"{SECRET}\n\n{say('red', 'blue')}"
    assert run_in(folder, tmp_path / "plain", "", reply, "VERDICT: keep") == "green"
    (folder / "answer.txt").write_text(FILES["answer.txt"])
    data = tmp_path / "data"
    assert run_in(folder, data, KEY, reply, "VERDICT: keep") == "green"
    # In the plain store a checkpoint holds the plan's class by name; blobs are compressed.
    assert b"greenloop.state" in everything(tmp_path / "plain")
    assert b"greenloop.state" not in everything(data)
    plain = {path.name for path in (tmp_path / "plain" / "blobs").rglob("*")}
    sealed = [path for path in (data / "blobs").glob("??/*") if path.is_file()]
    assert sealed and not plain & {path.name for path in sealed}
    assert all(path.read_bytes().startswith(b"GLS1") for path in sealed)
    with open_storage(data, cipher=cipher_for(data, KEY)) as storage:
        (thread,) = storage.threads.all()
        texts = [
            storage.blobs.get(event.ref)
            for event in read_events(storage.database, thread.thread)
            if event.ref
        ]
    assert any(SECRET in text for text in texts)


def test_a_thread_goes_on_with_its_key(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_in(folder, data, KEY, say("wrong"), budget_calls=1) == "unsolved"
    flags = {"test_cmd": CHECK, "retrieval": "none", "model": "scripted"}
    with open_storage(data, cipher=cipher_for(data, KEY)) as storage:
        (thread,) = storage.threads.all()
        run = Run(model=ScriptedModel((say("red", "blue"), "VERDICT: keep")))
        done = resume(thread, Workspace(folder), load(flags).settings, storage, run)
    assert done.status == "green"


def test_no_key_and_a_wrong_one_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({"data_dir": str(tmp_path)}).settings
    monkeypatch.setenv("GREENLOOP_STORE_KEY", KEY)
    with open_stores(settings) as storage:
        ref = storage.blobs.put(SECRET)
    monkeypatch.setenv("GREENLOOP_STORE_KEY", "another")
    with (
        pytest.raises(UserError, match="GREENLOOP_STORE_KEY is not the key"),
        open_stores(settings),
    ):
        pass
    monkeypatch.delenv("GREENLOOP_STORE_KEY")
    with pytest.raises(UserError, match="is encrypted: set"), open_stores(settings):
        pass
    monkeypatch.setenv("GREENLOOP_STORE_KEY", KEY)
    with open_stores(settings) as storage:
        assert storage.blobs.get(ref) == SECRET


def test_what_was_there_before_the_key_stays_readable(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_in(folder, data, "", say("wrong"), budget_calls=1) == "unsolved"
    (folder / "answer.txt").write_text(FILES["answer.txt"])
    assert run_in(folder, data, KEY, say("red", "blue"), "VERDICT: keep") == "green"
    with open_storage(data, cipher=cipher_for(data, KEY)) as storage:
        events = [read_events(storage.database, each.thread) for each in storage.threads.all()]
        assert all(storage.blobs.get(each.ref) for some in events for each in some if each.ref)
        with storage.database.saver() as saver:
            kinds = storage.database.execute("SELECT DISTINCT type FROM checkpoints ORDER BY type")
            assert [kind for (kind,) in kinds] == ["msgpack", "msgpack+aes"]
            assert len(list(saver.list(None))) > 4


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs", cipher_for(tmp_path, KEY))
    ref = store.put(SECRET * 100)
    path = tmp_path / "blobs" / ref[:2] / ref[2:]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(StorageError, match="damaged, or was sealed with another key"):
        store.get(ref)
    codec = serde(cipher_for(tmp_path, KEY))
    kind, sealed = codec.dumps_typed({"a": 1})
    with pytest.raises(StorageError, match="damaged, or was sealed with another key"):
        codec.loads_typed((kind, sealed[:-1] + bytes([sealed[-1] ^ 1])))
    with pytest.raises(StorageError, match="damaged, or was sealed with another key"):
        codec.loads_typed((kind, sealed[:20]))


def test_sealed_records_without_the_file_of_the_key(tmp_path: Path) -> None:
    sealed = cipher_for(tmp_path, KEY)
    ref = BlobStore(tmp_path / "blobs", sealed).put(SECRET)
    kind, data = serde(sealed).dumps_typed([SECRET])
    with pytest.raises(StorageError, match="encrypted: set GREENLOOP_STORE_KEY"):
        BlobStore(tmp_path / "blobs").get(ref)
    with pytest.raises(StorageError, match="encrypted: set GREENLOOP_STORE_KEY"):
        serde(PLAIN).loads_typed((kind, data))


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"salt": "zz", "n": 1}', "[]"])
def test_a_damaged_file_of_the_key(text: str, tmp_path: Path) -> None:
    cipher_for(tmp_path, KEY)
    (tmp_path / KEY_FILE).write_text(text or " ")
    with pytest.raises(StorageError, match=r"record of the key .* is damaged"):
        cipher_for(tmp_path, KEY)


def test_the_key_itself_is_not_kept(tmp_path: Path) -> None:
    cipher_for(tmp_path, KEY)
    kept = json.loads((tmp_path / KEY_FILE).read_text())
    assert kept["kdf"] == "scrypt"
    assert KEY not in (tmp_path / KEY_FILE).read_text()
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_stores_have_salts_of_their_own(tmp_path: Path) -> None:
    names = {cipher_for(tmp_path / name, KEY).name(b"content") for name in ("a", "b")}
    assert len({*names, PLAIN.name(b"content")}) == 3


def test_a_database_that_is_shared_keeps_the_record_itself() -> None:
    database = MemoryDatabase()
    here = cipher_at(KeyRow(database), KEY, "memory")
    there = cipher_at(KeyRow(database), KEY, "memory")
    assert there.open(here.seal(b"x")) == b"x"
    with pytest.raises(UserError, match="is encrypted"):
        cipher_at(KeyRow(database), "", "memory")
    database.close()


def test_only_our_records_come_to_life_within_the_encryption(tmp_path: Path) -> None:
    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

    cipher, made = cipher_for(tmp_path, KEY), tmp_path / "made"
    kind, data = planted("os", "mkdir", str(made))
    ours = serde(cipher)
    assert isinstance(ours, EncryptedSerializer)  # the class that LangGraph's compiler knows
    plan = Plan((Step("a"),))
    assert ours.loads_typed(ours.dumps_typed(plan)) == plan
    assert isinstance(cipher, AesCipher)
    with pytest.raises(StorageError, match=r"names the class os\.mkdir"):
        ours.loads_typed((f"{kind}+aes", cipher.encrypt(data)[1]))
    assert not made.exists()


def test_langgraphs_own_encryption_reads_our_records(tmp_path: Path) -> None:
    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

    ours = cipher_for(tmp_path, KEY)
    key = ours._keys.content  # type: ignore[attr-defined]
    theirs = EncryptedSerializer.from_pycryptodome_aes(key=key)
    assert theirs.loads_typed(serde(ours).dumps_typed({"a": [1]})) == {"a": [1]}


def test_a_missing_package_is_said_with_its_cure(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['Crypto'] = None\n"
        "from pathlib import Path\n"
        "from greenloop.checkpoints.encryption import cipher_for\n"
        "from greenloop.errors import UserError\n"
        "try: cipher_for(Path(sys.argv[1]), 'k')\n"
        "except UserError as error: print(error)\n"
    )
    args = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(args, capture_output=True, text=True, check=True).stdout
    assert "pip install 'greenloop[encryption]'" in said
    assert not list(tmp_path.iterdir())
