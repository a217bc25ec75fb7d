"""The request log: one JSON line per request, on disk before the client sees its answer's end.

Keys: n (from 1), time (seconds since the epoch, at arrival), seconds, method, path, body (parsed
JSON, or null), status (0: no byte was sent), outcome, chunks, and for chats that reached a model:
reply (its place in the script), num_ctx, reload (the model was loaded anew), waited (seconds in
the queue), prompt_tokens, prompt_eval_count, dropped, beheaded.

Outcomes: completed, refused, error, disconnected (the client left), cut (the stand-in hung up).
"""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Entry:
    """One request while it is answered."""

    n: int
    method: str
    path: str
    body: Any = None
    began: float = field(default_factory=time.monotonic)
    at: float = field(default_factory=time.time)
    facts: dict[str, Any] = field(default_factory=dict)
    closed: bool = False


class RequestLog:
    """Counts requests and writes them down."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None
        self._lock = threading.Lock()
        self._opened = 0
        self._outcomes: dict[str, int] = {}
        self.reloads = 0

    def open(self, method: str, path: str) -> Entry:
        """A request arrives."""
        with self._lock:
            self._opened += 1
            return Entry(self._opened, method, path)

    def close(self, entry: Entry, outcome: str, status: int, chunks: int) -> None:
        """Write a request down; only the first call for an entry counts."""
        with self._lock:
            if entry.closed:
                return
            entry.closed = True
            self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
            self.reloads += bool(entry.facts.get("reload"))
            if self._file:
                self._file.write(json.dumps(_line(entry, outcome, status, chunks)) + "\n")
                self._file.flush()

    def summary(self) -> dict[str, Any]:
        """Counts so far; the request that asks is not among those in flight."""
        with self._lock:
            in_flight = self._opened - sum(self._outcomes.values()) - 1
            return {"in_flight": in_flight, "outcomes": self._outcomes, "reloads": self.reloads}


def _line(entry: Entry, outcome: str, status: int, chunks: int) -> dict[str, Any]:
    return {
        "n": entry.n,
        "time": entry.at,
        "seconds": round(time.monotonic() - entry.began, 4),
        "method": entry.method,
        "path": entry.path,
        "body": entry.body,
        "status": status,
        "outcome": outcome,
        "chunks": chunks,
        **entry.facts,
    }
