"""Breaking off a run before the model has said a word, and going on with it later."""

import threading
import time
from pathlib import Path

import pytest
from graph_bench.bench import Bench, say

from greenloop.errors import CancelledError
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.standin.start import start_standin

MODEL = "qwen2.5-coder:7b"


def test_a_run_is_broken_off_and_goes_on_later(bench: Bench, tmp_path: Path) -> None:
    with start_standin({"replies": [{"text": "late", "stall": 60}]}, tmp_path) as standin:
        brain = OllamaModel(MODEL, standin.url, num_ctx=4096, num_predict=512)
        run = Run(model=brain)

        def break_off() -> None:
            while not standin.counts().in_flight:
                time.sleep(0.01)
            run.cancel()

        breaker = threading.Thread(target=break_off)
        breaker.start()
        with pytest.raises(CancelledError):
            start("colours", bench.workspace(), bench.settings({}), bench.storage, run)
        breaker.join()
        cut = standin.wait_for(lambda record: record["path"] == "/api/chat")
    assert cut["outcome"] == "disconnected"
    (thread,) = bench.storage.threads.all()
    assert thread.status == "interrupted"
    assert bench.resume(say("red", "blue"), "VERDICT: keep").status == "green"


def test_what_failed_before_may_be_tried_again_after_a_resume(bench: Bench) -> None:
    """The cause may lie outside of the files: a missing package, a service that was down."""
    check = "test -e ../ready && sh check.sh"
    reply = say("red", "blue")
    first = bench.start("colours", reply, reply, reply, test_cmd=f"sh -c '{check}'", max_replans=0)
    assert first.status == "unsolved"
    (bench.folder.parent / "ready").touch()
    again = bench.resume(reply, "VERDICT: keep", test_cmd=f"sh -c '{check}'")
    assert again.status == "green"
