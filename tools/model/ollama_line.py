"""The connection of one reply, which another thread can break off at any moment.

A read that waits for the first byte ends only when the socket is shut down: closing the client
from another thread would leave it waiting. httpx tells of its sockets by the `trace` extension
of httpcore.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import httpx

Reason = Literal["", "cancelled", "late"]
_OPENED = (".connect_tcp.complete", ".start_tls.complete")


class Line:
    """What is known of a reply's connections, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._broken = threading.Event()
        self.reason: Reason = ""
        """Why it was broken off; empty while it was not."""

    @property
    def cancelled(self) -> bool:
        """Whether it was broken off because somebody asked for it."""
        return self.reason == "cancelled"

    def attend(self, request: "httpx.Request") -> None:
        """Hear of the socket that this request will use; an event hook of httpx."""
        request.extensions["trace"] = self._trace

    def break_off(self, reason: Reason) -> None:
        """Shut the connection, and every later one; the first reason stays."""
        with self._lock:
            self.reason = self.reason or reason
            self._broken.set()
            self._shut()

    def wait(self, seconds: float) -> None:
        """Let time pass, at most until the line is broken off."""
        self._broken.wait(seconds)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Break off as late when the time is over; the thread that waits for it ends with this."""
        timer = threading.Timer(seconds, self.break_off, ("late",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if not event.endswith(_OPENED):
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
            if self.reason:
                self._shut()

    def _shut(self) -> None:
        if self._socket is None:
            return
        # Closed already, by itself or by the other side.
        with suppress(OSError):
            # Not the method of a TLS socket, which would forget its state under the reader.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
