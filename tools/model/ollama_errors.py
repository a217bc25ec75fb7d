"""What goes wrong between us and Ollama, in our own error tree, each with its cure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenloop.errors import (
    CancelledError,
    ContextError,
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)
from greenloop.tools.model.ollama_client import REFUSABLE
from greenloop.tools.model.ollama_line import Reason
from greenloop.tools.model.ollama_words import server_text
from greenloop.tools.model.one_line import one_line
from greenloop.tools.model.reply_errors import PassingError

if TYPE_CHECKING:
    from collections.abc import Collection

    import httpx
    from ollama import ResponseError

_OUTPUT_ERRORS = ("xml syntax", "failed to parse", "parsing tool call", "invalid tool call")
"""In errors with status 500 that are about what the model wrote, not about the server."""
_WINDOW_ERRORS = ("context length", "context size", "context window", "context shift")
_DEATHS = ("unexpectedly stopped", "error was encountered while running")
"""In errors about a runner that died over a reply; the next request starts another."""


class FieldRefused(Exception):
    """The server refuses a field that we can do without; never leaves the client."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Talk:
    """Who is asked, where and how long: the words that every message needs."""

    model: str
    where: str
    """The server's address without a login in it."""
    num_ctx: int
    gap_s: float
    overall_s: float

    def refusal(self, error: "ResponseError", without: "Collection[str]") -> Exception:
        """What an error in Ollama's own words means; status -1 is an error in mid-reply.

        Args:
            error: as the client raised it.
            without: fields that were left out of the request already.
        """
        status, text = error.status_code, server_text(error.error)
        if status == 404:
            return self._not_found(text)
        if any(words in text.lower() for words in _WINDOW_ERRORS):
            return ContextError(
                f"the prompt does not fit the window that {self.model} got: {text}; raise num_ctx "
                f"({self.num_ctx}) or make the task smaller"
            )
        if 400 <= status < 500:
            return self._refused(status, text, without)
        if _is_about_output(text.lower()):
            return ModelReplyError(
                f"Ollama could not read what {self.model} wrote: {text}; ask again, or choose "
                "another model",
                feedback=f"Your previous reply caused an error: {text}. "
                "Answer again in the plain text format.",
            )
        return self._failure(status, text)

    def breakdown(self, error: "httpx.HTTPError", *, heard: bool) -> Exception:
        """What a failure of the connection means; `heard`: a part of the reply had come."""
        import httpx  # noqa: PLC0415

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return self._unreached(one_line(str(error)))
        when = "in mid-reply" if heard else "before the reply"
        if isinstance(error, httpx.TimeoutException):
            return ModelUnavailableError(
                f"Ollama at {self.where} was silent for {self.gap_s:g} s {when}: see `ollama ps`, "
                "restart `ollama serve`, raise stall_timeout or choose a smaller model"
            )
        broken = ModelUnavailableError(
            f"the connection to Ollama at {self.where} broke {when} "
            f"({one_line(str(error)) or type(error).__name__}): see that `ollama serve` still runs"
        )
        return PassingError(broken, once=heard)

    def broken_off(self, reason: Reason) -> GreenloopError:
        """The reply was broken off from our side."""
        if reason == "cancelled":
            return CancelledError(f"the reply of {self.model} was broken off; resume to go on")
        return ModelUnavailableError(
            f"{self.model} was not done after {self.overall_s:g} s: raise reply_timeout, lower "
            "num_predict or choose a smaller model"
        )

    def rubbish(self, error: Exception) -> ModelUnavailableError:
        """The server's words are none of Ollama's."""
        return ModelUnavailableError(
            f"what {self.where} sent is not Ollama's format: {one_line(str(error))}; "
            "check the address, and what stands between"
        )

    def _unreached(self, why: str) -> ModelUnavailableError:
        if "certificate" in why.lower():
            return ModelUnavailableError(
                f"the certificate of {self.where} is not trusted: {why}; name its authority by "
                "SSL_CERT_FILE, or use http:// on a network of your own"
            )
        note = "" if not why or "refused" in why.lower() else f" ({why})"
        return ModelUnavailableError(
            f"no Ollama answers at {self.where}{note}: start it with `ollama serve`, "
            "or check the address"
        )

    def _refused(self, status: int, text: str, without: "Collection[str]") -> Exception:
        if status in (400, 422):
            field = _field_named(text.lower())
            if field and field not in without:
                return FieldRefused(field)
        cure = {
            401: "sign in with `ollama signin`, or put name:password@ into the address",
            403: "name it by 127.0.0.1 or localhost, or let it listen to others (OLLAMA_HOST)",
            429: "wait a little and resume, or choose a local model",
            499: "see what unloads the model or stands between, and resume",
        }.get(status, f"see `ollama show {self.model}`, and update Ollama if it is old")
        refused = ModelUnavailableError(
            f"Ollama at {self.where} refused the request (HTTP {status}): {text}; {cure}"
        )
        return PassingError(refused) if status == 499 else refused

    def _failure(self, status: int, text: str) -> Exception:
        if status == 503:
            return PassingError(
                ModelUnavailableError(
                    f"Ollama at {self.where} is busy: {text}; try again when it has less to do"
                )
            )
        if status in (502, 504):
            return PassingError(
                ModelUnavailableError(
                    f"what stands before Ollama at {self.where} does not reach it (HTTP {status}): "
                    f"{text}; see that `ollama serve` runs, or name its own address"
                )
            )
        when = "in mid-reply" if status < 0 else f"HTTP {status}"
        failed = ModelUnavailableError(
            f"Ollama at {self.where} failed to run {self.model} ({when}): {text}; see the log of "
            "`ollama serve`, lower num_ctx or choose a smaller model"
        )
        died = any(words in text.lower() for words in _DEATHS)
        return PassingError(failed, once=True) if died else failed

    def _not_found(self, text: str) -> GreenloopError:
        if "model" not in text:
            return ModelUnavailableError(
                f"what answers at {self.where} has no /api/chat: check the address, and that "
                "`ollama serve` runs there"
            )
        return ModelNotFoundError(
            f"Ollama at {self.where} does not have {self.model!r}: `ollama pull {self.model}`, or "
            "name another with --model"
        )


def _field_named(text: str) -> str:
    return next((field for field in REFUSABLE if field in text), "")


def _is_about_output(text: str) -> bool:
    # The parsers of tool calls say no more than this when a call breaks off.
    return text in ("eof", "unexpected eof") or any(words in text for words in _OUTPUT_ERRORS)
