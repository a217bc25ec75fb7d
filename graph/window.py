"""Fitting the context window: chosen once, before the first request, and kept for the whole thread.

A window that does not fit makes the server compute a part of the model on the CPU, many times
slower; one that changes makes it load the model anew.
"""

from dataclasses import dataclass
from pathlib import Path

from greenloop.config import LEAST_WINDOW, Settings
from greenloop.errors import UserError
from greenloop.tools.model.address import normalise_host
from greenloop.tools.model.measure_window import LARGE_WINDOW, Loader, Placed, usual_window
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.profiles import ProfileStore, profile_for
from greenloop.tools.model.provider_names import OLLAMA
from greenloop.tools.model.server import Server
from greenloop.tools.model.server_records import LoadedModel, ModelFacts

_PROFILES = "profiles"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A window, and what the user should know of it."""

    num_ctx: int
    """In tokens."""
    note: str = ""
    """One line when it was lowered or the model runs partly on the CPU; else empty."""


def prepare(settings: Settings, data_dir: Path) -> Fitted:
    """The window for a thread with the settings' model, in Ollama; may load it.

    Args:
        settings: name, address and window.
        data_dir: holds the profiles that probes have found.

    Raises:
        UserError: see `check_model`.
        ModelUnavailableError: the server does not answer in time, or cannot run the model.
        ModelNotFoundError: it does not have the model.
    """
    server = Server(normalise_host(settings.ollama_host))
    name = name_in_ollama(settings.model)
    profile = profile_for(server, name, profile_store(data_dir))
    return settle_window(settings, server, name, profile)


def check_model(name: str, facts: ModelFacts) -> None:
    """Whether a model can be a brain at all, as far as its server knows.

    Raises:
        UserError: it does not chat, or was trained for too short a context.
    """
    if facts.capabilities is not None and not facts.can("completion"):
        raise UserError(f"{name} does not chat: name a chat model with --model")
    if 0 < facts.trained_context < LEAST_WINDOW:
        raise UserError(
            f"{name} was trained for {facts.trained_context} tokens, too few: take another model"
        )


def name_in_ollama(name: str) -> str:
    """A brain's name as Ollama knows it: without the `ollama:` that tells it from a provider's."""
    return name.removeprefix(f"{OLLAMA}:")


def profile_store(data_dir: Path) -> ProfileStore:
    """The store of profiles in the data folder."""
    return ProfileStore(data_dir / _PROFILES)


def settle_window(settings: Settings, server: Server, name: str, profile: Profile) -> Fitted:
    """The window for a thread with this model.

    The settings decide; else the window that the model is loaded with, if it is of use and lies
    on the GPU; else what a probe has measured; else the model is loaded to see what fits.

    Raises:
        UserError: see `check_model`.
        ModelUnavailableError: the server does not answer in time, or cannot run the model.
        ModelNotFoundError: it does not have the model.
    """
    facts = server.show(name)
    check_model(name, facts)
    trained = facts.trained_context
    known = known_window(settings.num_ctx, trained, server.running(name), profile)
    if known:
        return known
    keep_alive, limit_s = settings.keep_alive, settings.stall_timeout
    placed = Loader(server, name, trained, keep_alive, limit_s, tell=lambda _: None).place()
    return Fitted(placed.num_ctx, _note(name, placed))


def known_window(
    wanted: int, trained: int, running: LoadedModel | None, profile: Profile
) -> Fitted | None:
    """The window as far as it follows without loading the model; None where only that can tell.

    Args:
        wanted: the setting; 0 leaves the choice to us.
        trained: longest context that the model was trained for; 0 when unknown.
        running: the model as it is loaded now.
        profile: of the model.
    """
    if wanted:
        if not trained or wanted <= trained:
            return Fitted(wanted)
        return Fitted(
            trained, f"the window is {trained}, not {wanted}: the model was trained for no more"
        )
    least = usual_window(trained)
    # Ollama's own default of 4096 is worth one reload; what is larger is not.
    if running and running.fully_on_gpu and least <= running.context_length <= LARGE_WINDOW:
        return Fitted(running.context_length)
    if profile.num_ctx:
        return Fitted(min(profile.num_ctx, trained or profile.num_ctx))
    return None


def _note(name: str, placed: Placed) -> str:
    slow = _slow(name, placed.running)
    # That a smaller window did not help either is of no use to the user.
    lowered = "" if slow and not placed.lacked_room else _lowered(name, placed)
    return "; ".join(filter(None, (lowered, slow)))


def _lowered(name: str, placed: Placed) -> str:
    if not placed.lowered_from:
        return ""
    lowered = f"the window is {placed.num_ctx}, not {placed.lowered_from}"
    if placed.lacked_room:
        return f"{lowered}, with which {name} could not be loaded, most likely for lack of memory"
    return f"{lowered}, so that {name} lies fully on the GPU; set num_ctx to choose another"


def _slow(name: str, running: LoadedModel | None) -> str:
    if running is None or running.fully_on_gpu or not running.size:
        return ""
    if not running.size_vram:
        return f"{name} runs on the CPU alone: expect it to be slow"
    return (
        f"{running.gpu_share:.0%} of {name} lies on the GPU, the rest is slow on the CPU: "
        "take a smaller model, or start Ollama with OLLAMA_KV_CACHE_TYPE=q8_0"
    )
