"""The table of threads: which runs there are, in which repository, and how they stand."""

import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from greenloop.errors import ThreadError

ThreadStatus = Literal["running", "killed", "green", "unsolved", "interrupted", "failed", "undone"]
"""`killed` is never stored: it is a thread that says it runs while no process does."""


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


_COLUMNS = (
    "thread, repo, task, model, test_cmd, settings, status, base_tree, "
    "graph_version, state_version, created, updated"
)


class Threads:
    """Reads and writes the table."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, thread: Thread) -> None:
        """Insert a new thread."""
        marks = ",".join("?" * 12)
        row = (
            thread.thread,
            thread.repo,
            thread.task,
            thread.model,
            thread.test_cmd,
            json.dumps(dict(thread.settings)),
            thread.status,
            thread.base_tree,
            thread.graph_version,
            thread.state_version,
            thread.created,
            thread.updated,
        )
        with self._connection:
            self._connection.execute(f"INSERT INTO threads ({_COLUMNS}) VALUES ({marks})", row)

    def set_status(self, thread: str, status: ThreadStatus) -> None:
        """Record how the thread stands."""
        with self._connection:
            self._connection.execute(
                "UPDATE threads SET status = ?, updated = ? WHERE thread = ?",
                (status, time.time(), thread),
            )

    def remove(self, thread: str) -> None:
        """Forget a thread that never did anything."""
        with self._connection:
            self._connection.execute("DELETE FROM threads WHERE thread = ?", (thread,))
            self._connection.execute("DELETE FROM events WHERE thread = ?", (thread,))
            for table in self._langgraph_tables():
                self._connection.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread,))

    def _langgraph_tables(self) -> list[str]:
        """Tables of the checkpointer, which makes them at its first use."""
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE name IN ('checkpoints', 'writes')"
        )
        return [name for (name,) in rows]

    def set_brain(self, thread: str, model: str, settings: Mapping[str, Any]) -> None:
        """Record that another brain goes on with the thread, with the settings found for it."""
        with self._connection:
            self._connection.execute(
                "UPDATE threads SET model = ?, settings = ? WHERE thread = ?",
                (model, json.dumps(settings), thread),
            )

    def all(self, repo: Path | None = None) -> list[Thread]:
        """Threads, newest first; of one repository if it is given."""
        where, values = ("WHERE repo = ?", (str(repo),)) if repo else ("", ())
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM threads {where} ORDER BY updated DESC, created DESC", values
        )
        return [_thread(row) for row in rows]

    def find(self, name: str) -> Thread:
        """The thread of that name, or the only one whose name begins so.

        Raises:
            ThreadError: there is none, or more than one.
        """
        threads = self.all()
        exact = [thread for thread in threads if thread.thread == name]
        found = exact or [thread for thread in threads if thread.thread.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(thread.thread for thread in found[:5])
            raise ThreadError(f"{name!r} could be any of {names}: give more of the name")
        raise ThreadError(f"there is no thread {name!r}: `greenloop threads` lists them")


def _thread(row: tuple[Any, ...]) -> Thread:
    values = list(row)
    values[5] = json.loads(values[5])
    return Thread(*values)


def new_thread_name(task: str) -> str:
    """A short readable name: the task's first words and four random hex digits."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in task.lower()).split()
    slug = "-".join(words[:4])[:32].strip("-") or "run"
    return f"{slug}-{secrets.token_hex(2)}"
