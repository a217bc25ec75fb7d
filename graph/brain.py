"""Choosing the brain: the model asked for, or the embedded one when no server answers."""

from dataclasses import dataclass

from greenloop.config import Settings
from greenloop.errors import ModelNotFoundError, UserError
from greenloop.tools.model.base import ChatModel, window_of
from greenloop.tools.model.probe import has_model, list_models, normalise_host
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.base import Sandbox

EMBEDDED = "repair"
_USUAL_WINDOW = 8192
"""Tokens; what a 7B model at four bits leaves room for on a card of 8 GB."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which brain, and a line for the user when it is not the one in the settings."""

    name: str
    note: str = ""


def choose(settings: Settings, *, explicit: bool) -> Choice:
    """The brain for a run.

    Args:
        settings: the model's name and the server's address.
        explicit: the user named the model on the command line, so nothing else will do.

    Raises:
        UserError: the model was named and no server answers.
        ModelNotFoundError: the server does not have the model.
    """
    name = settings.model
    if name == EMBEDDED:
        return Choice(EMBEDDED)
    host = normalise_host(settings.ollama_host)
    models = list_models(host)
    if models is None:
        if explicit:
            raise UserError(
                f"no Ollama answers at {host}: start it with `ollama serve`, then "
                f"`ollama pull {name}`; or use the embedded brain with --model {EMBEDDED}"
            )
        return Choice(
            EMBEDDED, f"no Ollama answers at {host}: using the embedded brain `{EMBEDDED}`"
        )
    if not has_model(models, name):
        known = f"it has {', '.join(models[:8])}" if models else "it has no model yet"
        raise ModelNotFoundError(
            f"Ollama at {host} does not have {name!r} ({known}): `ollama pull {name}`, "
            "or name another with --model"
        )
    return Choice(name)


def open_brain(name: str, settings: Settings, sandbox: Sandbox, command: TestCommand) -> ChatModel:
    """The brain of that name."""
    if name == EMBEDDED:
        from greenloop.tools.repair.model import RepairModel  # noqa: PLC0415

        deadline_s = min(settings.repair_seconds, settings.budget_seconds)
        return RepairModel(sandbox, command, deadline_s)
    from greenloop.tools.model.ollama import OllamaModel  # noqa: PLC0415

    window = window_of(settings.num_ctx or _USUAL_WINDOW, settings.num_predict)
    return OllamaModel(
        name,
        normalise_host(settings.ollama_host),
        num_ctx=window.num_ctx,
        num_predict=window.num_predict,
        keep_alive=settings.keep_alive,
        gap_s=settings.stall_timeout,
        overall_s=settings.reply_timeout,
    )
