"""The probe of a model, from its name in the settings to the profile that runs will find."""

from dataclasses import asdict, dataclass
from pathlib import Path

from greenloop.config import load
from greenloop.errors import UserError
from greenloop.graph.brain import missing_model
from greenloop.graph.doctor_server import asks_ollama
from greenloop.graph.window import check_model, known_window, name_in_ollama, profile_store
from greenloop.tools.files import Workspace
from greenloop.tools.model.address import normalise_host
from greenloop.tools.model.families import family_profile
from greenloop.tools.model.measure import Conditions, Measured, measure
from greenloop.tools.model.measure_window import Tell
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.server import Server


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found, and where it is kept."""

    model: str
    digest: str
    version: str
    """Of the server."""
    measured: Measured
    window: int
    """That runs will ask for, in tokens; 0 when each run looks for itself."""

    @property
    def kept(self) -> bool:
        """Whether the profile is stored; not when every reply was an error."""
        return self.measured.answered

    @property
    def warning(self) -> str:
        """One line where the model is of no use; else empty."""
        if self.measured.profile.keeps_edits:
            return ""
        return f"{self.model} kept neither whole files nor SEARCH/REPLACE: choose another model"

    @property
    def lines(self) -> tuple[str, ...]:
        """What was found and what follows, for a person."""
        profile, share = self.measured.profile, self.measured.gpu_share
        true = {True: "verified", False: "NOT as said: prompts are cut", None: "not verified"}
        where = "unknown" if share is None else f"{share:.0%}"
        decisions = "as JSON" if profile.json_schema else "as text"
        tools = "by the server" if profile.native_tools else "in text"
        return (
            f"speed    {_speed(profile)}",
            f"gpu      {where}",
            f"window   {self.window or 'fitted at each start'}; {true[self.measured.true_window]}",
            f"edits    {_edits(self.measured)}",
            f"choices  {decisions}",
            f"tools    {tools}",
        )

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "status": "probed",
            "exit_code": 0,
            "model": self.model,
            "digest": self.digest,
            "version": self.version,
            "window": self.window,
            "kept": self.kept,
            "warning": self.warning,
            "gpu_share": self.measured.gpu_share,
            "true_window": self.measured.true_window,
            "recalls": self.measured.recalls,
            "forms": {form: asdict(tries) for form, tries in self.measured.forms.items()},
            "profile": asdict(self.measured.profile),
        }


def _speed(profile: Profile) -> str:
    if not profile.prompt_tps and not profile.reply_tps:
        return "not measured"
    read = f"{profile.prompt_tps:g} tokens/s read" if profile.prompt_tps else "reading not measured"
    if not profile.reply_tps:
        return f"{read}, writing not measured"
    return f"{read}, {profile.reply_tps:g} tokens/s written"


def _edits(measured: Measured) -> str:
    if not measured.profile.keeps_edits:
        return "none kept"
    whole = measured.profile.whole_file_lines
    if not whole:
        return "SEARCH/REPLACE"
    if measured.kept("search_replace"):
        return f"whole files up to {whole} lines, SEARCH/REPLACE above"
    return f"whole files up to {whole} lines; above, SEARCH/REPLACE, which was not kept"


def probe(name: str, repo: Path, tell: Tell) -> Probed:
    """Measure a model and keep its profile for all runs with it.

    Nothing is kept when it is interrupted or fails, or when every reply was an error.

    Args:
        name: of the model; empty for the one in the settings.
        repo: folder whose settings count.
        tell: hears a line for every step.

    Raises:
        UserError: there is no model to probe, it does not chat, or the settings are wrong.
        ModelNotFoundError: the server does not have it.
        ModelUnavailableError: the server does not answer in time, or cannot run it.
        StorageError: the profile cannot be written.
    """
    settings = load({}, Workspace(repo).root).settings
    name = name_in_ollama(name or settings.model)
    if not asks_ollama(name):
        raise UserError(f"{name} is no model in Ollama: name one, as in --probe qwen2.5-coder:7b")
    server = Server(normalise_host(settings.ollama_host))
    version, offered = server.version(), server.find(name)
    if offered is None:
        there = tuple(model.name for model in server.models())
        raise missing_model(server.host, name, there, "--probe")
    facts = server.show(name)
    check_model(name, facts)
    known = family_profile(name, offered.family, offered.parameter_size)
    conditions = Conditions(settings.keep_alive, settings.stall_timeout)
    measured = measure(server, name, known, conditions, tell)
    if measured.answered:
        profile_store(settings.data).save(offered.digest, name, measured.profile)
    trained, running = facts.trained_context, server.running(name)
    fitted = known_window(settings.num_ctx, trained, running, measured.profile)
    window = fitted.num_ctx if fitted else 0
    return Probed(name, offered.digest, version, measured, window)
