"""Another process on a database.

    python database_process.py write|hold ADDRESS DATA NAME

`write` fills a thread of that name; `hold` takes the name, says so and waits to be killed.
"""

import sys
import time
from pathlib import Path

from langgraph.checkpoint.base import empty_checkpoint

from greenloop.checkpoints.events import EventLog
from greenloop.graph.storage import Storage, open_storage

STEPS = 10


def main() -> None:
    action, address, data, name = sys.argv[1:]
    with open_storage(Path(data), address) as storage:
        (write if action == "write" else hold)(storage, name)


def write(storage: Storage, name: str) -> None:
    log = EventLog(storage.database, storage.blobs, name)
    with storage.database.hold(name, "busy"), storage.database.saver() as saver:
        for step in range(1, STEPS + 1):
            log.begin(step, "code")
            log.emit("reply", f"{name} {step}", content=f"the same for all {step}")
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = {"events": step, "task": name}
            checkpoint["channel_versions"] = {"events": str(step), "task": str(step)}
            saver.put(
                {"configurable": {"thread_id": name, "checkpoint_ns": ""}},
                checkpoint, {"source": "loop", "step": step}, checkpoint["channel_versions"],
            )  # fmt: skip


def hold(storage: Storage, name: str) -> None:
    with storage.database.hold(name, "busy"):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(600)


if __name__ == "__main__":
    main()
