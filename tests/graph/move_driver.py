"""Kills a rewind or a fork at many moments, and says what comes of it.

    python move_driver.py SCRATCH rewind|in-place|beside POINTS again|resume|undo

For each of so many moments, spread over the calls that the move makes, a process begins it on the
same thread and dies by SIGKILL; then another goes on. Prints a JSON object for each moment.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from graph_bench.bench import CHECK, FILES, say

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.threads import Thread
from greenloop.config import Settings, load
from greenloop.errors import UserError
from greenloop.graph.build import build_graph
from greenloop.graph.fork import empty_folder, fork
from greenloop.graph.fork_edit import Edit
from greenloop.graph.resume import resume
from greenloop.graph.rewind import rewind
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import Storage, open_storage
from greenloop.graph.undo import undo
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

SCRATCH, ACTION, POINTS, AFTERWARDS = sys.argv[1:]
REPO, DATA, BESIDE = (Path(SCRATCH) / name for name in ("repo", "data", "beside"))
WATCHED = ("/checkpoints/", "/graph/rewind", "/graph/fork", "/graph/timeline", "/graph/kept")
TARGET = 2
"""The checkpoint after the first edit: the answer is `red`."""


def settings() -> Settings:
    return load({"test_cmd": CHECK, "retrieval": "none", "model": "scripted"}).settings


def model(*replies: str) -> Run:
    return Run(model=ScriptedModel(replies))


def prepare(storage: Storage) -> None:
    REPO.mkdir()
    for name, text in FILES.items():
        (REPO / name).write_text(text)
    handle = model(say("red"), say("red", "blue"), "VERDICT: keep")
    start("colours", Workspace(REPO), settings(), storage, handle)
    (REPO / "mine.txt").write_text("mine\n")


def move(storage: Storage) -> None:
    parent = parent_of(storage)
    if ACTION == "rewind":
        rewind(parent, Workspace(REPO), settings(), storage, TARGET)
        return
    shutil.rmtree(BESIDE, ignore_errors=True)
    folder = REPO if ACTION == "in-place" else empty_folder(BESIDE, parent, DATA)
    fork(parent, TARGET, Edit(), Workspace(folder), settings(), storage)


def parent_of(storage: Storage) -> Thread:
    return next(thread for thread in storage.threads.all() if not thread.parent)


def go_on(storage: Storage) -> dict[str, Any]:
    """What the user would do after the kill."""
    moved = [t for t in storage.threads.all() if t.parent] if ACTION != "rewind" else []
    if ACTION != "rewind" and not moved:
        move(storage)
        moved = [t for t in storage.threads.all() if t.parent]
        began = True
    else:
        began = False
    thread = moved[0] if moved else parent_of(storage)
    found: dict[str, Any] = {"status": thread.status, "began_again": began}
    workspace = Workspace(Path(thread.repo))
    try:
        if AFTERWARDS == "again" and ACTION == "rewind":
            rewind(thread, workspace, settings(), storage, TARGET)
        elif AFTERWARDS == "undo":
            found["undone"] = undo(thread, workspace, storage, force=False)
        else:
            found["end"] = resume(
                thread, workspace, settings(), storage,
                model(say("blue"), say("red", "blue"), "VERDICT: keep"),
            ).status  # fmt: skip
    except UserError as error:
        found["refused"] = str(error)
    found["answer"] = (Path(thread.repo) / "answer.txt").read_text()
    found["mine_here"] = (REPO / "mine.txt").exists()
    found["mine_kept"] = is_kept(storage)
    return found


def is_kept(storage: Storage) -> bool:
    """Whether some snapshot that a thread names has the user's own file."""
    trees = {thread.base_tree for thread in storage.threads.all()}
    for thread in storage.threads.all():
        trees |= {event.tree for event in read_events(storage.database, thread.thread)}
    snapshots = storage.snapshots(REPO)
    return any(snapshots.read(tree, "mine.txt") == b"mine\n" for tree in trees - {""})


def in_child(work: Callable[[Storage], object], note: Path | None = None) -> int:
    """Run in a process of its own; the wait status."""
    child = os.fork()
    if child == 0:
        with open_storage(DATA) as storage:
            found = work(storage)
        if note:
            note.write_text(json.dumps(found))
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(point: int) -> Callable[[Storage], None]:
    def work(storage: Storage) -> None:
        count = 0

        def watch(frame: FrameType, what: str, _argument: object) -> None:
            nonlocal count
            if what == "call" and any(part in frame.f_code.co_filename for part in WATCHED):
                count += 1
                if count == point:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(watch)
        move(storage)
        sys.setprofile(None)
        (Path(SCRATCH) / "calls").write_text(str(count))

    return work


def fresh() -> None:
    for folder in (REPO, DATA, BESIDE):
        shutil.rmtree(folder, ignore_errors=True)
        if (kept := folder.with_name(f"{folder.name}.kept")).exists():
            shutil.copytree(kept, folder)


def main() -> None:
    Path(SCRATCH).mkdir(exist_ok=True)
    build_graph()  # loads what every process needs, once
    fresh()
    assert in_child(prepare) == 0
    for folder in (REPO, DATA):
        shutil.copytree(folder, folder.with_name(f"{folder.name}.kept"))
    assert in_child(killed_at(0)) == 0
    calls = int((Path(SCRATCH) / "calls").read_text())
    note = Path(SCRATCH) / "note"
    for turn in range(int(POINTS)):
        fresh()
        point = 1 + turn * (calls - 1) // (int(POINTS) - 1)
        status = in_child(killed_at(point))
        assert os.WIFSIGNALED(status), status
        assert in_child(go_on, note) == 0
        sys.stdout.write(json.dumps({"point": point, **json.loads(note.read_text())}) + "\n")


if __name__ == "__main__":
    main()
