"""Asking an Ollama server: its version, its models, what is loaded with which window.

Every question has a short time limit, so that a stalled server costs seconds, never a hang.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from greenloop.errors import ModelNotFoundError, ModelUnavailableError
from greenloop.tools.model.address import is_loopback, without_login
from greenloop.tools.model.server_records import (
    LoadedModel,
    ModelFacts,
    OfferedModel,
    facts_from,
    loaded_from,
    offered_from,
    tagged,
)

if TYPE_CHECKING:
    import httpx

_NO_ROOM = re.compile(r"memory|vram|cuda|alloc|terminated|resource limit", re.IGNORECASE)
"""In the words of a load that failed; where a driver ended the whole process, they say no more."""
_CONNECT_S = 1.5
_MOST_BYTES = 32 * 1024 * 1024
"""Far more than a server with thousands of models answers."""


class NoAnswerError(ModelUnavailableError):
    """Nothing listens, or it stays silent; as opposed to something that is not Ollama."""


class NoRoomError(ModelUnavailableError):
    """The model could not be loaded, most likely for lack of memory; a smaller window may do."""


@dataclass(frozen=True, slots=True)
class Server:
    """An Ollama server. Holds no connection between questions.

    Every method raises ModelUnavailableError when no server answers in time, or something that
    is not Ollama does.
    """

    host: str
    """Normalised, see `normalise_host`."""
    answer_s: float = 2.0
    """Longest wait for an answer that needs no work, in seconds."""

    @property
    def where(self) -> str:
        """The address as it may be shown."""
        return without_login(self.host)

    def version(self) -> str:
        """As the server writes it, such as `0.33.0`.

        Raises:
            ModelUnavailableError: see `Server`.
        """
        found = self._ask("/api/version").get("version")
        if not isinstance(found, str):
            raise self._no_ollama("its answer has no version")
        return found

    def models(self) -> tuple[OfferedModel, ...]:
        """The models on the server's disk.

        Raises:
            ModelUnavailableError: see `Server`.
        """
        try:
            return tuple(offered_from(entry) for entry in self._ask("/api/tags")["models"] or ())
        except (KeyError, TypeError, AttributeError) as error:
            raise self._no_ollama("its answer is no list of models") from error

    def find(self, name: str) -> OfferedModel | None:
        """The model of that name, which without a tag means `:latest`; None if it is not there.

        Raises:
            ModelUnavailableError: see `Server`.
        """
        return next((m for m in self.models() if tagged(m.name) == tagged(name)), None)

    def show(self, name: str) -> ModelFacts:
        """What the server knows of a model.

        Raises:
            ModelUnavailableError: see `Server`.
            ModelNotFoundError: it does not have the model.
        """
        return facts_from(self._ask("/api/show", {"model": name}, model=name))

    def loaded(self) -> tuple[LoadedModel, ...]:
        """The models in memory.

        Raises:
            ModelUnavailableError: see `Server`.
        """
        try:
            return tuple(loaded_from(entry) for entry in self._ask("/api/ps")["models"] or ())
        except (KeyError, TypeError, AttributeError) as error:
            raise self._no_ollama("its answer is no list of loaded models") from error

    def running(self, name: str) -> LoadedModel | None:
        """The model of that name if it is in memory, else None.

        Raises:
            ModelUnavailableError: see `Server`.
        """
        return next((m for m in self.loaded() if tagged(m.name) == tagged(name)), None)

    def load(self, name: str, num_ctx: int, *, keep_alive: str, limit_s: float) -> None:
        """Have a model in memory with a window of `num_ctx` tokens; tens of seconds are usual.

        A request without messages loads and generates nothing (api.md of Ollama, "Load a model").

        Args:
            name: the model.
            num_ctx: another window than it is loaded with makes the server load it anew.
            keep_alive: how long it stays afterwards, as a Go duration.
            limit_s: longest wait, in seconds.

        Raises:
            NoRoomError: the model does not fit.
            ModelUnavailableError: see `Server`; also when the model will not run.
            ModelNotFoundError: the server does not have the model.
        """
        body = {
            "model": name,
            "messages": [],
            "stream": False,
            # As in our requests for replies: another `shift` would load the model once more.
            "truncate": False,
            "shift": False,
            "options": {"num_ctx": num_ctx},
            "keep_alive": keep_alive,
        }
        self._ask("/api/chat", body, model=name, limit_s=limit_s)

    def _ask(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        model: str = "",
        limit_s: float = 0.0,
    ) -> Mapping[str, Any]:
        """The JSON object that is the answer; a POST when there is a body."""
        limit = limit_s or self.answer_s
        status, data = self._fetch(path, body, limit)
        try:
            answer = json.loads(data)
        except ValueError as error:
            why = f"HTTP {status}" if status != HTTPStatus.OK else "its answer is no JSON"
            raise self._no_ollama(why) from error
        if not isinstance(answer, dict):
            raise self._no_ollama("its answer is no object")
        if status != HTTPStatus.OK:
            raise self._refused(path, status, answer, model)
        return answer

    def _fetch(
        self, path: str, body: Mapping[str, object] | None, limit_s: float
    ) -> tuple[int, bytes]:
        import httpx  # noqa: PLC0415

        end = time.monotonic() + limit_s
        data = bytearray()
        try:
            with (
                self._client(limit_s) as client,
                client.stream("GET" if body is None else "POST", path, json=body) as response,
            ):
                for piece in response.iter_bytes():
                    data += piece
                    # httpx limits the silence between bytes only: drops could come for ever.
                    if time.monotonic() > end:
                        raise self._silent(limit_s)
                    if len(data) > _MOST_BYTES:
                        raise self._no_ollama("its answer has no end")
                return response.status_code, bytes(data)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoAnswerError(
                f"no Ollama answers at {self.where}: start it with `ollama serve`"
            ) from error
        except httpx.TimeoutException as error:
            raise self._silent(limit_s) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_ollama(f"the connection broke: {error}") from error

    def _client(self, limit_s: float) -> "httpx.Client":
        import httpx  # noqa: PLC0415

        return httpx.Client(
            base_url=self.host,
            timeout=httpx.Timeout(limit_s, connect=min(limit_s, _CONNECT_S)),
            trust_env=not is_loopback(self.host),
            verify=self.host.startswith("https:"),
            follow_redirects=True,
        )

    def _silent(self, limit_s: float) -> ModelUnavailableError:
        return NoAnswerError(
            f"Ollama at {self.where} is stalled: no answer within {limit_s:g} s; restart "
            "`ollama serve`, or wait until it has less to do"
        )

    def _no_ollama(self, why: str) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"what answers at {self.where} is not Ollama ({why}): "
            "check the address, and that `ollama serve` runs there"
        )

    def _refused(
        self, path: str, status: int, answer: Mapping[str, Any], model: str
    ) -> ModelUnavailableError | ModelNotFoundError:
        text = " ".join(str(answer.get("error", "no reason given")).split())[:300]
        if status == HTTPStatus.NOT_FOUND and model:
            return ModelNotFoundError(
                f"Ollama at {self.where} does not have {model!r}: `ollama pull {model}`, or "
                "name another with --model"
            )
        if "error" not in answer:
            return self._no_ollama(f"HTTP {status}")
        failed = status == HTTPStatus.INTERNAL_SERVER_ERROR
        kind = NoRoomError if failed and _NO_ROOM.search(text) else ModelUnavailableError
        cure = "see `ollama show`, and update Ollama if it is old"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            cure = "see the log of `ollama serve`, lower num_ctx or choose a smaller model"
        return kind(f"Ollama at {self.where} failed at {path} (HTTP {status}): {text}; {cure}")


def list_models(host: str, timeout_s: float = 1.5) -> tuple[str, ...] | None:
    """Names of the models that a server offers, or None when no server answers.

    Args:
        host: normalised address.
        timeout_s: longest wait for the connection, and again for the answer, in seconds.

    Raises:
        ModelUnavailableError: something answers, but not as Ollama does.
    """
    try:
        return tuple(model.name for model in Server(host, timeout_s).models())
    except NoAnswerError:
        return None


def has_model(models: tuple[str, ...], name: str) -> bool:
    """Whether a model is among those offered; a name without a tag means `:latest`."""
    return tagged(name) in {tagged(model) for model in models}
