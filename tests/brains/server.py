"""A small server that speaks the streaming protocols of OpenAI and of Anthropic over a socket."""

import json
import select
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = 7
"""Characters of a piece."""


@dataclass(frozen=True)
class Say:
    """One answer."""

    text: str = ""
    finish: str = "stop"
    """Empty: the stream ends without a reason."""
    status: int = 200
    body: str = ""
    """Instead of a reply; for errors."""
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: float = 0.0
    """Seconds before the first byte."""
    stall_mid: float = 0.0
    """Seconds after the first piece."""
    drip: bool = False
    """Bytes without the end of a line, for ever."""
    cut: str = ""
    """`before` the first byte or in `mid`-reply the connection ends."""
    error_mid: str = ""
    """JSON of an error that comes instead of the rest, after the first piece."""
    tokens: tuple[int, int] = (40, 9)


@dataclass
class Speaking:
    """The running server."""

    url: str
    left: list[Say]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    disconnected: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away in the middle of an answer."""
    began: threading.Event = field(default_factory=threading.Event)
    """Set when a request has come."""
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def speaking(says: Sequence[Say | str]) -> Iterator[Speaking]:
    """A server that gives these answers, one to each request."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = Speaking(
        f"http://127.0.0.1:{server.server_address[1]}",
        [Say(say) if isinstance(say, str) else say for say in says],
    )
    server.state = state  # type: ignore[attr-defined]
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def state(self) -> Speaking:
        state = self.server.state  # type: ignore[attr-defined]
        assert isinstance(state, Speaking)
        return state

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.state.asked.append(body)
        self.state.headers.append(dict(self.headers.items()))
        self.state.began.set()
        self.close_connection = True
        if not self.state.left:
            self._answer(500, '{"error": {"message": "no reply left in the script"}}', {})
            return
        say = self.state.left.pop(0)
        if say.cut == "before" or not self._wait(say.stall):
            return
        if say.body:
            self._answer(say.status, say.body, say.headers)
            return
        if "chat/completions" not in self.path and "/messages" not in self.path:
            self._answer(404, "404 page not found", {})
            return
        try:
            self._stream(say, "messages" if "/messages" in self.path else "chat")
        except OSError:
            self.state.disconnected.set()

    def _answer(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        data = body.encode()
        self.send_response(status)
        kind = "application/json" if body.startswith("{") else "text/html"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, say: Say, protocol: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if say.drip:
            while self._wait(0.05):
                self._chunk(b": ")
            return
        events = _messages(say) if protocol == "messages" else _chat(say)
        for event in events:
            if event == "mid":
                if say.cut == "mid" or not self._wait(say.stall_mid):
                    return
                if say.error_mid:
                    head = "event: error\n" if protocol == "messages" else ""
                    self._chunk(f"{head}data: {say.error_mid}\n\n".encode())
                    break
                continue
            self._chunk(event.encode())
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _wait(self, seconds: float) -> bool:
        """Wait; False when the client went away meanwhile or the server ends."""
        waited = 0.0
        while waited < seconds and not self.state.over.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable and not self.connection.recv(1):
                self.state.disconnected.set()
                return False
            waited += 0.02
        return not self.state.over.is_set()


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]


def _chat(say: Say) -> Iterator[str]:
    """As in https://platform.openai.com/docs/api-reference/chat-streaming."""

    def line(choices: list[dict[str, Any]], **more: Any) -> str:
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return f"data: {json.dumps({**chunk, 'choices': choices, **more})}\n\n"

    for number, piece in enumerate(_pieces(say.text)):
        delta = {"role": "assistant", "content": piece}
        yield line([{"index": 0, "delta": delta, "finish_reason": None}])
        if number == 0:
            yield "mid"
    if not say.finish:
        return
    yield line([{"index": 0, "delta": {}, "finish_reason": say.finish}])
    given, made = say.tokens
    usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    yield line([], usage=usage)
    yield "data: [DONE]\n\n"


def _messages(say: Say) -> Iterator[str]:
    """As in https://docs.anthropic.com/en/docs/build-with-claude/streaming."""

    def event(kind: str, **more: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n"

    given, made = say.tokens
    message: dict[str, Any] = {
        "id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": given, "output_tokens": 1},
    }  # fmt: skip
    yield event("message_start", message=message)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for number, piece in enumerate(_pieces(say.text)):
        delta = {"type": "text_delta", "text": piece}
        yield event("content_block_delta", index=0, delta=delta)
        if number == 0:
            yield "mid"
    yield event("content_block_stop", index=0)
    if say.finish:
        ended = {"stop_reason": say.finish, "stop_sequence": None}
        usage = {"input_tokens": given, "output_tokens": made}
        yield event("message_delta", delta=ended, usage=usage)
        yield event("message_stop")
