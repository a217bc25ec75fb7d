"""Answering one request: paths, methods, and the account of how it went.

Faithful to Ollama 0.33 for what `_ROUTES` lists; every other path is unknown to it. GET /standin
is its own: counts of what happened.
"""

from collections.abc import Callable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import Any

from greenloop.tools.standin import listing
from greenloop.tools.standin.answering import Desk, Shared, send_raw
from greenloop.tools.standin.chat_request import (
    read_chat,
    read_keep,
    read_model,
    read_object,
    read_options,
    runner_options,
    window,
)
from greenloop.tools.standin.dialects import (
    JSON,
    NDJSON,
    Chat,
    Generate,
    Likelihoods,
    OpenAI,
    openai_error,
)
from greenloop.tools.standin.embedding import embed, read_input
from greenloop.tools.standin.faults import Fault
from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.other_forms import from_generate, from_openai
from greenloop.tools.standin.pulling import UNKNOWN, progress
from greenloop.tools.standin.record import Entry
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.wire import ClientGone, Wire, go_json

TEXT = "text/plain; charset=utf-8"
_HAS_IDS = (0, 12, 10)
"""First version whose tool calls have ids."""
_PULL_FIRST = 'model "{}" not found, try pulling it first'


class Call:
    """One request on its way through the service."""

    def __init__(self, service: Shared, handler: BaseHTTPRequestHandler, wire: Wire) -> None:
        self._service = service
        self._handler = handler
        self._wire = wire
        self._path = handler.path.partition("?")[0]
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
        raw = self._service.script.endpoints.get(self._path)
        if raw is not None:
            self._wire.wait(raw.stall)
            self._wire.status = raw.status
            self.finish("completed" if raw.status < 400 else "refused")
            send_raw(self._wire, raw)
            return
        self._route()

    def _route(self) -> None:
        found = _ROUTES.get(self._path)
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

    def refuse(self, refused: Refused) -> None:
        """Answer with an error."""
        fault = refused.fault
        self._wire.status = fault.status
        self.finish("refused" if fault.status < 500 else "error")
        try:
            self._wire.answer(fault.status, *self._error_body(fault), headers=fault.headers)
        except ClientGone:
            self._handler.close_connection = True

    def _error_body(self, fault: Fault) -> tuple[bytes, str]:
        if fault.body is not None:
            return fault.body.encode(), fault.content_type
        if self._path.startswith("/v1/"):
            return go_json(openai_error(fault)), JSON
        return go_json({"error": fault.text, **fault.more}), JSON

    def root(self) -> None:
        """GET /."""
        self._text(200, "Ollama is running")

    def version(self) -> None:
        """GET /api/version."""
        self._json({"version": self._service.script.version})

    def tags(self) -> None:
        """GET /api/tags."""
        self._json(listing.tags(self._service.shelf))

    def running(self) -> None:
        """GET /api/ps."""
        self._json(listing.running(self._service.shelf))

    def models(self) -> None:
        """GET /v1/models."""
        self._json(listing.openai_models(self._service.shelf))

    def show(self) -> None:
        """POST /api/show."""
        body = self._object()
        self._json(listing.show(read_model(body, self._service.shelf)))

    def counts(self) -> None:
        """GET /standin."""
        waiting = {"waiting": self._service.turnstile.waiting}
        self._json(self._service.log.summary() | waiting)

    def chat(self) -> None:
        """POST /api/chat."""
        asked = read_chat(self._object(), self._service.shelf, self._service.script)
        if not asked.messages:
            self._desk().load_only(asked, {"message": {"role": "assistant", "content": ""}})
            return
        has_ids = self._service.script.numbers >= _HAS_IDS
        self._desk().answer(
            asked, lambda likely: Chat(asked.name, self._entry.n, likely, has_ids=has_ids)
        )

    def generate(self) -> None:
        """POST /api/generate."""
        body = from_generate(self._object())
        service = self._service
        asked = read_chat(body, service.shelf, service.script, "generate")
        if not asked.messages:
            self._desk().load_only(asked, {"response": ""})
            return
        self._desk().answer(asked, partial(Generate, asked.name, self._entry.n))

    def openai(self) -> None:
        """POST /v1/chat/completions."""
        given = self._object()
        asked = read_chat(from_openai(given), self._service.shelf, self._service.script)
        usage = bool((given.get("stream_options") or {}).get("include_usage"))

        def speaking(likely: Likelihoods) -> OpenAI:
            return OpenAI(asked.name, self._entry.n, likely, wants_usage=usage)

        self._desk().answer(asked, speaking)

    def embed(self) -> None:
        """POST /api/embed."""
        body = self._object()
        model = read_model(body, self._service.shelf, _PULL_FIRST)
        vectors, tokens = self._vectors(model, body, read_input(body))
        told = {"model": str(body["model"]), "embeddings": vectors, "total_duration": 14_143_917}
        self._json(told | {"load_duration": 1_019_500, "prompt_eval_count": tokens})

    def embed_old(self) -> None:
        """POST /api/embeddings."""
        body = self._object()
        model = read_model(body, self._service.shelf, _PULL_FIRST)
        prompt = str(body.get("prompt") or "")
        vectors, _ = self._vectors(model, body, [prompt] if prompt else [])
        self._json({"embedding": vectors[0] if vectors else []})

    def pull(self) -> None:
        """POST /api/pull."""
        body = self._object()
        name = str(body.get("model") or body.get("name") or "")
        model = self._pullable(name)
        streams = body.get("stream") is not False
        if model is None and not streams:
            raise Refused(500, UNKNOWN)
        lines = list(progress(model)) if model else [{"status": "pulling manifest"}]
        pause = self._service.script.pull_seconds / len(lines)
        if streams:
            self._wire.start_stream(NDJSON)
        for line in lines:
            self._wire.wait(pause)
            if streams and line != {"status": "success"}:
                self._wire.chunk(go_json(line) + b"\n")
        if model is not None:
            self._service.shelf.add(model)
        last = {"status": "success"} if model else {"error": UNKNOWN}
        if not streams:
            self._json(last)
            return
        self.finish("completed" if model else "error")
        self._wire.chunk(go_json(last) + b"\n")
        self._wire.end_stream()

    def delete(self) -> None:
        """DELETE /api/delete."""
        model = read_model(self._object(), self._service.shelf)
        self._service.shelf.delete(model.name)
        self._text(200, "")

    def _pullable(self, name: str) -> OfferedModel | None:
        known = self._service.shelf.find(name)
        if known is None and name in self._service.script.registry:
            return OfferedModel.parse(name)
        return known

    def _vectors(
        self, model: OfferedModel, body: dict[str, Any], texts: list[str]
    ) -> tuple[list[list[float]], int]:
        """Vectors of texts, the model loaded for them as for a reply."""
        script, shelf = self._service.script, self._service.shelf
        options, keep_s = read_options(body), read_keep(body)
        num_ctx = window(options, model, script)
        with self._service.turnstile.turn(self._wire):
            load = shelf.load(model.name, num_ctx, runner_options(options))
            self._entry.facts |= {"reload": load.reloaded, "evicted": list(load.evicted)}
            try:
                self._wire.wait(script.load_seconds if load.reloaded else 0.0)
                room = (num_ctx, script.chars_per_token)
                return embed(texts, body, model.embedding_length, room)
            finally:
                shelf.release(model.name, keep_s)

    def _desk(self) -> Desk:
        return Desk(self._service, self._entry, self._wire, self.finish)

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
_WRITE = ("POST",)
_ROUTES: dict[str, tuple[Sequence[str], Callable[[Call], None]]] = {
    "/": (_READ, Call.root),
    "/api/version": (_READ, Call.version),
    "/api/tags": (_READ, Call.tags),
    "/api/ps": (("GET",), Call.running),
    "/api/show": (_WRITE, Call.show),
    "/api/chat": (_WRITE, Call.chat),
    "/api/generate": (_WRITE, Call.generate),
    "/api/embed": (_WRITE, Call.embed),
    "/api/embeddings": (_WRITE, Call.embed_old),
    "/api/pull": (_WRITE, Call.pull),
    "/api/delete": (("DELETE",), Call.delete),
    "/v1/models": (("GET",), Call.models),
    "/v1/chat/completions": (_WRITE, Call.openai),
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
