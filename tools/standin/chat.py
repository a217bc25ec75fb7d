"""Answering /api/chat: streamed or whole, well or in one of the ways in which it goes wrong."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

from greenloop.tools.standin.chat_request import ChatRequest, Refused
from greenloop.tools.standin.script import PIECE, Reply
from greenloop.tools.standin.truncation import Cut, count
from greenloop.tools.standin.wire import Wire, go_json, timestamp

NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"
_FRAGMENTS = (3, 11, 170)
"""Bytes per fragment of a split stream: parts of a line, and several lines at once."""

Finish = Callable[[str], None]


def within_limit(reply: Reply, num_predict: int, chars_per_token: float) -> Reply:
    """The reply as far as num_predict lets it come."""
    text = reply.whole
    if num_predict <= 0 or count(text, chars_per_token) <= num_predict:
        return reply
    kept = text[: int(num_predict * chars_per_token)]
    return replace(reply, text=kept, pieces=(), done_reason="length")


@dataclass(frozen=True, slots=True)
class Generation:
    """One reply on its way out. `finish` notes the outcome, just before the client learns it."""

    request: ChatRequest
    reply: Reply
    seen: Cut
    reloaded: bool
    chars_per_token: float
    wire: Wire
    finish: Finish

    def run(self) -> None:
        """Send the reply.

        Raises:
            ClientGone: the client did not wait for it.
            Refused: a scripted error came before the first byte.
        """
        self.wire.wait(self.reply.stall)
        if self.reply.cut == "before":
            self.finish("cut")
            self.wire.sever()
        elif self.request.stream:
            self._stream()
        else:
            self._whole()

    def _stream(self) -> None:
        reply = self.reply
        self.wire.start_stream(NDJSON)
        if reply.split:
            self._split()
            return
        parts = self._parts()
        middle = len(parts) // 2 if reply.after is None else reply.after
        self._lines(parts[:middle])
        if self._fault(parts[middle:]):
            return
        self._lines(parts[middle:])
        if not reply.no_done:
            self.wire.chunk(self._line(self._done("")))
        self.finish("completed")
        self.wire.end_stream()

    def _fault(self, rest: Sequence[dict[str, str]]) -> bool:
        """What goes wrong in mid-stream; True when that was the end of it."""
        reply, wire = self.reply, self.wire
        wire.wait(reply.stall_mid)
        if reply.junk:
            wire.chunk(reply.junk.encode() + b"\n")
        if reply.error_line:
            self.finish("error")
            wire.chunk(self._line({"error": reply.error_line}))
            wire.end_stream()
            return True
        if reply.cut:
            wire.half_chunk(self._line(self._message(*rest[:1])))
            self.finish("cut")
            wire.sever(reset=reply.cut == "reset")
            return True
        return False

    def _split(self) -> None:
        lines = [self._line(self._message(part)) for part in self._parts()]
        data = b"".join([*lines, self._line(self._done(""))])
        start = 0
        for size in cycle(_FRAGMENTS):
            if start >= len(data):
                break
            self.wire.chunk(data[start : start + size])
            self.wire.wait(0.001)
            start += size
        self.finish("completed")
        self.wire.end_stream()

    def _whole(self) -> None:
        reply = self.reply
        self.wire.wait(reply.stall_mid + reply.delay * len(reply.parts))
        if reply.error_line:
            raise Refused(500, reply.error_line)
        unfinished = self._message({"content": reply.whole})
        body = unfinished if reply.no_done else self._done(reply.whole)
        if reply.thinking and self.request.thinks:
            body["message"]["thinking"] = reply.thinking
        data = go_json(body)
        if reply.cut:
            self.finish("cut")
            # Half of the body under a length that promises all of it.
            self.wire.answer(200, data, JSON, send=len(data) // 2)
            self.wire.sever(reset=reply.cut == "reset")
            return
        self.finish("completed")
        self.wire.answer(200, data, JSON)

    def _parts(self) -> list[dict[str, str]]:
        thinking = self.reply.thinking if self.request.thinks else ""
        if self.reply.done_reason in ("load", "unload"):
            return []
        thought = [thinking[i : i + PIECE] for i in range(0, len(thinking), PIECE)]
        said = [{"content": part} for part in self.reply.parts]
        return [{"content": "", "thinking": part} for part in thought] + said

    def _lines(self, parts: Sequence[dict[str, str]]) -> None:
        for part in parts:
            self.wire.chunk(self._line(self._message(part)))
            self.wire.wait(self.reply.delay)

    def _line(self, value: dict[str, Any]) -> bytes:
        return go_json(value) + b"\n"

    def _message(self, part: dict[str, str] | None = None) -> dict[str, Any]:
        message = {"role": "assistant", "content": "", **(part or {})}
        return {
            "model": self.request.model,
            "created_at": timestamp(),
            "message": message,
            "done": False,
        }

    def _done(self, content: str) -> dict[str, Any]:
        reply = self.reply
        seen, said = reply.prompt_eval_count, reply.eval_count
        if seen is None:
            seen = self.seen.seen
        if said is None:
            said = count(reply.whole + reply.thinking, self.chars_per_token)
        load = 2_500_000_000 if self.reloaded else 41_295_167
        metrics = {
            "total_duration": load + seen * 1_000_000 + said * 20_000_000,
            "load_duration": load,
            "prompt_eval_count": seen,
            "prompt_eval_duration": seen * 1_000_000,
            "eval_count": said,
            "eval_duration": said * 20_000_000,
        }
        ended = {"done": True, "done_reason": reply.done_reason}
        shown = {key: value for key, value in metrics.items() if value}  # omitempty
        return self._message({"content": content}) | ended | shown


class Turnstile:
    """One generation at a time; the others wait, and too many are turned away."""

    def __init__(self, max_queue: int) -> None:
        self._max = max_queue
        self._tickets: list[object] = []

    @property
    def waiting(self) -> int:
        """Requests in the queue, the one that is answered not among them."""
        return max(0, len(self._tickets) - 1)

    @contextmanager
    def turn(self, wire: Wire) -> Iterator[float]:
        """Wait for the turn and hold it; gives the seconds waited.

        Raises:
            Refused: the queue is full.
            ClientGone: the client left the queue.
        """
        ticket = object()
        self._tickets.append(ticket)  # list operations are atomic
        began = time.monotonic()
        try:
            if self._tickets.index(ticket) > self._max:
                raise Refused(
                    503, "server busy, please try again.  maximum pending requests exceeded"
                )
            while self._tickets[0] is not ticket:
                wire.wait(0.01)
            yield time.monotonic() - began
        finally:
            self._tickets.remove(ticket)
