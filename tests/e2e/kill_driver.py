"""Runs or resumes a thread and kills its own process at a chosen event.

    python kill_driver.py start|resume|resume-keep FOLDER DATA LOG [NODE KIND]

The process dies by SIGKILL at the first event of that kind in that node, if it is given. Every
node that starts is written to LOG, and every question to LOG.asked, one line each, so that a
test can see what ran or was asked twice.
"""

import hashlib
import os
import signal
import sys
from pathlib import Path

from greenloop.config import load
from greenloop.graph.resume import Files, resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import open_storage
from greenloop.state import Event
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.profile import DEFAULT

_EDIT = "answer.txt\n```\n{text}\n```\n\ntool.sh\n```\n#!/bin/sh\necho {text}\n```\n"


class Playbook:
    """Wrong at first, right after a new plan; what it says depends on the request alone."""

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
        asked = request.messages[-1].content
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{request.role} {hashlib.sha256(asked.encode()).hexdigest()}\n")
        if request.role == "reviewer":
            return ModelReply("VERDICT: keep" if "right at last" in asked else _REJECT)
        if request.role == "planner":
            return ModelReply("1. say it is right at last")
        return ModelReply(_EDIT.format(text="right at last" if "at last" in asked else "right"))


_REJECT = "- it does not say at last\nVERDICT: reject"


def main() -> int:
    action, folder, data, log_file, *kill_at = sys.argv[1:]
    log = Path(log_file)

    def listen(event: Event) -> None:
        if event.kind == "started":
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{event.step} {event.node}\n")
        if kill_at == [event.node, event.kind]:
            os.kill(os.getpid(), signal.SIGKILL)

    workspace = Workspace(Path(folder))
    settings = load(
        {"data_dir": data, "test_cmd": "sh check.sh", "retrieval": "keyword", "model": "playbook"}
    ).settings
    handle = Run(listeners=(listen,), model=Playbook(log.with_suffix(".asked")))
    with open_storage(settings.data) as storage:
        if action == "start":
            result = start("make it right", workspace, settings, storage, handle)
        else:
            (thread,) = storage.threads.all()
            files: Files = "keep" if action == "resume-keep" else "ask"
            result = resume(thread, workspace, settings, storage, handle, files)
    sys.stdout.write(f"{result.status}\n")
    return result.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
