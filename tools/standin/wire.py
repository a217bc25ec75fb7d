"""HTTP as Ollama writes it: Go's JSON, chunked lines, and a watch on whether anybody listens."""

import json
import select
import socket
import struct
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

_ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
"""What encoding/json of Go escapes by default."""


class ClientGone(Exception):
    """The other side closed the connection."""


def go_json(value: Any) -> bytes:
    """A value as Go marshals it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPED).encode()


def timestamp(at: float | None = None) -> str:
    """Seconds since the epoch (now, when None) as RFC 3339 in UTC, with nanosecond digits."""
    nanoseconds = time.time_ns() if at is None else int(at * 1e9)
    whole, fraction = divmod(nanoseconds, 1_000_000_000)
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S") + digits + "Z"


class Wire:
    """The answering half of one connection."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self._socket: socket.socket = handler.connection
        self.status = 0
        """Of the answer begun; 0 before."""
        self.chunks = 0

    def answer(
        self,
        status: int,
        body: bytes,
        content_type: str,
        *,
        send: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole answer, or only the first `send` bytes of what its head promises."""
        self._head(status, content_type, {"Content-Length": str(len(body)), **(headers or {})})
        if self._handler.command != "HEAD":
            self._send(body[:send])

    def start_stream(self, content_type: str) -> None:
        """Begin a chunked answer."""
        self._head(200, content_type, {"Transfer-Encoding": "chunked"})

    def chunk(self, data: bytes) -> None:
        """Send one chunk."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data))
        self.chunks += 1

    def half_chunk(self, data: bytes) -> None:
        """Announce a chunk and send half of it."""
        self._send(b"%x\r\n%b" % (len(data), data[: len(data) // 2]))

    def end_stream(self) -> None:
        """Send the last, empty chunk."""
        self._send(b"0\r\n\r\n")

    def sever(self, *, reset: bool = False) -> None:
        """End the connection, by a TCP reset if asked."""
        self._handler.close_connection = True
        if reset:
            # Zero linger turns the close into a reset; the reader holds a reference to the socket.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._handler.rfile.close()
            self._socket.close()

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ClientGone: as soon as the client closes the connection.
        """
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            readable = select.select([self._socket], [], [], left)[0]
            if readable and self._at_end():
                raise ClientGone
            if time.monotonic() >= end:
                return
            if readable:  # a pipelined request; nothing that concerns this answer
                time.sleep(min(left, 0.02))

    def _at_end(self) -> bool:
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def _head(self, status: int, content_type: str, headers: Mapping[str, str]) -> None:
        self.status = status
        handler = self._handler
        handler.send_response_only(status)
        if content_type:
            handler.send_header("Content-Type", content_type)
        handler.send_header("Date", handler.date_time_string())
        for name, value in headers.items():
            handler.send_header(name, value)
        try:
            handler.end_headers()
        except ConnectionError as error:
            raise ClientGone from error

    def _send(self, data: bytes) -> None:
        try:
            self._handler.wfile.write(data)
        except ConnectionError as error:
            raise ClientGone from error
