"""Looking at Ollama: is it there, has it the model, which window, how much lies on the GPU.

Asks only what an idle server answers at once, and never loads a model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from greenloop.config import Loaded, Settings
from greenloop.errors import GreenloopError
from greenloop.graph.brain import EMBEDDED, check_origin, choose
from greenloop.graph.doctor_check import Brain, Check, check_of, gib
from greenloop.graph.window import check_model, known_window, name_in_ollama
from greenloop.tools.model.address import normalise_host
from greenloop.tools.model.base import window_of
from greenloop.tools.model.measure_window import SMALL_WINDOW, usual_window
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.profiles import ProfileStore, profile_for
from greenloop.tools.model.provider_names import OLLAMA, provider_of
from greenloop.tools.model.script_file import SCRIPTED
from greenloop.tools.model.server import NoAnswerError, Server, has_model
from greenloop.tools.model.server_records import (
    LoadedModel,
    ModelFacts,
    OfferedModel,
    version_number,
)

_MODEL: tuple[Brain, ...] = ("model",)
_MOST_NAMED = 6
_OLD: tuple[tuple[tuple[int, int, int], str], ...] = (
    # /api/ps names the window since 0.10.0.
    ((0, 10, 0), "it does not say which window a model really got"),
    # `think: false` for a model that cannot think is refused before 0.12.5.
    ((0, 12, 5), "it may refuse requests that forbid thinking"),
)
"""What versions before these lack, oldest first."""
_DEFAULTS: tuple[tuple[tuple[int, int, int], int], ...] = (
    ((0, 5, 13), 2048),
    ((0, 15, 5), 4096),
)
"""The window that versions before these take for requests that name none, oldest first."""
_DEFAULTS_NOW = (4096, 32768, 262144)
"""The same since then: with less than 23 GiB of GPU memory, with less than 47 GiB, with more."""


def check_server(loaded: Loaded, store: ProfileStore) -> Iterator[Check]:
    """Everything about Ollama and the settings' model, the most basic first.

    What cannot be asked, since something before it failed, is left out.
    """
    settings = loaded.settings
    # With another brain in the settings nothing depends on Ollama.
    idle = not asks_ollama(settings.model)
    if idle:
        yield _other_brain(loaded)
    try:
        server = Server(normalise_host(settings.ollama_host))
        version = server.version()
        offered = server.models()
    except GreenloopError as error:
        if settings.model == EMBEDDED:
            yield check_of("ollama", "warning", error, ())
        elif not idle:
            check = check_of("ollama", "problem", error, _MODEL)
            yield replace(check, falls_back=isinstance(error, NoAnswerError))
        return
    yield _of_version(server, version)
    if not idle:
        yield from _Look(settings, server, store, version, offered).checks()


def asks_ollama(name: str) -> bool:
    """Whether a brain of that name is a model in Ollama."""
    known = provider_of(name)
    other = name == EMBEDDED or name.startswith(SCRIPTED)
    return not other and (known is None or known[0] == OLLAMA)


def _other_brain(loaded: Loaded) -> Check:
    """By what a run itself looks at before it begins; nobody is asked."""
    name = loaded.settings.model
    if name == EMBEDDED:
        return Check("model", "ok", f"`{EMBEDDED}`: the embedded brain, no model is asked")
    try:
        check_origin(loaded)
        if name.startswith(SCRIPTED):
            return _script(loaded.settings)
        note = choose(loaded.settings, explicit=True).note
        _check_provider(loaded.settings)
    except GreenloopError as error:
        return check_of("model", "problem", error, _MODEL)
    found = f"{name}: a provider's; it is not asked here"
    return Check("model", "ok", f"{found}; {note}" if note else found)


def _script(settings: Settings) -> Check:
    try:
        choose(settings, explicit=True)
    except GreenloopError as error:
        advice = "name another file, or another brain"
        return Check("model", "problem", " ".join(str(error).split()), advice, _MODEL)
    return Check("model", "ok", f"{settings.model}: replies are read from a file")


def _check_provider(settings: Settings) -> None:
    from greenloop.tools.model.provider import NUM_CTX, ProviderModel  # noqa: PLC0415

    window = window_of(settings.num_ctx or NUM_CTX, settings.num_predict)
    ProviderModel(settings.model, window, settings.base_url.rstrip("/")).check()


def _of_version(server: Server, version: str) -> Check:
    found = f"{version} at {server.where}"
    if version_number(version) == (0, 0, 0):
        return Check("ollama", "ok", found)
    lacks = [lack for since, lack in _OLD if version_number(version) < since]
    if lacks:
        return Check("ollama", "warning", f"{found}: {', and '.join(lacks)}", "update Ollama")
    return Check("ollama", "ok", found)


@dataclass(frozen=True, slots=True)
class _Look:
    settings: Settings
    server: Server
    store: ProfileStore
    version: str
    offered: tuple[OfferedModel, ...]

    @property
    def name(self) -> str:
        """As Ollama knows it."""
        return name_in_ollama(self.settings.model)

    def checks(self) -> Iterator[Check]:
        name = self.name
        if not has_model(tuple(model.name for model in self.offered), name):
            yield self._missing()
            return
        try:
            facts = self.server.show(name)
            check_model(name, facts)
            running = self.server.running(name)
            profile = profile_for(self.server, name, self.store)
        except GreenloopError as error:
            yield check_of("model", "problem", error, _MODEL)
            return
        yield self._model(facts)
        yield self._profile(profile)
        yield self._window(facts, running, profile)
        yield self._gpu(running)

    def _missing(self) -> Check:
        name = self.name
        if not self.offered:
            found, advice = "Ollama has no model yet", f"`ollama pull {name}`"
        else:
            names = ", ".join(model.name for model in self.offered[:_MOST_NAMED])
            more = ", …" if len(self.offered) > _MOST_NAMED else ""
            found = f"Ollama does not have {name}; it has {names}{more}"
            advice = f"`ollama pull {name}`, or set `model` to one that is there"
        return Check("model", "problem", found, advice, _MODEL)

    def _model(self, facts: ModelFacts) -> Check:
        name = self.name
        model = next(m for m in self.offered if has_model((m.name,), name))
        kind = [facts.parameter_size, facts.quantization, gib(model.size) if model.size else ""]
        found = f"{name}: {', '.join(filter(None, kind)) or 'no details'}"
        return Check("model", "ok", found)

    def _profile(self, profile: Profile) -> Check:
        source = {
            "default": "careful defaults, since nothing is known of its family",
            "family": "what is known of its family",
            "probe": "measured by a probe",
        }[profile.source]
        tools = "native tools" if profile.native_tools else "tools in text"
        found = f"{source}: files up to {profile.whole_file_lines} lines as a whole, {tools}"
        if not profile.keeps_edits:
            found = f"{source}: it kept neither whole files nor SEARCH/REPLACE"
            return Check("profile", "warning", found, "choose another model")
        if profile.source == "probe":
            tps = profile.reply_tps
            speed = f"{tps:.0f} tokens/s" if tps else "speed not measured"
            return Check("profile", "ok", f"{found}, {speed}")
        return Check("profile", "ok", found, "`greenloop doctor --probe` measures it, in a minute")

    def _window(self, facts: ModelFacts, running: LoadedModel | None, profile: Profile) -> Check:
        known = known_window(self.settings.num_ctx, facts.trained_context, running, profile)
        usual = usual_window(facts.trained_context)
        wanted = known.num_ctx if known else usual
        if known is not None:
            found = f"a run asks for {wanted}"
            if known.note:
                return Check("window", "warning", known.note, "lower num_ctx")
        elif usual > SMALL_WINDOW:
            found = f"a run loads {usual} and takes {SMALL_WINDOW} if the GPU cannot hold it"
        else:
            found = f"a run loads {usual}"
        real = running.context_length if running else 0
        own = " (the server's own default)" if real in _defaults(self.version, facts) else ""
        if real and real < wanted:
            return Check(
                "window",
                "warning",
                f"the model is loaded with {real} only{own}; {found}, so it is loaded anew",
                f"nothing, or start Ollama with OLLAMA_CONTEXT_LENGTH={wanted}",
            )
        loaded = f"loaded with {real}{own}; " if real else ""
        return Check("window", "ok", f"{loaded}{found}")

    def _gpu(self, running: LoadedModel | None) -> Check:
        if running is None or not running.size:
            return Check("gpu", "ok", "the model is not loaded: what the GPU holds shows in a run")
        size = gib(running.size)
        if running.fully_on_gpu:
            return Check("gpu", "ok", f"100% of {size} on the GPU")
        smaller = "take a smaller model"
        if running.context_length > SMALL_WINDOW:
            smaller = f"lower num_ctx (to {SMALL_WINDOW}), or {smaller}"
        if not running.size_vram:
            return Check(
                "gpu", "warning", f"0% of {size} on the GPU: the model runs on the CPU alone",
                f"see that Ollama finds the GPU (log of `ollama serve`), or {smaller}",
            )  # fmt: skip
        return Check(
            "gpu", "warning", f"{running.gpu_share:.0%} of {size} on the GPU, the rest is slow",
            f"start Ollama with OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0, {smaller}",
        )  # fmt: skip


def _defaults(version: str, facts: ModelFacts) -> tuple[int, ...]:
    """What a program may get that names no window, unless OLLAMA_CONTEXT_LENGTH says otherwise."""
    if facts.default_num_ctx:
        return (facts.default_num_ctx,)
    number = version_number(version)
    old = ((window,) for since, window in _DEFAULTS if (0, 0, 0) < number < since)
    return next(old, _DEFAULTS_NOW)
