"""Pruning: room is really freed, and everything that a kept thread needs stays."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graph_bench.bench import FILES, Bench, say
from postgres import Server, postgres_server

from greenloop.checkpoints.blobs import YOUNG_S
from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.events import EventLog, read_events
from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.prune import folder_bytes
from greenloop.checkpoints.threads import Thread
from greenloop.errors import StorageError, ThreadError
from greenloop.graph.prune import Pruned, Wish, needs, prune, taken
from greenloop.graph.resume import resume
from greenloop.graph.session import Run
from greenloop.graph.sizes import measure
from greenloop.graph.storage import DATABASE, open_storage, store_of
from greenloop.graph.undo import undo
from greenloop.tools.model.scripted import ScriptedModel

__all__ = ["postgres_server"]

KEEP = "VERDICT: keep"


def green(bench: Bench, task: str, *, big: bool = False) -> Thread:
    """A run that ends green and leaves the folder as it was; `big` has a large file in it."""
    noise = bench.folder / "noise.bin"
    if big:
        noise.write_bytes(os.urandom(2_000_000))
    bench.start(task, say("red", "blue"), KEEP)
    noise.unlink(missing_ok=True)
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    return bench.storage.threads.all()[0]


def unsolved(bench: Bench, task: str) -> Thread:
    bench.start(task, say("wrong"), budget_calls=1)
    return bench.storage.threads.all()[0]


def grow_old(bench: Bench) -> None:
    """As if everything had been written long ago."""
    then = time.time() - 2 * YOUNG_S
    for path in (bench.storage.root / "blobs").glob("??/*"):
        os.utime(path, (then, then))


def pruned(bench: Bench, *names: str, **wish: Any) -> Pruned:
    grow_old(bench)
    return prune(bench.storage, Wish(names=names, **wish))


def refs(bench: Bench) -> set[str]:
    return {blob.ref for blob in bench.storage.blobs.stored()}


def named(bench: Bench, thread: Thread) -> frozenset[str]:
    events = read_events(bench.storage.database, thread.thread)
    found = needs(bench.storage, [thread])[thread.thread].blobs
    assert {event.ref for event in events if event.ref} < found  # the state names some too
    return found


def test_the_newest_that_have_ended_stay_and_all_that_can_be_resumed(bench: Bench) -> None:
    waiting = unsolved(bench, "first of all")
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    old, new = green(bench, "old one"), green(bench, "new one")
    done = pruned(bench, keep=1)
    assert done.threads == (old.thread,)
    assert {each.thread for each in bench.storage.threads.all()} == {waiting.thread, new.thread}
    assert pruned(bench, keep=0).threads == (new.thread,)
    assert [each.thread for each in bench.storage.threads.all()] == [waiting.thread]


def test_only_what_is_old_goes_where_an_age_is_given(bench: Bench) -> None:
    thread = green(bench, "colours")
    assert pruned(bench, keep=0, older_than=3600).threads == ()
    then = time.time() - 7200
    bench.storage.database.execute("UPDATE threads SET updated = ?", (then,))
    assert pruned(bench, keep=0, older_than=3600).threads == (thread.thread,)


def test_room_is_freed_on_the_disk(bench: Bench) -> None:
    kept = unsolved(bench, "kept")
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    green(bench, "large", big=True)
    before = taken(bench.storage)
    done = pruned(bench, keep=0)
    after = taken(bench.storage)
    assert (done.before, done.after) == (before, after)
    assert done.freed == before - after > 2_000_000
    assert refs(bench) == named(bench, kept)


def test_a_kept_thread_can_do_all_that_it_could_before(bench: Bench) -> None:
    thread = unsolved(bench, "kept")
    tree = bench.storage.snapshots_of(thread).take()
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    other = green(bench, "other", big=True)
    bench.storage.snapshots_of(thread).restore(tree)
    assert pruned(bench, keep=0).threads == (other.thread,)
    store = bench.storage.snapshots_of(thread)
    events = read_events(bench.storage.database, thread.thread)
    trees = {event.tree for event in events if event.tree}
    assert trees and all(store.has(each) for each in trees)
    assert all(bench.storage.blobs.get(ref) for ref in named(bench, thread))
    assert bench.resume(say("red", "blue"), KEEP).status == "green"
    (thread,) = bench.storage.threads.all()
    assert undo(thread, bench.workspace(), bench.storage, force=False) == ("answer.txt",)
    assert bench.answer() == FILES["answer.txt"]


def test_a_snapshot_that_an_event_of_old_names_in_a_blob_stays(bench: Bench) -> None:
    thread = unsolved(bench, "kept")
    (bench.folder / "mine.txt").write_text("precious")
    tree = bench.storage.snapshots_of(thread).take()
    (bench.folder / "mine.txt").unlink()
    log = EventLog(bench.storage.database, bench.storage.blobs, thread.thread)
    log.after(1)
    log.emit("saved", "as the first version wrote it", content=tree)
    pruned(bench, keep=0)
    assert bench.storage.snapshots_of(thread).read(tree, "mine.txt") == b"precious"


def test_what_a_fork_needs_stays_when_its_parent_goes(bench: Bench, tmp_path: Path) -> None:
    parent = unsolved(bench, "parent")
    tree = parent.base_tree
    fork = Thread(
        **{
            **{name: getattr(parent, name) for name in Thread.__slots__},
            "thread": "fork-0001",
            "repo": str(tmp_path / "elsewhere"),
            "store": store_of(parent),
            "parent": parent.thread,
        }
    )
    bench.storage.threads.add(fork)
    assert pruned(bench, parent.thread).threads == (parent.thread,)
    assert bench.storage.snapshots_of(fork).has(tree)
    assert pruned(bench, fork.thread).threads == (fork.thread,)
    assert not list(bench.storage.trees.glob("*.git"))


def test_a_folder_in_which_a_run_works_is_left_alone(bench: Bench) -> None:
    thread = green(bench, "colours")
    with exclusive(bench.storage.folder_lock(bench.folder), "busy"):
        done = pruned(bench, keep=0)
    assert done.threads == ()
    assert [each.why for each in done.skipped] == ["a run works there"] * 2
    assert bench.storage.snapshots_of(thread).has(thread.base_tree)
    with bench.storage.database.hold(thread.thread, "busy"):  # as a run on another machine does
        assert pruned(bench, thread.thread).threads == ()
    assert pruned(bench, thread.thread).threads == (thread.thread,)


def test_what_a_run_under_way_has_just_put_stays(bench: Bench) -> None:
    young = bench.storage.blobs.put("not named yet")
    again = bench.storage.blobs.put("put before")
    grow_old(bench)
    bench.storage.blobs.put("put before")
    bench.storage.blobs.put("not named yet")
    prune(bench.storage, Wish())
    assert refs(bench) == {young, again}
    grow_old(bench)
    prune(bench.storage, Wish())
    assert not refs(bench)


def test_a_store_that_a_fork_reads_from_is_left_alone(bench: Bench) -> None:
    thread = green(bench, "colours")
    store = store_of(thread)
    with bench.storage.in_use(store):
        assert pruned(bench, keep=0).threads == ()
    alone, other = bench.storage.alone_with(store, "busy"), bench.storage.in_use(store)
    with alone, pytest.raises(ThreadError, match="being pruned"), other:
        pass


def test_a_thread_that_comes_to_another_folder_waits_for_a_prune(
    bench: Bench, tmp_path: Path
) -> None:
    """The lock of the folder that it has left tells the prune nothing of it."""
    thread = unsolved(bench, "colours")
    shutil.copytree(bench.folder, tmp_path / "moved")
    bench.storage.threads.set_folder(thread.thread, tmp_path / "moved")
    bench.folder = tmp_path / "moved"
    with (
        bench.storage.alone_with(store_of(thread), "busy"),
        pytest.raises(ThreadError, match="being pruned"),
    ):
        bench.resume(say("red", "blue"), "VERDICT: keep")
    assert bench.resume(say("red", "blue"), "VERDICT: keep").status == "green"


def test_a_database_that_somebody_writes_to_is_not_made_smaller(bench: Bench) -> None:
    thread = green(bench, "colours")
    database = bench.storage.database
    database.execute("PRAGMA busy_timeout = 100")

    class Busy(SqliteDatabase):
        def compact(self) -> None:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                database.compact()

    with closing(Busy(bench.storage.root / DATABASE)) as busy:
        done = prune(replace(bench.storage, database=busy), Wish(keep=0))
    assert done.threads == (thread.thread,)
    ((what, why),) = [(each.what, each.why) for each in done.skipped]
    assert what == "the database"
    assert "held by another process" in why


def test_what_a_fork_left_that_was_killed_at_its_start_goes(bench: Bench) -> None:
    kept = unsolved(bench, "kept")
    log = EventLog(bench.storage.database, bench.storage.blobs, "fork-dead")
    log.emit("moved", "forked", content="what nobody will ask for")
    before = len(refs(bench))
    pruned(bench)
    assert read_events(bench.storage.database, "fork-dead")  # it may still be on its way
    bench.storage.database.execute("UPDATE events SET at = 1 WHERE thread = 'fork-dead'")
    pruned(bench)
    assert not read_events(bench.storage.database, "fork-dead")
    assert len(refs(bench)) < before
    assert refs(bench) == named(bench, kept)


def test_a_dry_run_changes_nothing(bench: Bench) -> None:
    thread = green(bench, "colours", big=True)
    before = folder_bytes(bench.storage.root)
    done = pruned(bench, keep=0, dry_run=True)
    assert done.threads == (thread.thread,)
    assert done.freed > 2_000_000
    assert folder_bytes(bench.storage.root) == before
    assert pruned(bench, keep=0).freed >= 2_000_000


def test_a_thread_that_is_unknown(bench: Bench) -> None:
    with pytest.raises(ThreadError, match="there is no thread"):
        pruned(bench, "nobody")


def test_nothing_goes_while_a_kept_thread_cannot_be_read(bench: Bench) -> None:
    broken = unsolved(bench, "broken")
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    other = green(bench, "other")
    bench.storage.database.execute(
        "UPDATE checkpoints SET checkpoint = x'ff00' WHERE thread_id = ?", (broken.thread,)
    )
    before = refs(bench)
    with pytest.raises(StorageError, match=f"prune {broken.thread}` gives it up"):
        pruned(bench, keep=0)
    assert refs(bench) == before
    assert len(bench.storage.threads.all()) == 2
    assert pruned(bench, broken.thread).threads == (broken.thread,)
    assert pruned(bench, keep=0).threads == (other.thread,)


def test_sizes_add_up(bench: Bench) -> None:
    unsolved(bench, "one")
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    green(bench, "two", big=True)
    threads = bench.storage.threads.all()
    sizes = measure(bench.storage, threads)
    assert [each.thread for each in sizes.threads] == [each.thread for each in threads]
    assert all(each.checkpoints > 1000 < each.events + each.blobs for each in sizes.threads)
    (store,) = sizes.stores
    assert store.snapshots > 2_000_000
    assert sizes.total >= store.snapshots
    assert sizes.freed < 100_000  # the newest twenty stay; of texts, replies in the journal go


DRIVER = """
import os, signal, sys
from pathlib import Path
from greenloop.graph.prune import Wish, prune
from greenloop.graph.storage import open_storage
left = int(sys.argv[2])
def count(event, args):
    global left
    changes = ("os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "subprocess.Popen")
    if event in changes or event == "open" and args[1] in ("wb", "ab"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
with open_storage(Path(sys.argv[1])) as storage:
    prune(storage, Wish(keep=0))
print(left)
"""


@contextmanager
def nothing_lost(bench: Bench, thread: Thread) -> Any:
    yield
    store = bench.storage.snapshots_of(thread)
    events = read_events(bench.storage.database, thread.thread)
    assert all(store.has(event.tree) for event in events if event.tree)
    assert all(bench.storage.blobs.get(ref) for ref in named(bench, thread))


def test_a_kill_at_any_moment_leaves_what_is_kept_and_a_second_prune_ends_it(
    bench: Bench,
) -> None:
    kept = unsolved(bench, "kept")
    tree = bench.storage.snapshots_of(kept).take()
    (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
    args = [sys.executable, "-c", DRIVER, str(bench.storage.root)]
    moment, died = 1, 0
    while True:
        green(bench, "goes", big=moment == 1)
        grow_old(bench)
        done = subprocess.run([*args, str(moment)], capture_output=True, text=True, check=False)
        with nothing_lost(bench, kept):
            pass
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        died += 1
        moment += 1 + moment // 2
    assert died > 3
    with nothing_lost(bench, kept):
        assert pruned(bench, keep=0).threads == ()
    assert refs(bench) == named(bench, kept)
    bench.storage.snapshots_of(kept).restore(tree)
    (thread,) = bench.storage.threads.all()
    run = Run(model=ScriptedModel((say("red", "blue"), KEEP)))
    done_again = resume(thread, bench.workspace(), bench.settings({}), bench.storage, run)
    assert done_again.status == "green"


@pytest.fixture(params=["memory:", "postgresql:"], ids=["memory", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    """A database that keeps texts and snapshots in tables."""
    if request.param == "memory:":
        return "memory:"
    server: Server = request.getfixturevalue("postgres_server")
    return server.new_database()


def test_where_texts_and_snapshots_lie_in_tables(address: str, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with open_storage(tmp_path / "data", address) as storage:
        bench = Bench(folder, storage, ScriptedModel(()))
        kept = unsolved(bench, "kept")
        (folder / "answer.txt").write_text(FILES["answer.txt"])
        gone = green(bench, "gone", big=True)
        storage.database.execute("UPDATE blobs SET at = 1")
        packed = storage.database.execute("SELECT sum(length(data)) FROM packs")[0][0]
        done = prune(storage, Wish(keep=0))
        assert (done.threads, done.skipped) == ((gone.thread,), ())
        assert done.freed > 2_000_000
        left = storage.database.execute("SELECT sum(length(data)) FROM packs")[0][0]
        assert left < packed - 2_000_000
        assert refs(bench) == named(bench, kept)
        store = storage.snapshots_of(kept)
        assert all(store.has(tree) for tree in needs(storage, [kept])[kept.thread].trees)
        assert bench.resume(say("red", "blue"), KEEP).status == "green"
        assert measure(storage, storage.threads.all()).total > 0
        assert prune(storage, Wish(names=(kept.thread,))).threads == (kept.thread,)
        assert storage.database.execute("SELECT count(*) FROM packs")[0][0] == 0
