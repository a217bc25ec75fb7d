"""What goes wrong between us and Ollama, in our own error tree, each with its cure."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenloop.errors import (
    ContextError,
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)

if TYPE_CHECKING:
    import httpx
    from ollama import ResponseError

_OUTPUT_ERRORS = ("xml syntax", "failed to parse", "parsing tool call", "invalid tool call")
"""In errors with status 500 that are about what the model wrote, not about the server."""
_WINDOW_ERRORS = ("context length", "context size")


class PassingError(Exception):
    """Carries a failure that another try may cure; never leaves the client."""

    def __init__(self, error: GreenloopError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Talk:
    """Who is asked, and where: the words that every message needs."""

    model: str
    where: str
    """The server's address without a login in it."""
    num_ctx: int
    gap_s: float

    def refusal(self, error: "ResponseError") -> Exception:
        """What an error in Ollama's own words means; status -1 is an error in mid-reply."""
        status, text = error.status_code, _server_text(error.error)
        if status == 404:
            return self._not_found(text)
        if any(words in text.lower() for words in _WINDOW_ERRORS):
            return ContextError(
                f"the prompt does not fit the window that {self.model} got: {text}; raise num_ctx "
                f"({self.num_ctx}) or make the task smaller"
            )
        if 400 <= status < 500:
            return ModelUnavailableError(
                f"Ollama refused the request (HTTP {status}): {text}; see `ollama show "
                f"{self.model}`, and update Ollama if it is old"
            )
        if _is_about_output(text.lower()):
            return ModelReplyError(
                f"Ollama could not read what {self.model} wrote: {text}; ask again, or choose "
                "another model"
            )
        if status == 503:
            return PassingError(
                ModelUnavailableError(
                    f"Ollama at {self.where} is busy: {text}; try again when it has less to do"
                )
            )
        when = "in mid-reply" if status < 0 else f"HTTP {status}"
        return ModelUnavailableError(
            f"Ollama at {self.where} failed to run {self.model} ({when}): {text}; see the log of "
            "`ollama serve`, lower num_ctx or choose a smaller model"
        )

    def breakdown(self, error: "httpx.HTTPError", *, heard: bool) -> Exception:
        """What a failure of the connection means; `heard`: a part of the reply had come."""
        import httpx  # noqa: PLC0415

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ModelUnavailableError(
                f"no Ollama answers at {self.where}: start it with `ollama serve`"
            )
        if isinstance(error, httpx.TimeoutException):
            return ModelUnavailableError(
                f"Ollama at {self.where} was silent for {self.gap_s:g} s: see `ollama ps`, restart "
                "`ollama serve`, raise stall_timeout or choose a smaller model"
            )
        when = "in mid-reply" if heard else "before the reply"
        broken = ModelUnavailableError(
            f"the connection to Ollama at {self.where} broke {when} "
            f"({_one_line(str(error)) or type(error).__name__}): see that `ollama serve` still runs"
        )
        return broken if heard else PassingError(broken)

    def rubbish(self, error: Exception) -> ModelUnavailableError:
        """The server's words are none of Ollama's."""
        return ModelUnavailableError(
            f"what {self.where} sent is not Ollama's format: {_one_line(str(error))}; "
            "check the address, and what stands between"
        )

    def empty(self, why: str) -> ModelReplyError:
        """A reply without words."""
        return ModelReplyError(
            f"the reply of {self.model} is empty: {why}; ask again, or choose another model"
        )

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


def _is_about_output(text: str) -> bool:
    # The parsers of tool calls say no more than this when a call breaks off.
    return text in ("eof", "unexpected eof") or any(words in text for words in _OUTPUT_ERRORS)


def _server_text(error: object) -> str:
    """The words in an error, which may be JSON once more, as one line."""
    found = error
    if isinstance(found, str) and found.lstrip().startswith("{"):
        try:
            found = json.loads(found)
        except ValueError:
            return _one_line(str(error))
    while isinstance(found, dict):
        found = found.get("error") or found.get("message") or json.dumps(found)
    return _one_line(str(found)) or "no reason given"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]}…"
