"""Starting the stand-in as a process of its own, and reading what it was asked."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

_PATIENCE_S = 20.0
_REPLIES = ("/api/chat", "/api/generate", "/v1/chat/completions")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a stand-in has seen so far, as GET /standin tells."""

    in_flight: int
    """Requests that are being answered."""
    waiting: int
    """Requests in the queue."""
    outcomes: Mapping[str, int]
    """Requests that ended, by their outcome; see `record.py`."""
    chats: int
    """Requests that reached a model."""
    reloads: int
    evictions: int
    interleaved: int
    """Requests that came back to a conversation after another one."""
    prompt_tokens: int
    """That models got to see."""
    prefix_tokens: int
    """Of these, tokens that were in the slot already."""


@dataclass(frozen=True, slots=True)
class Standin:
    """A running stand-in."""

    url: str
    process: subprocess.Popen[str]
    log_file: Path

    @property
    def port(self) -> int:
        """To start another one at the same address."""
        return int(self.url.rpartition(":")[2])

    def log(self) -> list[Record]:
        """The requests that ended, in that order; keys are described in `record.py`."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def chats(self) -> list[Record]:
        """The requests to /api/chat, but for those without a message: they only load a model."""
        return [
            record
            for record in self.log()
            if record["path"] == "/api/chat" and not _only_loads(record["body"])
        ]

    def loads(self) -> list[Record]:
        """The requests to /api/chat without a message: they only load or unload a model."""
        return [
            record
            for record in self.log()
            if record["path"] == "/api/chat" and _only_loads(record["body"])
        ]

    def replies(self) -> list[Record]:
        """The requests for a reply, by whichever endpoint, and those that only load."""
        return [record for record in self.log() if record["path"] in _REPLIES]

    def counts(self) -> Counts:
        """What happened so far, also of requests that have not ended.

        Raises:
            OSError: it runs no more.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        with closing(connection):
            connection.request("GET", "/standin")
            return Counts(**json.loads(connection.getresponse().read()))

    def wait_for(self, wanted: Callable[[Record], bool]) -> Record:
        """The first request that is as wanted.

        Raises:
            AssertionError: it did not come within twenty seconds.
        """
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            for record in self.log():
                if wanted(record):
                    return record
            time.sleep(0.01)
        raise AssertionError(f"no such request; there were {self.log()}")

    def stop(self) -> None:
        """End it by SIGTERM."""
        self.process.terminate()
        self.process.wait()

    def kill(self) -> None:
        """End it by SIGKILL: open connections break."""
        self.process.kill()
        self.process.wait()


def _only_loads(body: object) -> bool:
    return isinstance(body, dict) and "model" in body and not body.get("messages")


@contextmanager
def start_standin(script: Mapping[str, Any], tmp_path: Path, *, port: int = 0) -> Iterator[Standin]:
    """A stand-in that follows the script; it is gone afterwards.

    Args:
        script: as described in `script.py`.
        tmp_path: folder for its files; several may share it.
        port: 0 for any; that of a stopped one to take its place.
    """
    folder = Path(tempfile.mkdtemp(prefix="standin-", dir=tmp_path))
    script_file, log_file = folder / "script.json", folder / "requests.jsonl"
    script_file.write_text(json.dumps(script), encoding="utf-8")
    command = [sys.executable, "-m", "greenloop.tools.standin", "--with-parent"]
    command += ["--port", str(port), "--script", str(script_file), "--log", str(log_file)]
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    with process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first.startswith("listening "):
                process.wait()
                raise AssertionError(f"no stand-in: {(folder / 'stderr').read_text()}")
            yield Standin(first.split()[1], process, log_file)
        finally:
            process.kill()
