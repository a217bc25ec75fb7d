"""What goes wrong between us and a provider, in our own error tree, each with its cure.

Providers' packages have exceptions of their own, most of which are not installed; so they are
told apart by the status they carry and by the names of their classes.
"""

import re
from dataclasses import dataclass

from greenloop.errors import (
    ConfigError,
    ContextError,
    GreenloopError,
    ModelNotFoundError,
    ModelReplyError,
    ModelUnavailableError,
)
from greenloop.tools.model.one_line import one_line
from greenloop.tools.model.provider_client import LIMIT, Access
from greenloop.tools.model.reply_errors import PassingError

_WINDOW = re.compile(
    r"context.?(length|size|window)|prompt is too long|maximum context|too many tokens"
    r"|exceed\w* the available context|input is too long",
    re.IGNORECASE,
)
_REFUSED_SETTING = re.compile(
    r"unsupported|not supported|does not support|unexpected keyword|unknown|deprecated"
    r"|unrecognized|not permitted|only the default|cannot both|can't both|at the same time"
    r"|mutually exclusive",
    re.IGNORECASE,
)
_SETTINGS = {
    "temperature": "temperature",
    "seed": "seed",
    "stream_options": "stream_usage",
    "max_tokens": LIMIT,
}
"""Settings that a model may refuse, as servers call them and as LangChain does."""
_TIMEOUTS = frozenset(
    {"APITimeoutError", "ConnectTimeout", "PoolTimeout", "ReadTimeout", "TimeoutException",
     "TimeoutError", "WriteTimeout", "ModelTimeoutError"}
)  # fmt: skip
_UNREACHED = frozenset({"ConnectError", "ConnectTimeout"})
_CONNECTION = frozenset(
    {"APIConnectionError", "ConnectionError", "HTTPError", "ModelConnectionError", "OSError",
     "TransportError"}
)  # fmt: skip
_BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
"""HTTP statuses after which the same request may succeed; 529 is Anthropic's for overload."""


class RefusedSettingError(Exception):
    """The model does not take a setting; it is to be asked without. Never leaves the client."""

    def __init__(self, setting: str) -> None:
        super().__init__(setting)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class Talk:
    """Who is asked, and where: the words that every message needs."""

    name: str
    access: Access
    num_ctx: int
    untold: frozenset[str] = frozenset()
    """Settings that were left out already."""

    def named(self, error: Exception, *, heard: bool) -> Exception:
        """What an exception of LangChain's or of a provider's means.

        Args:
            error: as it was raised.
            heard: a part of the reply had come; then no try starts it anew.
        """
        status, text = _status(error), _words(error)
        if not heard and (setting := self._refused_setting(status, text)):
            return RefusedSettingError(setting)
        if _WINDOW.search(text) or status == 413:
            return ContextError(
                f"the prompt does not fit the window of {self.name}: {text}; lower num_ctx "
                f"({self.num_ctx}) to what the model has, or make the task smaller"
            )
        if "content_filter" in text or "content management policy" in text:
            return self.filtered()
        if status:
            refusal = self._refusal(error, status, text)
            return refusal.error if heard and isinstance(refusal, PassingError) else refusal
        return self._breakdown(error, text, heard=heard)

    def filtered(self) -> ModelReplyError:
        """A filter of the provider's stopped the reply."""
        return ModelReplyError(
            f"the reply of {self.name} was stopped by the provider's content filter: say the task "
            "in other words, or choose another model"
        )

    def silent(self, seconds: float) -> ModelUnavailableError:
        """Nothing came for longer than is allowed."""
        return ModelUnavailableError(
            f"{self.access.where} was silent for {seconds:g} s while {self.name} was asked: try "
            "again later, raise stall_timeout or choose another model"
        )

    def endless(self, seconds: float) -> ModelUnavailableError:
        """The reply took longer than is allowed."""
        return ModelUnavailableError(
            f"{self.name} was not done after {seconds:g} s: raise reply_timeout, lower num_predict "
            "or choose a smaller model"
        )

    def broken(self, why: str, *, heard: bool) -> ModelUnavailableError:
        """The connection ended before the reply did."""
        when = "in mid-reply" if heard else "before the reply"
        return ModelUnavailableError(
            f"the connection to {self.access.where} broke {when} ({why}): see that the server "
            "runs and the network holds, then go on"
        )

    def _refused_setting(self, status: int, text: str) -> str:
        """The setting that is refused, as LangChain calls it; empty if it is something else."""
        if status not in (0, 400, 422) or not _REFUSED_SETTING.search(text):
            return ""
        told = self.access.settings - self.untold
        return next((s for word, s in _SETTINGS.items() if word in text and s in told), "")

    def _refusal(self, error: Exception, status: int, text: str) -> Exception:
        where = self.access.where
        if status in (401, 403):
            return ConfigError(
                f"{where} refuses the key for {self.name} (HTTP {status}): {text}; check "
                f"{self.access.key_name} and what the key may use"
            )
        if status == 404:
            return self._not_found(text)
        if status in _BUSY and "insufficient_quota" not in text:
            busy = ModelUnavailableError(
                f"{where} is busy or failed (HTTP {status}): {text}; try again later"
            )
            return PassingError(busy, after_s=_retry_after(error))
        return ModelUnavailableError(
            f"{where} refused the request for {self.name} (HTTP {status}): {text}; check the "
            "model's name, base_url and your account there"
        )

    def _not_found(self, text: str) -> GreenloopError:
        if "model" in text.lower():
            return ModelNotFoundError(
                f"{self.access.where} does not have {self.access.model!r}: {text}; name another "
                "with --model"
            )
        return ModelUnavailableError(
            f"what answers at {self.access.where} has no chat there (HTTP 404): check base_url; "
            "for servers that speak OpenAI's protocol it usually ends in /v1"
        )

    def _breakdown(self, error: Exception, text: str, *, heard: bool) -> Exception:
        kinds = _kinds(error)
        if kinds & _UNREACHED or "Connection refused" in text:
            return ModelUnavailableError(
                f"nothing answers at {self.access.where}: start the server, or check base_url and "
                "the network"
            )
        if kinds & _TIMEOUTS:
            return self.silent(self.access.gap_s)
        if kinds & _CONNECTION:
            broken = self.broken(text, heard=heard)
            return broken if heard else PassingError(broken)
        return ModelUnavailableError(
            f"what {self.access.where} sent for {self.name} is not understood: {text}; check "
            "base_url, and what stands between"
        )


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and what caused it, the first last."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found = found.__cause__ or found.__context__
    return chain


def _kinds(error: Exception) -> set[str]:
    """Names of the classes of the exception and of its causes."""
    return {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}


def _status(error: Exception) -> int:
    """The HTTP status that the exception carries, 0 for none."""
    response = getattr(error, "response", None)
    for carrier in (error, response):
        status = getattr(carrier, "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
    # An error in mid-reply comes with status 200, and with its true one in the body at best.
    body = getattr(error, "body", None)
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) and code >= 400 else 0


def _retry_after(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, float(headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _words(error: Exception) -> str:
    """The server's words, or those of the deepest cause, as one line."""
    body, code = getattr(error, "body", None), getattr(error, "code", None)
    while isinstance(body, dict):
        code = code or body.get("code")
        body = body.get("error") or body.get("message") or str(body)
    text = str(body) if body else ""
    if code and str(code) not in text:
        text = f"{text} ({code})"
    if not text.strip():
        lines = [str(link) for link in _chain(error) if str(link).strip()]
        text = lines[-1] if lines else type(error).__name__
    return one_line(text)
