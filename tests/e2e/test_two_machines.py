"""A thread begun on one machine and gone on with on another, by way of one database."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from graph_bench.bench import FILES, Bench, say
from postgres import Server, postgres_server

from greenloop.checkpoints.databases.saver import find_checkpoint
from greenloop.checkpoints.events import read_events
from greenloop.config import load
from greenloop.errors import (
    FilesChangedError,
    ModelUnavailableError,
    StorageError,
    ThreadError,
    UserError,
)
from greenloop.graph.result import RunResult
from greenloop.graph.resume import Files, resume
from greenloop.graph.session import Run
from greenloop.graph.storage import Storage, open_storage, open_stores
from greenloop.state import Event
from greenloop.tools.model.scripted import ScriptedModel

__all__ = ["postgres_server"]

DRIVER = Path(__file__).with_name("machine_driver.py")
KEEP = "VERDICT: keep"
NOTES = "notes/größe.txt"


@contextmanager
def machine(home: Path, url: str) -> Iterator[Bench]:
    """Its own data folder and its own folder for the repository."""
    folder = home / "project"
    folder.mkdir(parents=True, exist_ok=True)
    with open_storage(home / "data", url) as storage:
        yield Bench(folder, storage, ScriptedModel(()))


def fill(home: Path) -> None:
    """The project, on the machine where the thread begins."""
    for name, text in {**FILES, NOTES: "the user's own\n"}.items():
        path = home / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (home / "project" / "check.sh").chmod(0o750)
    (home / "project" / "link").symlink_to("wanted")


def killed(home: Path, url: str, node: str, kind: str, *replies: str) -> None:
    """Begin a thread there, in a process that dies at that event."""
    words = [home / "project", home / "data", url, node, kind, *replies]
    tests = str(DRIVER.parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, runpy; sys.path.insert(0, {tests!r}); sys.argv.pop(0);"
         "runpy.run_path(sys.argv[0], run_name='__main__')", DRIVER, *map(str, words)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def go_on(bench: Bench, *replies: str, files: Files = "restore", **settings: Any) -> RunResult:
    """The thread moves to this machine's folder."""
    bench.model = ScriptedModel(replies)
    (thread,) = bench.storage.threads.all()
    bench.storage.threads.set_folder(thread.thread, bench.folder)
    return resume(
        bench.storage.threads.find(thread.thread), bench.workspace(), bench.settings(settings),
        bench.storage, Run(model=bench.model), files,
    )  # fmt: skip


def tree(home: Path) -> dict[str, tuple[str, int]]:
    """Contents and modes of the project."""
    folder = home / "project"
    return {
        str(path.relative_to(folder)): (path.read_text(), path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file() or path.is_symlink()
    }


@pytest.fixture
def url(postgres_server: Server) -> str:
    return postgres_server.new_database()


def test_a_thread_killed_on_one_machine_ends_on_another(tmp_path: Path, url: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fill(one)
    killed(one, url, "code", "started", "nothing")
    killed_at_start = tree(one)
    with machine(two, url) as bench:
        result = go_on(bench, say("red", "blue"), KEEP)
        assert result.status == "green"
        assert bench.path() == ["plan", "code", "test", "review", "done"]
        for event in bench.events():
            if event.ref:
                assert bench.storage.blobs.get(event.ref)
    assert tree(two) == {
        **killed_at_start, "answer.txt": ("red\nblue\n", killed_at_start["answer.txt"][1])
    }  # fmt: skip


def test_every_checkpoint_can_be_seen_on_both_machines(tmp_path: Path, url: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fill(one)
    killed(one, url, "test", "finished", say("red"))
    with machine(two, url) as bench:
        assert go_on(bench, say("red", "blue"), KEEP).status == "green"
    for home in (one, two):
        with machine(home, url) as bench, bench.storage.database.saver() as saver:
            (thread,) = bench.storage.threads.all()
            snapshots = bench.storage.snapshots_of(thread)
            answers = []
            for event in read_events(bench.storage.database, thread.thread):
                if event.kind in ("moved", "finished"):
                    found = find_checkpoint(saver, thread.thread, event.step)
                    assert found is not None
                    assert found.checkpoint["channel_values"]["tree"] == event.tree
                    assert snapshots.read(event.tree, NOTES) == b"the user's own\n"
                    answers.append(snapshots.read(event.tree, "answer.txt"))
            assert answers == [
                b"none\n", b"none\n", b"red\n", b"red\n", *[b"red\nblue\n"] * 4
            ]  # fmt: skip


def test_a_reply_that_came_is_not_asked_for_again(tmp_path: Path, url: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fill(one)
    killed(one, url, "code", "diff", say("red", "blue"))
    with machine(two, url) as bench:
        assert go_on(bench, KEEP).status == "green"
        assert len(bench.model.requests) == 1, "the review only"
        assert bench.answer() == "red\nblue\n"


def test_what_is_in_the_other_folder_is_asked_about_and_kept(tmp_path: Path, url: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fill(one)
    killed(one, url, "code", "started", "nothing")
    with machine(two, url) as bench:
        (bench.folder / "answer.txt").write_text("the other user's\n")
        with pytest.raises(FilesChangedError, match=r"answer\.txt"):
            go_on(bench, files="ask")
        assert bench.answer() == "the other user's\n"
        assert go_on(bench, say("red", "blue"), KEEP).status == "green"
        (thread,) = bench.storage.threads.all()
        saved = next(event for event in bench.events() if event.kind == "saved")
        snapshots = bench.storage.snapshots_of(thread)
        assert snapshots.read(saved.tree, "answer.txt") == b"the other user's\n"


def test_two_machines_do_not_work_on_one_thread(tmp_path: Path, url: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fill(one)
    refused: list[str] = []

    with machine(one, url) as first, machine(two, url) as second:

        def listen(event: Event) -> None:
            if event.kind == "started" and not refused:
                with pytest.raises(ThreadError, match="another process works") as caught:
                    go_on(second)
                refused.append(str(caught.value))

        result = first.start("colours", say("red", "blue"), KEEP, listener=listen)
        assert result.status == "green"
    assert len(refused) == 1


def test_an_encrypted_thread_needs_its_key_on_the_other_machine(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fill(one)

    def stores(home: Path, key: str) -> AbstractContextManager[Storage]:
        monkeypatch.setenv("GREENLOOP_STORE_KEY", key)
        return open_stores(load({"store": url, "data_dir": str(home / "data")}).settings)

    with stores(one, "the key") as storage, pytest.raises(ModelUnavailableError):
        # The script of replies ends where the reviewer is asked.
        Bench(one / "project", storage, ScriptedModel(())).start(
            "colours", say("red", "blue"), ModelUnavailableError("gone")
        )
    for key, words in (("", "is encrypted"), ("another", "is not the key")):
        with pytest.raises(UserError, match=words), stores(two, key):
            raise AssertionError("opened")
    (two / "project").mkdir(parents=True)
    with stores(two, "the key") as storage:
        bench = Bench(two / "project", storage, ScriptedModel(()))
        assert go_on(bench, KEEP).status == "green"
    assert (two / "project" / "answer.txt").read_text() == "red\nblue\n"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_the_server_goes_away_in_the_middle(
    tmp_path: Path, postgres_server: Server, url: str, how: signal.Signals
) -> None:
    fill(tmp_path)

    def listen(event: Event) -> None:
        if (event.node, event.kind) == ("code", "reply"):
            postgres_server.stop(how)

    with machine(tmp_path, url) as bench:
        try:
            with pytest.raises(StorageError, match="was lost") as caught:
                bench.start("colours", say("red", "blue"), listener=listen)
        finally:
            postgres_server.start()
        message = str(caught.value)
        assert caught.value.exit_code == 3
        assert "127.0.0.1" in message
        assert "horse" not in message
        assert "\n" not in message
        # This process goes on as soon as the server is back; so does another.
        assert bench.path() == ["plan"]
    with machine(tmp_path, url) as bench:
        assert go_on(bench, say("red", "blue"), KEEP, files="ask").status == "green"
        assert bench.answer() == "red\nblue\n"
        assert (tmp_path / "project" / NOTES).read_text() == "the user's own\n"
