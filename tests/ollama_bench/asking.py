"""Asking a model behind the stand-in for Ollama: what the tests of the client share."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from greenloop.tools.model.base import Brief, Message, ModelRequest
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.standin.start import Standin, start_standin

NAME = "qwen2.5-coder:7b"
THINKER = "qwen3:8b"
MODELS = [
    NAME,
    {"name": THINKER, "context_length": 40960, "capabilities": ["completion", "tools", "thinking"]},
]
LONG = " ".join(f"word{n}" for n in range(90))
"""Streamed in several pieces, so that there is a middle to fail in."""


def question(text: str = "hi", **fields: Any) -> ModelRequest:
    """A request of two messages."""
    messages = (Message("system", "You edit code."), Message("user", text))
    return ModelRequest("coder", messages, Brief(Path(), text), **fields)


def talk(*texts: str) -> ModelRequest:
    """A request of turns that take turns, the user's first."""
    turns = [Message("assistant" if at % 2 else "user", text) for at, text in enumerate(texts)]
    return ModelRequest("coder", tuple(turns), Brief(Path(), ""))


def opened(standin: Standin, **options: Any) -> OllamaModel:
    """A model with a small window and quick tries."""
    chosen = {"num_ctx": 4096, "num_predict": 512, "gap_s": 20.0, "pauses_s": (0, 0.01), **options}
    return OllamaModel(chosen.pop("name", NAME), standin.url, **chosen)


@contextmanager
def serving(folder: Path, *replies: str | Mapping[str, Any], **script: Any) -> Iterator[Standin]:
    """A stand-in with these replies."""
    chosen = {"models": MODELS, "replies": list(replies), **script}
    with start_standin(chosen, folder) as standin:
        yield standin


def line(content: str = "", *, thinking: str = "", **more: Any) -> str:
    """A line of a reply as the server writes it."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    if "tool_calls" in more:
        message["tool_calls"] = more.pop("tool_calls")
    return json.dumps({"model": NAME, "message": message, "done": False, **more})


def end(**figures: Any) -> str:
    """The last line of a reply."""
    return line(**{"done": True, "done_reason": "stop", "eval_count": 5, **figures})


def raw(*lines: str, status: int = 200) -> dict[str, Any]:
    """A script whose every chat is answered by these lines."""
    body = "".join(f"{text}\n" for text in lines)
    return {"endpoints": {"/api/chat": {"status": status, "body": body}}}


@contextmanager
def dripping(head: bytes, drop: bytes, pause_s: float) -> Iterator[str]:
    """A server that says `head`, then one `drop` after the other for ever; gives its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serve = threading.Thread(target=_drip, args=(listener, head, drop, pause_s, over))
        serve.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            serve.join()


def _drip(
    listener: socket.socket, head: bytes, drop: bytes, pause_s: float, over: threading.Event
) -> None:
    listener.settimeout(0.05)
    while not over.is_set():
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        with client, suppress(ConnectionError):
            client.sendall(head)
            while not over.wait(pause_s):
                client.sendall(drop)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(text: str) -> bytes:
    """A piece of a chunked answer."""
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def contents(record: Mapping[str, Any]) -> Sequence[str]:
    """What the messages of a logged chat say."""
    return [message["content"] for message in (record["body"] or {}).get("messages", ())]
