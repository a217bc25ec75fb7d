"""The table of threads: which runs there are, in which repository, and how they stand."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from greenloop.checkpoints.databases.base import Database, Value
from greenloop.errors import ThreadError

ThreadStatus = Literal[
    "running", "killed", "green", "unsolved", "interrupted", "waiting", "failed", "undone"
]
"""`killed` is never stored: it is a thread that says it runs while no process does. `waiting` is
one that has asked its user something."""

ENDED = ("green", "undone")
"""Of a thread that has no way on; every other one can be resumed."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One row: a run of the graph over one repository."""

    thread: str
    repo: str
    task: str
    model: str
    test_cmd: str
    settings: Mapping[str, Any]
    """The settings of the run, for the resume."""
    status: ThreadStatus
    base_tree: str
    graph_version: int
    state_version: int
    created: float
    updated: float
    store: str = ""
    """Key of the snapshot store; empty: that of the folder."""
    parent: str = ""
    """The thread that this one was forked from; empty for none."""
    parent_step: int = 0
    """Number of the checkpoint there."""


_FIELDS = [column.name for column in fields(Thread)]
_COLUMNS = ", ".join(_FIELDS)
_SETTINGS = _FIELDS.index("settings")


class Threads:
    """Reads and writes the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, thread: Thread) -> None:
        """Insert a new thread."""
        row = [getattr(thread, name) for name in _FIELDS]
        row[_SETTINGS] = json.dumps(dict(thread.settings))
        marks = ", ".join("?" * len(row))
        self._database.execute(f"INSERT INTO threads ({_COLUMNS}) VALUES ({marks})", row)

    def set_status(self, thread: str, status: ThreadStatus) -> None:
        """Record how the thread stands."""
        self._database.execute(
            "UPDATE threads SET status = ?, updated = ? WHERE thread = ?",
            (status, time.time(), thread),
        )

    def remove(self, thread: str) -> None:
        """Forget a thread, its events, journal and checkpoints; not the blobs and snapshots.

        The row that names it goes last: whoever was killed meanwhile can do it again.
        """
        with self._database.saver() as saver:
            saver.delete_thread(thread)
        with self._database.transaction():
            for table in ("events", "journal", "threads"):
                self._database.execute(f"DELETE FROM {table} WHERE thread = ?", (thread,))

    def set_brain(self, thread: str, model: str, settings: Mapping[str, Any]) -> None:
        """Record that another brain goes on with the thread, with the settings found for it."""
        self._database.execute(
            "UPDATE threads SET model = ?, settings = ? WHERE thread = ?",
            (model, json.dumps(settings), thread),
        )

    def set_folder(self, thread: str, repo: Path) -> None:
        """Record that the thread goes on in another folder, such as one on another machine."""
        self._database.execute("UPDATE threads SET repo = ? WHERE thread = ?", (str(repo), thread))

    def all(self, repo: Path | None = None) -> list[Thread]:
        """Threads, newest first; of one repository if it is given."""
        where, values = ("WHERE repo = ?", (str(repo),)) if repo else ("", ())
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM threads {where} ORDER BY updated DESC, created DESC", values
        )
        return [_thread(row) for row in rows]

    def folders(self, around: Path) -> list[Path]:
        """The folders within another one that have threads; sorted."""
        rows = self._database.execute("SELECT DISTINCT repo FROM threads ORDER BY repo")
        beginning = f"{str(around).rstrip('/')}/"
        return [Path(repo) for (repo,) in rows if repo.startswith(beginning)]

    def find(self, name: str) -> Thread:
        """The thread of that name, or the only one whose name begins so.

        Raises:
            ThreadError: there is none, or more than one.
        """
        found = self._named("thread = ?", name)
        found = found or self._named("substr(thread, 1, ?) = ?", len(name), name)
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(thread.thread for thread in found[:5])
            raise ThreadError(f"{name!r} could be any of {names}: give more of the name")
        raise ThreadError(f"there is no thread {name!r}: `greenloop threads` lists them")

    def _named(self, condition: str, *values: Value) -> list[Thread]:
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM threads WHERE {condition} ORDER BY updated DESC", values
        )
        return [_thread(row) for row in rows]


def _thread(row: tuple[Any, ...]) -> Thread:
    values = list(row)
    values[_SETTINGS] = json.loads(values[_SETTINGS])
    return Thread(*values)


def new_thread_name(task: str) -> str:
    """A short readable name: the task's first words and four random hex digits."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in task.lower()).split()
    slug = "-".join(words[:4])[:32].strip("-") or "run"
    return f"{slug}-{secrets.token_hex(2)}"
