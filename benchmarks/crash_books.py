"""What the store holds after a kill; read from a copy, for the resume must find it untouched."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.databases.sqlite import SqliteDatabase
from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.threads import Thread, Threads
from greenloop.errors import GreenloopError
from greenloop.graph.build import build_graph
from greenloop.graph.storage import DATABASE, Storage, open_storage
from greenloop.nodes.baseline import JOURNALLED
from greenloop.tools.standin.start import Standin

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


@dataclass(frozen=True, slots=True)
class Page:
    """One thread's state on the disk."""

    thread: str
    status: str
    number: int
    """Of the last checkpoint: the super-steps that have finished for good."""
    started: Mapping[int, float]
    """When each of these began."""
    replies: int
    """The model's, that are on record."""
    told: bool
    """A further node had said that it finished, but its checkpoint was not written yet."""
    damage: tuple[str, ...]
    """What cannot be read."""


def read_page(root: Path, store: str, repo: Path, scratch: Path) -> Page | None:
    """The page of the only thread of a folder; None while it has none.

    Args:
        root: the data folder.
        store: address of the database; empty for the file in the data folder.
        repo: the folder.
        scratch: for the copy of the database file.
    """
    if not store and not (root / DATABASE).exists():
        return None
    with _opened(root, store, scratch) as storage:
        threads = storage.threads.all(repo)
        return _page(storage, threads[0]) if threads else None


def all_trees(root: Path, store: str, repo: Path, scratch: Path) -> list[str]:
    """What cannot be brought back of the snapshots that a thread's rows name; empty if all can."""
    wrong = []
    with _opened(root, store, scratch) as storage:
        threads = storage.threads.all(repo)
        if not threads:
            return ["the thread is gone"]
        thread = threads[0]
        named = {event.tree for event in read_events(storage.database, thread.thread)}
        for tree in sorted(named - {""}):
            folder = scratch / "restored"
            folder.mkdir(parents=True)
            elsewhere = storage.snapshots(folder, thread.store)
            try:
                elsewhere.restore(tree)
                if elsewhere.take() != tree:
                    wrong.append(f"snapshot {tree} comes back as another one")
            except GreenloopError as error:
                wrong.append(f"snapshot {tree}: {error}")
            finally:
                shutil.rmtree(folder)
    return wrong


@contextmanager
def _opened(root: Path, store: str, scratch: Path) -> Iterator[Storage]:
    if store:
        with open_storage(root, store) as storage:
            yield storage
        return
    scratch.mkdir(exist_ok=True)
    for name in (DATABASE, f"{DATABASE}-wal"):
        (scratch / name).unlink(missing_ok=True)
        if (root / name).exists():
            shutil.copyfile(root / name, scratch / name)
    with closing(SqliteDatabase(scratch / DATABASE)) as database:
        blobs = BlobStore(root / "blobs")
        yield Storage(root, database, Threads(database), blobs, root / "trees")
    (scratch / f"{DATABASE}-shm").unlink(missing_ok=True)


def _page(storage: Storage, thread: Thread) -> Page:
    name, database = thread.thread, storage.database
    config: RunnableConfig = {"configurable": {"thread_id": name}}
    with database.saver() as saver:
        state = build_graph(saver).get_state(config).values
    number = state.get("events", 0)
    events = read_events(database, name)
    return Page(
        thread=name,
        status=thread.status,
        number=number,
        started={e.step: e.at for e in events if e.kind == "started" and e.step <= number},
        replies=sum(e.kind == "prompt" and e.step <= number for e in events)
        + _journalled(storage, name, number + 1),
        told=any(e.kind == "finished" and e.step > number for e in events),
        damage=tuple(_damage(storage, thread, state.get("tree", thread.base_tree))),
    )


def _journalled(storage: Storage, thread: str, step: int) -> int:
    """Replies of the model that are on record for a super-step."""
    ((count,),) = storage.database.execute(
        "SELECT count(*) FROM journal WHERE thread = ? AND step = ? AND request NOT LIKE ?",
        (thread, step, f"{JOURNALLED}%"),
    )
    return int(count)


def _damage(storage: Storage, thread: Thread, tree: str) -> Iterator[str]:
    found = storage.database.damage()
    if found:
        yield found
    refs = storage.database.execute(
        "SELECT ref FROM events WHERE thread = ? AND ref <> '' "
        "UNION SELECT ref FROM journal WHERE thread = ?",
        (thread.thread, thread.thread),
    )
    for (ref,) in refs:
        try:
            storage.blobs.get(ref)
        except GreenloopError as error:
            yield str(error)
    try:
        storage.snapshots_of(thread).entries(tree)
    except GreenloopError as error:
        yield str(error)


@dataclass(slots=True)
class Questions:
    """What the server was asked, from one task to the next."""

    standin: Standin
    _offset: int = 0
    _asked: list[str] = field(default_factory=list)
    """The task's different questions, in the order in which they were first asked."""
    _ended: dict[str, str] = field(default_factory=dict)
    """How the last try at each ended."""

    def new_task(self) -> None:
        """Forget the questions so far."""
        self.look(0)
        self._asked.clear()
        self._ended.clear()

    def look(self, on_record: int) -> tuple[int, int]:
        """Take in what was asked since the last look.

        Args:
            on_record: replies that were on record when this life began; the first so many
                questions are those that they answer.

        Returns:
            Questions that were asked although their reply was on record, and those whose reply
            the server had sent whole but which was not on record.
        """
        known = set(self._asked[:on_record])
        twice = lost = 0
        for question, outcome in self._new():
            twice += question in known
            lost += question not in known and self._ended.get(question) == "completed"
            if question not in self._ended:
                self._asked.append(question)
            self._ended[question] = outcome
        return twice, lost

    def _new(self) -> Iterator[tuple[str, str]]:
        with self.standin.log_file.open(encoding="utf-8") as file:
            file.seek(self._offset)
            for line in iter(file.readline, ""):
                record: dict[str, Any] = json.loads(line)
                # A client that was killed while it sent its question leaves none.
                if record["path"] == "/api/chat" and (record["body"] or {}).get("messages"):
                    yield json.dumps(record["body"], sort_keys=True), record["outcome"]
            self._offset = file.tell()
