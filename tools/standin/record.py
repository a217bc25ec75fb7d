"""The request log: one JSON line per request, on disk before the client sees its answer's end.

Keys: n (from 1), time (seconds since the epoch, at arrival), seconds, method, path, body (parsed
JSON, or null), status (0: no byte was sent), outcome, chunks, and for chats that reached a model:

    reply               its place in the script
    waited              seconds in the queue
    num_ctx             the window, in tokens
    reload              the model was loaded anew for it
    evicted             models that had to leave memory for it
    size, size_vram     bytes of the loaded model, and of these on the GPU
    prompt_tokens       of the whole prompt
    prompt_eval_count   of these, tokens that the window left
    dropped, beheaded   messages that were left out, and whether the beginning was lost too
    prompt_chars, prefix_chars      of the rendered prompt, and of these in the slot already
    prefix_tokens       the same part, of prompt_eval_count
    conversation        its number, from 1: a request whose messages begin with all those of an
                        earlier one belongs to the same
    continues           it goes on with an earlier conversation
    interleaved         it does, but another one was answered in between

Outcomes: completed, refused, error, disconnected (the client left), cut (the stand-in hung up).
"""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SUMMED = ("chats", "reloads", "evictions", "interleaved", "prompt_tokens", "prefix_tokens")


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
        self._sums = dict.fromkeys(_SUMMED, 0)

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
            facts = entry.facts
            self._sums["chats"] += "prompt_tokens" in facts
            self._sums["reloads"] += bool(facts.get("reload"))
            self._sums["evictions"] += len(facts.get("evicted", ()))
            self._sums["interleaved"] += bool(facts.get("interleaved"))
            self._sums["prompt_tokens"] += facts.get("prompt_eval_count", 0)
            self._sums["prefix_tokens"] += facts.get("prefix_tokens", 0)
            if self._file:
                self._file.write(json.dumps(_line(entry, outcome, status, chunks)) + "\n")
                self._file.flush()

    def summary(self) -> dict[str, Any]:
        """Counts so far; the request that asks is not among those in flight."""
        with self._lock:
            in_flight = self._opened - sum(self._outcomes.values()) - 1
            return {"in_flight": in_flight, "outcomes": dict(self._outcomes), **self._sums}


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
