"""Sending a reply: streamed or whole, well or in one of the ways in which it goes wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle, repeat

from greenloop.tools.standin.asked import Asked
from greenloop.tools.standin.dialects import JSON, Dialect, Ending, joined
from greenloop.tools.standin.faults import FAULTS, Fault
from greenloop.tools.standin.metrics import Account
from greenloop.tools.standin.reading import Part, Speech
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.replies import Reply
from greenloop.tools.standin.truncation import count
from greenloop.tools.standin.wire import Wire, go_json

_FRAGMENTS = (3, 11, 170)
"""Bytes per fragment of a split stream: parts of a line, and several lines at once."""

Finish = Callable[[str], None]


def named_fault(reply: Reply, model: str) -> Fault:
    """The fault that a reply names, with the model's name in its words."""
    fault = FAULTS[reply.fault]
    return replace(fault, text=fault.text.replace("{model}", model))


@dataclass(frozen=True, slots=True)
class Generation:
    """One reply on its way out. `finish` notes the outcome, just before the client learns it."""

    asked: Asked
    reply: Reply
    speech: Speech
    account: Account
    dialect: Dialect
    wire: Wire
    finish: Finish
    chars_per_token: float

    def run(self) -> None:
        """Send the reply.

        Raises:
            ClientGone: the client did not wait for it.
            Refused: an error came before the first byte.
        """
        self.wire.wait(self.reply.stall + self.account.wait_before)
        if self.reply.cut == "before":
            self.finish("cut")
            self.wire.sever()
        elif self.asked.stream:
            self._stream()
        else:
            self._whole()

    def _stream(self) -> None:
        reply, parts = self.reply, self.speech.parts
        if self.speech.failure and not parts:
            raise Refused(500, self.speech.failure)
        self.wire.start_stream(reply.content_type or self.dialect.content_type)
        if reply.split:
            self._split()
            return
        middle = len(parts) // 2 if reply.after is None else reply.after
        middle = len(parts) if middle == "end" else middle
        self._lines(parts[:middle])
        if self._broke_off(parts[middle:]):
            return
        self._lines(parts[middle:])
        if self._broke_at_the_end():
            return
        if not (reply.no_done or reply.repeat):
            self.wire.chunk(self.dialect.last(self.speech.last, self._ending()))
        self.finish("completed")
        self.wire.end_stream()

    def _broke_off(self, rest: Sequence[Part]) -> bool:
        """What goes wrong in mid-stream; True when that was the end of it."""
        reply, wire = self.reply, self.wire
        wire.wait(reply.stall_mid)
        if reply.junk:
            wire.chunk(reply.junk.encode() + b"\n")
        if reply.blank:
            wire.chunk(b"\n")
        if reply.broken:
            line = self._next_line(rest)
            wire.chunk(line[: len(line) // 2] + b"\n")
        if reply.drip:
            self._drip()
        if reply.error_line:
            return self._fail(Fault(500, reply.error_line))
        if reply.fault and reply.at == "middle":
            return self._fail(named_fault(reply, self.asked.name))
        if reply.cut and reply.cut != "end":
            return self._hang_up(self._next_line(rest))
        return False

    def _broke_at_the_end(self) -> bool:
        """What goes wrong in place of the last line, or just before it."""
        reply = self.reply
        self.wire.wait(reply.stall_end)
        if self.speech.failure:
            return self._fail(Fault(500, self.speech.failure))
        if reply.fault and reply.at == "end":
            return self._fail(named_fault(reply, self.asked.name))
        if reply.cut == "end":
            return self._hang_up(self.dialect.last(self.speech.last, self._ending()))
        return False

    def _next_line(self, rest: Sequence[Part]) -> bytes:
        return self.dialect.line(rest[0] if rest else Part())

    def _fail(self, fault: Fault) -> bool:
        line = self.dialect.failure(fault) if fault.body is None else fault.body.encode() + b"\n"
        self.finish("error")
        self.wire.chunk(line)
        self.wire.end_stream()
        return True

    def _hang_up(self, line: bytes) -> bool:
        self.wire.half_chunk(line)
        self.finish("cut")
        self.wire.sever(reset=self.reply.cut == "reset")
        return True

    def _drip(self) -> None:
        """A line that never ends, byte by byte, until nobody listens any more."""
        line = self.dialect.line(Part(content="a"))
        start = line[: line.index(b'"a') + 2]
        for byte in chain(start, repeat(ord("a"))):
            self.wire.chunk(bytes([byte]))
            self.wire.wait(self.reply.drip)

    def _split(self) -> None:
        lines = [self.dialect.line(part) for part in self.speech.parts]
        data = b"".join([*lines, self.dialect.last(self.speech.last, self._ending())])
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
        reply, speech = self.reply, self.speech
        silence = reply.delay * len(speech.parts) + self.account.wait_per_token * self.account.said
        self.wire.wait(reply.stall_mid + silence + reply.stall_end)
        self._refuse_whole()
        part = joined([*speech.parts, speech.last])
        unfinished = reply.no_done or bool(reply.repeat)
        data = go_json(self.dialect.whole(part, None if unfinished else self._ending()))
        content_type = reply.content_type or JSON
        if reply.broken:
            data = data[: len(data) // 2]
        if reply.cut:
            self.finish("cut")
            # Part of the body under a length that promises all of it.
            sent = len(data) - 1 if reply.cut == "end" else len(data) // 2
            self.wire.answer(200, data, content_type, send=sent)
            self.wire.sever(reset=reply.cut == "reset")
            return
        self.finish("completed")
        self.wire.answer(200, data, content_type)

    def _refuse_whole(self) -> None:
        """Without a stream every error comes with its status."""
        if self.reply.error_line or self.speech.failure:
            raise Refused(500, self.reply.error_line or self.speech.failure)
        if self.reply.fault:
            fault = named_fault(self.reply, self.asked.name)
            raise Refused(fault.status, fault.text, fault)

    def _lines(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self.wire.chunk(self.dialect.line(part))
            tokens = count(part.content + part.thinking, self.chars_per_token)
            self.wire.wait(self.reply.delay + tokens * self.account.wait_per_token)

    def _ending(self) -> Ending:
        figures = {} if self.reply.bare_done else self.account.figures()
        return Ending(self.reply.done_reason, figures)
