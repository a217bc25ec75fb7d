"""Runs a thread that asks before everything, approves all, and kills itself at a chosen event.

    python approve_driver.py FOLDER DATA LOG [NODE KIND COUNT]

The process dies by SIGKILL at that occurrence of the event, counted from 1. Every reply that is
asked of the brain is a line of LOG.
"""

import os
import signal
import sys
from pathlib import Path

from greenloop.config import load
from greenloop.graph.resume import resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import open_storage
from greenloop.nodes.approval import APPROVED, Verdict
from greenloop.state import Event
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.profile import DEFAULT


class Playbook:
    """Right when its first edit was rejected; what it says depends on the request alone."""

    name = "playbook"
    reads_prompt = True
    window = Window(8192, 2048)
    profile = DEFAULT

    def __init__(self, log: Path) -> None:
        self._log = log

    def count(self, text: str) -> int:
        return len(text) // 4

    def cancel(self) -> None:
        return

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        del on_text
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{request.role}\n")
        if request.role == "reviewer":
            return ModelReply("VERDICT: keep")
        rejected = "The user rejected this edit" in request.messages[-1].content
        return ModelReply(f"answer.txt\n```\n{'right' if rejected else 'right but ugly'}\n```\n")


def main() -> int:
    folder, data, log_file, *kill_at = sys.argv[1:]
    met = 0

    def listen(event: Event) -> None:
        nonlocal met
        met += kill_at[:2] == [event.node or "-", event.kind]
        if kill_at and met == int(kill_at[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    workspace = Workspace(Path(folder))
    settings = load(
        {
            "data_dir": data,
            "test_cmd": "sh check.sh",
            "retrieval": "none",
            "model": "playbook",
            "approve": "all",
        }
    ).settings
    handle = Run(listeners=(listen,), model=Playbook(Path(log_file)))
    with open_storage(settings.data) as storage:
        threads = storage.threads.all()
        if threads:
            result = resume(threads[0], workspace, settings, storage, handle)
        else:
            result = start("make it right", workspace, settings, storage, handle)
        while result.asked is not None:
            ugly = "ugly" in result.asked.body
            handle.answer = Verdict("reject", "ugly") if ugly else APPROVED
            (thread,) = storage.threads.all()
            result = resume(thread, workspace, settings, storage, handle)
    sys.stdout.write(f"{result.status} {result.spent.model_calls}\n")
    return result.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
