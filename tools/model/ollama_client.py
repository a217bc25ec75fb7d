"""`ChatOllama` as we need it: fields that ollama-python cannot send, and the raw parts of a reply.

Without `truncate: false` and `shift: false` Ollama cuts a long prompt, or the beginning of the
window in mid-reply, and says nothing. Servers older than these fields ignore them.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from greenloop.tools.model.address import is_loopback, without_login
from greenloop.tools.model.ollama_line import Line
from greenloop.tools.reader.base import Tool

if TYPE_CHECKING:
    from langchain_ollama import ChatOllama
    from ollama import ChatResponse

EXTRAS: Mapping[str, bool] = {"truncate": False, "shift": False, "logprobs": True}
"""Fields of /api/chat since 0.12.4 and, for the last one, 0.12.11."""
REFUSABLE = (*EXTRAS, "think")
"""Fields that a server may refuse, and that we can do without."""

Parts = list["ChatResponse"]


@dataclass(frozen=True, slots=True)
class Dial:
    """Where to ask, and how long to wait, in seconds."""

    host: str
    """Normalised, see `normalise_host`."""
    connect_s: float
    gap_s: float


@dataclass(frozen=True, slots=True)
class Asking:
    """The part of a request that is not words; field names are Ollama's."""

    model: str
    num_ctx: int
    num_predict: int
    temperature: float
    seed: int | None
    keep_alive: str
    think: bool


def open_chat(
    dial: Dial, asking: Asking, without: Collection[str], line: Line, parts: Parts
) -> "ChatOllama":
    """A client for one reply: nobody would close one that is kept.

    Args:
        dial: where.
        asking: what.
        without: fields that this server refuses.
        line: hears of the connection.
        parts: gets each part of the reply as it came, before LangChain makes it its own.
    """
    import httpx  # noqa: PLC0415
    from langchain_ollama import ChatOllama  # noqa: PLC0415

    # It warns of what is an error here anyway, and would write into the user's terminal.
    logging.getLogger("langchain_ollama").setLevel(logging.ERROR)
    chat = ChatOllama(
        model=asking.model,
        base_url=without_login(dial.host),
        num_ctx=asking.num_ctx,
        num_predict=asking.num_predict,
        temperature=asking.temperature,
        seed=asking.seed,
        keep_alive=asking.keep_alive,
        reasoning=None if "think" in without else asking.think,
        client_kwargs={"verify": False},  # of the two clients that are not used
    )
    chat._client.close()  # type: ignore[no-untyped-call]
    chat._client = _client_class()(
        {key: value for key, value in EXTRAS.items() if key not in without},
        parts,
        without_login(dial.host),
        timeout=httpx.Timeout(dial.gap_s, connect=min(dial.connect_s, dial.gap_s)),
        trust_env=not is_loopback(dial.host),
        verify=dial.host.startswith("https:"),
        auth=_login(dial.host),
        event_hooks={"request": [line.attend]},
    )
    return chat


@cache
def _client_class() -> Any:
    from ollama import Client  # noqa: PLC0415

    class RawClient(Client):
        """Adds fields to the body, and keeps what it hears."""

        def __init__(self, extras: Mapping[str, bool], parts: Parts, host: str, **kw: Any) -> None:
            super().__init__(host, **kw)
            self._extras = extras
            self._parts = parts

        def _request(self, *args: Any, **kw: Any) -> Any:
            kw["json"] = {**kw["json"], **self._extras}
            return self._noted(super()._request(*args, **kw))

        def _noted(self, answer: "Iterator[ChatResponse]") -> "Iterator[ChatResponse]":
            for part in answer:
                self._parts.append(part)
                yield part

    return RawClient


def _login(host: str) -> tuple[str, str] | None:
    split = urlsplit(host)
    if split.username is None:
        return None
    return unquote(split.username), unquote(split.password or "")


def as_functions(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as the server takes them: OpenAI's function schema, with plain types only.

    ollama-python drops unions and defaults, and templates print types as they stand.
    """
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.about,
                "parameters": {
                    "type": "object",
                    "required": [p.name for p in tool.parameters if p.required],
                    "properties": {
                        p.name: {"type": p.kind, "description": p.about}
                        | ({"items": {"type": "string"}} if p.kind == "array" else {})
                        for p in tool.parameters
                    },
                },
            },
        }
        for tool in tools
    ]
