"""Salvage: a damaged database gives back every thread that can be read, and loses nothing more."""

import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from graph_bench.bench import CHECK, FILES, say

from greenloop.checkpoints.cipher import PLAIN
from greenloop.checkpoints.encryption import cipher_for
from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.salvage import Salvaged, salvage
from greenloop.config import Settings, load
from greenloop.errors import StorageError, ThreadError, UserError
from greenloop.graph.doctor_store import repair_store
from greenloop.graph.resume import resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import DATABASE, open_storage, repair_lock
from greenloop.state import Event
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"
PAGE = 4096


@dataclass
class Damaged:
    """A data folder with several threads, each in a folder of its own."""

    data: Path
    folders: dict[str, Path]

    @property
    def path(self) -> Path:
        """The database."""
        return self.data / DATABASE

    def settings(self) -> Settings:
        """Settings of a quick run in it."""
        flags = {"test_cmd": CHECK, "retrieval": "none", "model": "scripted"}
        return load({**flags, "data_dir": str(self.data)}).settings

    def repair(self) -> Salvaged:
        """Repair it as the command does."""
        saved = repair_store(self.settings())
        assert saved is not None
        return saved

    def events(self) -> dict[str, list[Event]]:
        """The events of each thread."""
        with open_storage(self.data) as storage:
            threads = storage.threads.all()
            return {each.thread: read_events(storage.database, each.thread) for each in threads}

    def resume(self, name: str) -> str:
        """Go on with a thread to its end."""
        with open_storage(self.data) as storage:
            thread = storage.threads.find(name)
            run = Run(model=ScriptedModel((say("red", "blue"), KEEP)))
            workspace = Workspace(self.folders[name])
            return resume(thread, workspace, self.settings(), storage, run, "restore").status

    def write(self, at: int, data: bytes) -> None:
        """Overwrite a part of the file."""
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    def wipe(self, first: int, count: int, chance: random.Random) -> None:
        """Overwrite whole pages, counted from 1."""
        self.write((first - 1) * PAGE, chance.randbytes(count * PAGE))


def folder(path: Path) -> Path:
    path.mkdir()
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


def grown(root: Path, threads: int) -> Damaged:
    """Threads that are unsolved, with real checkpoints, events and snapshots."""
    made = Damaged(root / "data", {})
    for number in range(threads):
        repo = folder(root / f"repo{number}")
        run = Run(model=ScriptedModel((say("wrong"),)))
        settings = made.settings().model_copy(update={"budget_calls": 1})
        with open_storage(made.data) as storage:
            start(
                f"task {number} " + "of many words " * 40, Workspace(repo), settings, storage, run
            )
        made.folders[run.thread] = repo
    return made


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GREENLOOP_DATA_DIR", raising=False)
        return grown(tmp_path_factory.mktemp("original"), 6)


@pytest.fixture
def damaged(original: Damaged, tmp_path: Path) -> Damaged:
    """A copy of the data to do harm to; the folders are shared."""
    shutil.copytree(original.data, tmp_path / "data")
    return Damaged(tmp_path / "data", original.folders)


def test_a_sound_database_is_left_alone(damaged: Damaged) -> None:
    before = damaged.path.read_bytes()
    assert repair_store(damaged.settings()) is None
    assert damaged.path.read_bytes() == before
    assert not list(damaged.data.glob("*.damaged*"))


def test_a_salvaged_database_is_the_same_row_by_row(damaged: Damaged) -> None:
    before = damaged.events()
    with closing(sqlite3.connect(damaged.path)) as connection:
        rows = {
            table: set(connection.execute(f"SELECT * FROM {table}"))
            for table in ("threads", "events", "journal", "checkpoints", "writes")
        }
        schema = set(connection.execute("SELECT type, name, sql FROM sqlite_schema"))
    saved = salvage(damaged.path, PLAIN)
    assert set(saved.whole) == before.keys()
    assert (saved.part, saved.lost, saved.pages) == ((), (), 0)
    with closing(sqlite3.connect(damaged.path)) as connection:
        for table, expected in rows.items():
            assert set(connection.execute(f"SELECT * FROM {table}")) == expected
        assert set(connection.execute("SELECT type, name, sql FROM sqlite_schema")) == schema
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert damaged.path.stat().st_mode & 0o777 == 0o600
    assert saved.aside.exists()


@pytest.mark.parametrize("seed", range(8))
def test_pages_in_the_middle_are_overwritten(seed: int, damaged: Damaged) -> None:
    before, chance = damaged.events(), random.Random(seed)
    pages = damaged.path.stat().st_size // PAGE
    damaged.wipe(chance.randrange(4, pages - 3), chance.randrange(1, 4), chance)
    saved = damaged.repair()
    after = damaged.events()
    assert saved.aside.stat().st_size == pages * PAGE
    assert {*saved.whole, *saved.part} == after.keys()
    assert all(set(events) <= set(before[name]) for name, events in after.items())
    assert len(after) >= len(before) // 2
    assert damaged.resume(next(iter(after))) == "green"


@pytest.mark.parametrize("seed", range(6))
def test_what_is_called_whole_is_whole(seed: int, damaged: Damaged) -> None:
    before, chance = damaged.events(), random.Random(100 + seed)
    pages = damaged.path.stat().st_size // PAGE
    damaged.wipe(chance.randrange(4, pages), 1, chance)
    saved = damaged.repair()
    after = damaged.events()
    assert {*saved.whole, *saved.part} == after.keys()
    assert {*saved.whole, *saved.part, *saved.lost} == before.keys()
    assert all(after[name] == before[name] for name in saved.whole)
    for name in saved.whole:
        assert damaged.resume(name) == "green"


def test_the_head_is_destroyed(damaged: Damaged) -> None:
    before = damaged.events()
    damaged.write(0, random.Random(1).randbytes(100))
    saved = damaged.repair()
    assert not saved.header
    assert set(saved.whole) == before.keys()
    assert damaged.events() == before
    assert damaged.resume(saved.whole[0]) == "green"


def test_an_index_is_damaged(damaged: Damaged) -> None:
    with closing(sqlite3.connect(damaged.path)) as connection:
        ((root,),) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_checkpoints_1'"
        )
    before = damaged.events()
    damaged.wipe(root, 1, random.Random(2))
    saved = damaged.repair()
    assert set(saved.whole) == before.keys()
    assert damaged.events() == before


def test_the_table_of_threads_is_lost(damaged: Damaged) -> None:
    before = damaged.events()
    with closing(sqlite3.connect(damaged.path)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'threads'")
    damaged.wipe(root, 1, random.Random(3))
    saved = damaged.repair()
    # Their rows are on that page and those below it; whoever is not found is said by name.
    assert {*saved.whole, *saved.part, *saved.lost} == before.keys()


def test_nothing_is_left(damaged: Damaged) -> None:
    damaged.wipe(1, damaged.path.stat().st_size // PAGE, random.Random(4))
    saved = damaged.repair()
    assert (saved.whole, saved.part, saved.lost) == ((), (), ())
    assert damaged.events() == {}
    assert saved.aside.exists()


def test_the_log_is_gone_or_torn(original: Damaged, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(original.data, whole / "data")
    running = Damaged(whole / "data", original.folders)
    with open_storage(running.data) as storage:  # an open connection keeps the log
        names = [thread.thread for thread in storage.threads.all()]
        storage.database.execute("PRAGMA wal_autocheckpoint=0")
        for name in names:
            storage.threads.set_status(name, "interrupted")
        for ending in ("gone", "torn"):
            shutil.copytree(running.data, tmp_path / ending / "data")
        log = (running.data / f"{DATABASE}-wal").read_bytes()
    (tmp_path / "gone" / "data" / f"{DATABASE}-wal").unlink()
    (tmp_path / "torn" / "data" / f"{DATABASE}-wal").write_bytes(log[: len(log) * 2 // 3])
    for ending in ("gone", "torn"):
        damaged = Damaged(tmp_path / ending / "data", original.folders)
        damaged.write(5 * PAGE, random.Random(5).randbytes(PAGE))
        saved = damaged.repair()
        with open_storage(damaged.data) as storage:
            states = [thread.status for thread in storage.threads.all()]
        assert len(saved.whole) + len(saved.part) == len(states) >= 3
        assert ("interrupted" in states) == (ending == "torn")


def test_an_encrypted_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, repo = tmp_path / "data", folder(tmp_path / "repo")
    made = Damaged(data, {})
    settings = made.settings().model_copy(update={"budget_calls": 1})
    with open_storage(data, cipher=cipher_for(data, "key")) as storage:
        run = Run(model=ScriptedModel((say("wrong"),)))
        start("colours", Workspace(repo), settings, storage, run)
    made.write(0, bytes(100))
    with pytest.raises(UserError, match="is encrypted"):
        made.repair()
    monkeypatch.setenv("GREENLOOP_STORE_KEY", "key")
    assert made.repair().whole == (run.thread,)


def test_it_refuses_while_a_run_works(damaged: Damaged) -> None:
    """Also while it is only about to begin: what it wrote later would go to the old file."""
    damaged.write(5 * PAGE, random.Random(5).randbytes(PAGE))
    with open_storage(damaged.data), pytest.raises(ThreadError, match="stop every run"):
        damaged.repair()
    assert damaged.repair() is not None


def test_nobody_opens_it_while_it_is_repaired(damaged: Damaged) -> None:
    with (
        exclusive(repair_lock(damaged.data), "busy"),
        pytest.raises(ThreadError, match="being repaired"),
        open_storage(damaged.data),
    ):
        pass


def test_there_is_nothing_to_repair(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to repair"):
        Damaged(tmp_path, {}).repair()


def test_a_newer_format_is_not_touched(damaged: Damaged) -> None:
    with closing(sqlite3.connect(damaged.path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(UserError, match="newer greenloop"):
        damaged.repair()


def test_a_full_disk_leaves_the_damaged_file(damaged: Damaged) -> None:
    damaged.write(0, bytes(100))
    before = damaged.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError):
            damaged.repair()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert damaged.path.read_bytes() == before
    assert len(damaged.repair().whole) == len(damaged.folders)


DRIVER = """
import os, signal, sys
from pathlib import Path
from greenloop.checkpoints.cipher import PLAIN
from greenloop.checkpoints.salvage import salvage
left = int(sys.argv[2])
def count(event, args):
    global left
    if event in ("os.remove", "os.rename", "os.link") or event == "open" and args[1] is None:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
salvage(Path(sys.argv[1]), PLAIN)
"""


def test_a_kill_at_any_moment_loses_nothing(original: Damaged, tmp_path: Path) -> None:
    before, died = original.events(), 0
    for moment in (*range(1, 8), *range(8, 60, 3)):
        data = tmp_path / f"data{moment}"
        shutil.copytree(original.data, data)
        damaged = Damaged(data, original.folders)
        with closing(sqlite3.connect(damaged.path)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("UPDATE threads SET status = 'interrupted'")
            connection.commit()
            log = (data / f"{DATABASE}-wal").read_bytes()
        (data / f"{DATABASE}-wal").write_bytes(log)
        args = [sys.executable, "-c", DRIVER, str(damaged.path), str(moment)]
        done = subprocess.run(args, capture_output=True, text=True, check=False)
        saved = salvage(damaged.path, PLAIN)
        assert set(saved.whole) == before.keys()
        assert damaged.events() == before
        with open_storage(data) as storage:
            assert {each.status for each in storage.threads.all()} == {"interrupted"}
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        died += 1
    assert died > 4
