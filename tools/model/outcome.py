"""What came of asking a brain, as plain data that can be written down and read again."""

from dataclasses import asdict, fields
from typing import Any

from greenloop import errors
from greenloop.errors import GreenloopError, InfrastructureError, ModelReplyError
from greenloop.tools.model.base import ModelReply
from greenloop.tools.reader.base import Call


def encode_outcome(outcome: ModelReply | GreenloopError) -> dict[str, Any]:
    """A reply under `reply`, or an error under `error`."""
    if isinstance(outcome, ModelReply):
        return {"reply": asdict(outcome)}
    known: dict[str, Any] = {"class": type(outcome).__name__, "message": str(outcome)}
    if isinstance(outcome, ModelReplyError):
        known |= {"feedback": outcome.feedback, "tokens": outcome.tokens}
    return {"error": known}


def decode_outcome(data: dict[str, Any]) -> ModelReply | GreenloopError:
    """What `encode_outcome` wrote; keys that are not known are passed over.

    Raises:
        KeyError, TypeError: the data is none of that.
    """
    return _reply(dict(data["reply"])) if "reply" in data else _error(data["error"])


def _reply(data: dict[str, Any]) -> ModelReply:
    calls = tuple(Call(call["tool"], call["arguments"]) for call in data.pop("calls"))
    known = {f.name for f in fields(ModelReply)}
    return ModelReply(calls=calls, **{k: v for k, v in data.items() if k in known})


def _error(data: dict[str, Any]) -> GreenloopError:
    kind = getattr(errors, data["class"], InfrastructureError)
    if issubclass(kind, ModelReplyError):
        return ModelReplyError(data["message"], data["feedback"], tokens=data.get("tokens", 0))
    named = issubclass(kind, GreenloopError)
    return kind(data["message"]) if named else InfrastructureError(data["message"])
