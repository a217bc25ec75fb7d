import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.lock import exclusive, shared
from greenloop.checkpoints.threads import Thread, Threads, new_thread_name
from greenloop.errors import ThreadError

ROW = Thread(
    "fix-it-1a2b",
    "/repo",
    "fix it",
    "repair",
    "",
    {"num_ctx": 4096},
    "running",
    "t0",
    1,
    1,
    1.0,
    1.0,
)


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[Threads]:
    with closing(SqliteDatabase(tmp_path / "greenloop.db")) as database:
        yield Threads(database)


def test_a_row_comes_back_whole(threads: Threads) -> None:
    threads.add(ROW)
    assert threads.find("fix-it-1a2b") == ROW


def test_newest_first_and_by_folder(threads: Threads) -> None:
    threads.add(ROW)
    threads.add(replace(ROW, thread="later", updated=2.0, repo="/other"))
    assert [thread.thread for thread in threads.all()] == ["later", "fix-it-1a2b"]
    assert [thread.thread for thread in threads.all(Path("/repo"))] == ["fix-it-1a2b"]


def test_the_beginning_of_a_name_is_enough_if_it_is_the_only_one(threads: Threads) -> None:
    threads.add(ROW)
    assert threads.find("fix").thread == "fix-it-1a2b"
    threads.add(replace(ROW, thread="fix-it-3c4d"))
    with pytest.raises(ThreadError, match="could be any of"):
        threads.find("fix")
    with pytest.raises(ThreadError, match="there is no thread 'zzz'"):
        threads.find("zzz")


def test_status_and_removal(threads: Threads) -> None:
    threads.add(ROW)
    threads.set_status(ROW.thread, "green")
    assert threads.find(ROW.thread).status == "green"
    assert threads.find(ROW.thread).updated > ROW.updated
    threads.remove(ROW.thread)
    assert threads.all() == []


@pytest.mark.parametrize(
    ("task", "beginning"),
    [
        ("Fix the VAT, please!", "fix-the-vat-please-"),
        ("修复错误", "run-"),
        ("../../etc/passwd; rm -rf", "etc-passwd-rm-rf-"),
    ],
)
def test_names_are_short_and_harmless(task: str, beginning: str) -> None:
    name = new_thread_name(task)
    assert name.startswith(beginning)
    assert len(name) == len(beginning) + 4


class TestLock:
    def test_it_is_held_by_one(self, tmp_path: Path) -> None:
        path = tmp_path / "locks" / "a.lock"
        with (
            exclusive(path, "busy here"),
            pytest.raises(ThreadError, match=rf"busy here \(process {os.getpid()}\)"),
            exclusive(path, "busy here"),
        ):
            pass
        with exclusive(path, "busy here"):
            pass

    def test_looking_whether_it_is_held_is_in_nobodys_way(self, tmp_path: Path) -> None:
        path = tmp_path / "a.lock"
        path.touch()
        script = (
            "import sys; from pathlib import Path; from greenloop.checkpoints.lock import is_held\n"
            "print('looking', flush=True)\nwhile True: is_held(Path(sys.argv[1]))"
        )
        looker = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
        )
        with looker:
            assert looker.stdout is not None
            assert looker.stdout.readline() == "looking\n"
            for _ in range(300):
                with exclusive(path, "busy"):
                    pass
            looker.kill()

    def test_who_held_it_before_is_not_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.lock"
        with exclusive(path, "busy"):
            pass
        with (
            shared(path, "busy"),
            pytest.raises(ThreadError, match=r"busy \(process unknown\)"),
            exclusive(path, "busy"),
        ):
            pass

    def test_a_dead_process_does_not_keep_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a.lock"
        script = (
            "import sys, time; from pathlib import Path;"
            "from greenloop.checkpoints.lock import exclusive\n"
            "with exclusive(Path(sys.argv[1]), 'busy'): print('held', flush=True); time.sleep(60)"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(ThreadError, match="busy"), exclusive(path, "busy"):
                pass
            holder.kill()
        with exclusive(path, "busy"):
            pass


def test_a_lock_can_be_held_on_a_full_disk(tmp_path: Path) -> None:
    # A limit on the size of files refuses a write as a full disk does, with another number.
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from greenloop.checkpoints.lock import exclusive\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "with exclusive(Path(sys.argv[1]), 'busy'):\n"
        "    print('held')\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "x.lock")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr
