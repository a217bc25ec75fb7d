"""Choosing the brain: the model asked for, or the embedded one when no server answers."""

from dataclasses import dataclass
from pathlib import Path

from greenloop.config import PROJECT_FILE, Loaded, Settings, environment
from greenloop.errors import ConfigError, ModelNotFoundError, ModelUnavailableError, UserError
from greenloop.graph.window import name_in_ollama, prepare, profile_store
from greenloop.tools.model.address import is_loopback, normalise_host, without_login
from greenloop.tools.model.base import ChatModel, window_of
from greenloop.tools.model.families import family_profile
from greenloop.tools.model.measure_window import USUAL_WINDOW
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.profiles import profile_for
from greenloop.tools.model.provider_names import OLLAMA, provider_of
from greenloop.tools.model.script_file import SCRIPTED, open_script
from greenloop.tools.model.server import Server, has_model, list_models
from greenloop.tools.runner.command import TestCommand, find_command
from greenloop.tools.sandbox.base import Sandbox
from greenloop.tools.sandbox.local import LocalSandbox

EMBEDDED = "repair"
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """Which brain, and what was settled for it."""

    name: str
    note: str = ""
    """A line for the user, for example when it is not the brain in the settings."""
    num_ctx: int = 0
    """The window, in tokens, that was found to fit; 0 where the settings stand."""

    @property
    def shown(self) -> str:
        """For the user's eye."""
        return f"{self.name}, window {self.num_ctx}" if self.num_ctx else self.name

    def settle(self, settings: Settings) -> Settings:
        """The settings of a run with this brain; what is settled is kept with the thread."""
        found = {"model": self.name, "num_ctx": self.num_ctx or settings.num_ctx}
        return settings.model_copy(update=found)


def check_origin(loaded: Loaded) -> None:
    """Whether a repository's file names a brain that only the user may choose.

    Raises:
        ConfigError: the brain reads another file, or code would leave the machine for it.
    """
    name = loaded.settings.model
    if loaded.origins["model"] == PROJECT_FILE and (_is_scripted(name) or _of_provider(name)):
        raise ConfigError(
            f"{PROJECT_FILE} of this folder asks for {name}, which is yours to choose: say "
            f"--model {name} if you want it, or --model repair"
        )


def choose(settings: Settings, *, explicit: bool) -> Choice:
    """The brain for a run, with a window that fits; may load the model for that.

    Args:
        settings: the model's name, the server's address, the window that is wanted.
        explicit: the user named the model on the command line, so nothing else will do.

    Raises:
        UserError: the model was named and no server answers, or it is no model to chat with.
        ModelNotFoundError: the server does not have the model.
        ModelUnavailableError: the server cannot run the model.
        ConfigError: `base_url` is no address, or a script cannot be read.
    """
    name = settings.model
    if name == EMBEDDED:
        return Choice(EMBEDDED)
    if _is_scripted(name):
        return _choose_script(name)
    if _of_provider(name):
        return Choice(name, _leaving(name, settings.base_url))
    return _choose_ollama(settings, name_in_ollama(name), explicit=explicit)


def _choose_ollama(settings: Settings, name: str, *, explicit: bool) -> Choice:
    host = normalise_host(settings.ollama_host)
    models = list_models(host)
    if models is None:
        if explicit:
            raise UserError(
                f"no Ollama answers at {without_login(host)}: start it with `ollama serve`, then "
                f"`ollama pull {name}`; or use the embedded brain with --model {EMBEDDED}"
            )
        return Choice(
            EMBEDDED,
            f"no Ollama answers at {without_login(host)}: using the embedded brain `{EMBEDDED}`",
        )
    if not has_model(models, name):
        raise missing_model(host, name, models, "--model")
    fitted = prepare(settings.model_copy(update={"model": name}), settings.data)
    return Choice(settings.model, fitted.note, fitted.num_ctx)


def missing_model(host: str, name: str, models: tuple[str, ...], flag: str) -> ModelNotFoundError:
    """The error for a model that a server does not have; says which ones it has.

    Args:
        host: normalised address of the server.
        name: of the model.
        models: those that the server has.
        flag: of the command line, that names another.
    """
    known = f"it has {', '.join(models[:_MOST_NAMED])}" if models else "it has no model yet"
    return ModelNotFoundError(
        f"Ollama at {without_login(host)} does not have {name!r} ({known}): "
        f"`ollama pull {name}`, or name another with {flag}"
    )


def open_brain(name: str, settings: Settings, sandbox: Sandbox, command: TestCommand) -> ChatModel:
    """The brain of that name.

    Raises:
        ConfigError: a package or a key is missing, or a script cannot be read.
    """
    if name == EMBEDDED:
        from greenloop.tools.repair.model import RepairModel  # noqa: PLC0415

        deadline_s = min(settings.repair_seconds, settings.budget_seconds)
        return RepairModel(sandbox, command, deadline_s)
    if _is_scripted(name):
        return open_script(_script(name))
    if _of_provider(name):
        return _open_provider(name, settings)
    from greenloop.tools.model.ollama import OllamaModel  # noqa: PLC0415
    from greenloop.tools.model.ollama_heard import THOUGHT_TOKENS  # noqa: PLC0415

    name = name_in_ollama(name)
    # The server counts thoughts as a part of the reply.
    longest = settings.num_predict + (THOUGHT_TOKENS if settings.think else 0)
    window = window_of(settings.num_ctx or USUAL_WINDOW, longest)
    return OllamaModel(
        name,
        normalise_host(settings.ollama_host),
        num_ctx=window.num_ctx,
        num_predict=window.num_predict,
        keep_alive=settings.keep_alive,
        gap_s=settings.stall_timeout,
        overall_s=settings.reply_timeout,
        profile=_profile(name, settings),
        think=settings.think,
    )


def _profile(name: str, settings: Settings) -> Profile:
    """What is known of a model; by its name alone while its server cannot be asked."""
    server = Server(normalise_host(settings.ollama_host))
    try:
        return profile_for(server, name, profile_store(settings.data))
    except (ModelUnavailableError, ModelNotFoundError):
        return family_profile(name)


def open_brain_for(folder: Path, settings: Settings) -> ChatModel:
    """The brain of the settings for work in a folder, opened before the run is.

    Raises:
        UserError: see `open_brain`, and `find_command`.
    """
    known = environment()
    sandbox = LocalSandbox(known.passed_on)
    command = find_command(
        folder, settings.test_cmd, known.virtual_env, known.path, sandbox, settings.venv
    )
    return open_brain(settings.model, settings, sandbox, command)


def _open_provider(name: str, settings: Settings) -> ChatModel:
    from greenloop.tools.model.provider import NUM_CTX, open_provider  # noqa: PLC0415

    return open_provider(
        name,
        window_of(settings.num_ctx or NUM_CTX, settings.num_predict),
        settings.base_url.rstrip("/"),
        gap_s=settings.stall_timeout,
        overall_s=settings.reply_timeout,
    )


def _of_provider(name: str) -> bool:
    known = provider_of(name)
    return known is not None and known[0] != OLLAMA


def _is_scripted(name: str) -> bool:
    return name.startswith(SCRIPTED)


def _script(name: str) -> Path:
    return Path(name.removeprefix(SCRIPTED)).expanduser()


def _choose_script(name: str) -> Choice:
    # Kept with the thread, which may be resumed from another folder.
    path = _script(name).absolute()
    open_script(path)
    return Choice(f"{SCRIPTED}{path}")


def _leaving(name: str, base_url: str) -> str:
    """A line for the user where code leaves the machine; empty where it does not."""
    if base_url and not base_url.lower().startswith(("http://", "https://")):
        raise ConfigError(
            f"base_url {base_url!r} is no address: write http://HOST:PORT/v1 or https://..."
        )
    if base_url and is_loopback(base_url):
        return ""
    where = without_login(base_url) if base_url else f"the API of {name.partition(':')[0]}"
    return f"prompts, with your code in them, leave this machine: they go to {where}"
