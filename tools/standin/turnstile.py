"""The queue before the one slot: requests are answered one at a time, in order."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from greenloop.tools.standin.faults import BUSY
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.wire import Wire


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
                raise Refused(503, BUSY)
            while self._tickets[0] is not ticket:
                wire.wait(0.01)
            yield time.monotonic() - began
        finally:
            self._tickets.remove(ticket)
