"""Answering one request: paths, methods, and the account of how it went.

Faithful to Ollama 0.33 for GET|HEAD /, /api/version, /api/tags, /api/ps, POST /api/show and
/api/chat; every other path is unknown to it. GET /standin is its own: counts of what happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import Any

from greenloop.tools.standin.chat import JSON, Generation, Turnstile, within_limit
from greenloop.tools.standin.chat_request import Refused, read_chat, read_model, read_object
from greenloop.tools.standin.record import Entry, RequestLog
from greenloop.tools.standin.script import Script
from greenloop.tools.standin.shelf import Shelf, show
from greenloop.tools.standin.truncation import cut
from greenloop.tools.standin.wire import ClientGone, Wire, go_json, timestamp

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Shared:
    """What all requests have in common."""

    script: Script
    log: RequestLog
    shelf: Shelf
    turnstile: Turnstile


class Call:
    """One request on its way through the service."""

    def __init__(self, service: Shared, handler: BaseHTTPRequestHandler, wire: Wire) -> None:
        self._service = service
        self._handler = handler
        self._wire = wire
        self._entry: Entry = service.log.open(handler.command, handler.path)
        self._body = b""

    def serve(self) -> None:
        """Answer the request.

        Raises:
            Refused: with an error status.
            ClientGone: nobody listens.
        """
        length = int(self._handler.headers.get("Content-Length") or 0)
        self._body = self._handler.rfile.read(length)
        if len(self._body) < length:
            raise ClientGone
        if not _is_local(self._handler.headers.get("Host") or "localhost"):
            self._text(403, "")
            return
        path = self._handler.path.partition("?")[0]
        raw = self._service.script.endpoints.get(path)
        if raw is not None:
            self._wire.wait(raw.stall)
            self._text(raw.status, raw.body)
            return
        self._route(path)

    def _route(self, path: str) -> None:
        found = _ROUTES.get(path)
        if found is None:
            self._text(404, "404 page not found")
            return
        methods, answer = found
        if self._handler.command not in methods:
            self._text(405, "405 method not allowed")
            return
        answer(self)

    def finish(self, outcome: str) -> None:
        """Note how it went."""
        self._service.log.close(self._entry, outcome, self._wire.status, self._wire.chunks)

    def error(self, status: int, text: str) -> None:
        """Answer with an error."""
        self._wire.status = status
        self.finish("refused" if status < 500 else "error")
        try:
            self._wire.answer(status, go_json({"error": text}), JSON)
        except ClientGone:
            self._handler.close_connection = True

    def root(self) -> None:
        """GET /."""
        self._text(200, "Ollama is running")

    def version(self) -> None:
        """GET /api/version."""
        self._json({"version": self._service.script.version})

    def tags(self) -> None:
        """GET /api/tags."""
        self._json(self._service.shelf.tags())

    def running(self) -> None:
        """GET /api/ps."""
        self._json(self._service.shelf.running())

    def show(self) -> None:
        """POST /api/show."""
        body = self._object()
        self._json(show(read_model(body, self._service.shelf)))

    def counts(self) -> None:
        """GET /standin."""
        waiting = {"waiting": self._service.turnstile.waiting}
        self._json(self._service.log.summary() | waiting)

    def chat(self) -> None:
        """POST /api/chat."""
        service, wire = self._service, self._wire
        request = read_chat(self._object(), service.shelf, service.script)
        if not request.messages:
            self._load_only(request.model, request.num_ctx, request.keep_s)
            return
        with service.turnstile.turn(wire) as waited:
            taken = service.script.take(request.messages)
            if taken is None:
                raise Refused(500, "stand-in: the script has no reply left for this request")
            index, reply = taken
            self._entry.facts |= {"reply": index, "waited": round(waited, 4)}
            if reply.error:
                wire.wait(reply.stall)
                raise Refused(reply.error, reply.message)
            per_token = service.script.chars_per_token
            reloaded = service.shelf.load(request.model, request.num_ctx, request.keep_s)
            seen = cut(request.messages, request.num_ctx, per_token)
            self._entry.facts |= {
                "num_ctx": request.num_ctx,
                "reload": reloaded,
                "prompt_tokens": seen.tokens,
                "prompt_eval_count": seen.seen,
                "dropped": seen.dropped,
                "beheaded": seen.beheaded,
            }
            reply = within_limit(reply, request.num_predict, per_token)
            Generation(request, reply, seen, reloaded, per_token, wire, self.finish).run()
        if request.keep_s == 0:
            service.shelf.unload(request.model)

    def _load_only(self, model: str, num_ctx: int, keep_s: float) -> None:
        if keep_s == 0:
            self._service.shelf.unload(model)
        else:
            self._entry.facts["reload"] = self._service.shelf.load(model, num_ctx, keep_s)
        self._json(
            {
                "model": model,
                "created_at": timestamp(),
                "message": {"role": "assistant", "content": ""},
                "done": True,
                "done_reason": "load" if keep_s else "unload",
            }
        )

    def _object(self) -> dict[str, Any]:
        self._entry.body = read_object(self._body)
        return dict(self._entry.body)

    def _json(self, value: Any) -> None:
        self._wire.status = 200
        self.finish("completed")
        self._wire.answer(200, go_json(value), JSON)

    def _text(self, status: int, text: str) -> None:
        self._wire.status = status
        self.finish("completed" if status < 400 else "refused")
        self._wire.answer(status, text.encode(), TEXT)


_READ = ("GET", "HEAD")
_ROUTES: dict[str, tuple[Sequence[str], Callable[[Call], None]]] = {
    "/": (_READ, Call.root),
    "/api/version": (_READ, Call.version),
    "/api/tags": (_READ, Call.tags),
    "/api/ps": (("GET",), Call.running),
    "/api/show": (("POST",), Call.show),
    "/api/chat": (("POST",), Call.chat),
    "/standin": (("GET",), Call.counts),
}


def _is_local(host: str) -> bool:
    """Whether a Host header is one that a server bound to loopback accepts."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private or address.is_unspecified
