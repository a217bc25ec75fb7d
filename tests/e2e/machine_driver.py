"""Begins a thread on a machine of its own and is killed at a chosen event.

python machine_driver.py FOLDER DATA ADDRESS NODE KIND REPLY...
"""

import os
import signal
import sys
from pathlib import Path

from graph_bench.bench import Bench

from greenloop.graph.storage import open_storage
from greenloop.state import Event
from greenloop.tools.model.scripted import ScriptedModel


def main() -> None:
    folder, data, address, node, kind, *replies = sys.argv[1:]

    def listen(event: Event) -> None:
        if (event.node, event.kind) == (node, kind):
            os.kill(os.getpid(), signal.SIGKILL)

    with open_storage(Path(data), address) as storage:
        bench = Bench(Path(folder), storage, ScriptedModel(()))
        bench.start("colours", *replies, listener=listen)


if __name__ == "__main__":
    main()
