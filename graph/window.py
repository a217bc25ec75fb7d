"""Fitting the context window: chosen once, before the first request, and kept for the whole thread.

A window that does not fit makes the server compute a part of the model on the CPU, many times
slower; one that changes makes it load the model anew.
"""

from dataclasses import dataclass
from pathlib import Path

from greenloop.config import Settings
from greenloop.tools.model.address import normalise_host
from greenloop.tools.model.base import Window, window_of
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.profiles import ProfileStore, profile_for
from greenloop.tools.model.provider_names import OLLAMA
from greenloop.tools.model.server import Server
from greenloop.tools.model.server_records import LoadedModel

USUAL_WINDOW = 8192
"""Tokens; what a 7B model at four bits leaves room for on a card of 8 GB."""
SMALL_WINDOW = 4096
"""Tokens; with less our own words and a reply leave too little for the user's files."""
LARGE_WINDOW = 32768
"""Tokens; more than our prompts ever use. A larger window belongs to another program."""
_PROFILES = "profiles"
_WITHIN_REACH = 0.9
"""Of a model that lies on the GPU at USUAL_WINDOW, for SMALL_WINDOW to bring the rest there too.

The 4,096 tokens between them take 0.2 to 0.8 GiB (56 to 200 KiB a token), at most a tenth of the
model that goes with it.
"""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A window, and what the user should know of it."""

    num_ctx: int
    """In tokens."""
    note: str = ""
    """One line when it was lowered or the model runs partly on the CPU; else empty."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a thread fixes about its model before the first request."""

    name: str
    """As Ollama knows it."""
    window: Window
    profile: Profile
    notes: tuple[str, ...] = ()
    """Lines for the user."""


def prepare(settings: Settings, data_dir: Path) -> Prepared:
    """Find out how the settings' model, in Ollama, is best talked to; may load it.

    Args:
        settings: name, address and window.
        data_dir: holds the profiles that probes have found.

    Raises:
        ModelUnavailableError: the server does not answer in time, or cannot run the model.
        ModelNotFoundError: it does not have the model.
    """
    server = Server(normalise_host(settings.ollama_host))
    name = name_in_ollama(settings.model)
    profile = profile_for(server, name, profile_store(data_dir))
    fitted = settle_window(settings, server, name, profile)
    window = window_of(fitted.num_ctx, settings.num_predict)
    return Prepared(name, window, profile, (fitted.note,) if fitted.note else ())


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
        ModelUnavailableError: the server does not answer in time, or cannot run the model.
        ModelNotFoundError: it does not have the model.
    """
    trained = server.show(name).trained_context
    known = known_window(settings.num_ctx, trained, server.running(name), profile)
    return known or _Fitting(settings, server, name, trained).run()


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
    least = min(USUAL_WINDOW, trained or USUAL_WINDOW)
    # Ollama's own default of 4096 is worth one reload; what is larger is not.
    if running and running.fully_on_gpu and least <= running.context_length <= LARGE_WINDOW:
        return Fitted(running.context_length)
    if profile.num_ctx:
        return Fitted(min(profile.num_ctx, trained or profile.num_ctx))
    return None


@dataclass(frozen=True, slots=True)
class _Fitting:
    settings: Settings
    server: Server
    name: str
    trained: int

    def run(self) -> Fitted:
        """Load the usual window, and the small one if that brings the model onto the GPU."""
        window, running = self._load(USUAL_WINDOW)
        if running is None or running.fully_on_gpu or not running.size:
            return Fitted(window)
        if not running.size_vram:
            return Fitted(window, f"{self.name} runs on the CPU alone: expect it to be slow")
        if running.gpu_share >= _WITHIN_REACH and window > SMALL_WINDOW:
            usual = window
            window, running = self._load(SMALL_WINDOW)
            if running is None or running.fully_on_gpu:
                return Fitted(window, self._lowered(window, usual))
        return Fitted(window, partly_on_gpu(running))

    def _load(self, num_ctx: int) -> tuple[int, LoadedModel | None]:
        """The window that the model got, and the model as it is loaded now."""
        asked = min(num_ctx, self.trained or num_ctx)
        self.server.load(
            self.name,
            asked,
            keep_alive=self.settings.keep_alive,
            limit_s=self.settings.stall_timeout,
        )
        running = self.server.running(self.name)
        given = running.context_length if running else 0
        return (min(asked, given) if given else asked), running

    def _lowered(self, window: int, usual: int) -> str:
        return (
            f"the window is {window}, not {usual}, so that {self.name} lies fully on the GPU; "
            "set num_ctx to choose another"
        )


def partly_on_gpu(running: LoadedModel) -> str:
    """One line on a model that the GPU does not hold, with the cures."""
    return (
        f"{running.gpu_share:.0%} of {running.name} lies on the GPU, the rest is slow on the CPU: "
        "take a smaller model, or start Ollama with OLLAMA_KV_CACHE_TYPE=q8_0"
    )
