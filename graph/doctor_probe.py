"""The probe of a model, from its name in the settings to the profile that runs will find."""

from dataclasses import asdict, dataclass
from pathlib import Path

from greenloop.config import load
from greenloop.errors import ModelNotFoundError, UserError
from greenloop.graph.doctor_server import asks_ollama
from greenloop.graph.window import known_window, name_in_ollama, profile_store
from greenloop.tools.files import Workspace
from greenloop.tools.model.address import normalise_host
from greenloop.tools.model.families import family_profile
from greenloop.tools.model.measure import Conditions, Measured, measure
from greenloop.tools.model.measure_window import Tell
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
    def lines(self) -> tuple[str, ...]:
        """What was found and what follows, for a person."""
        profile, share = self.measured.profile, self.measured.gpu_share
        true = {True: "verified", False: "NOT as said: prompts are cut", None: "not verified"}
        where = "unknown" if share is None else f"{share:.0%}"
        decisions = "as JSON" if profile.json_schema else "as text"
        tools = "by the server" if profile.native_tools else "in text"
        whole = profile.whole_file_lines
        return (
            f"speed    {profile.prompt_tps:g} tokens/s read, {profile.reply_tps:g} written",
            f"gpu      {where}",
            f"window   {self.window or 'fitted at each start'}; {true[self.measured.true_window]}",
            f"edits    whole files up to {whole} lines, SEARCH/REPLACE above"
            if whole
            else "edits    SEARCH/REPLACE",
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
            "gpu_share": self.measured.gpu_share,
            "true_window": self.measured.true_window,
            "recalls": self.measured.recalls,
            "forms": {form: asdict(tries) for form, tries in self.measured.forms.items()},
            "profile": asdict(self.measured.profile),
        }


def probe(name: str, repo: Path, tell: Tell) -> Probed:
    """Measure a model and keep its profile for all runs with it.

    Nothing is kept when it is interrupted or fails.

    Args:
        name: of the model; empty for the one in the settings.
        repo: folder whose settings count.
        tell: hears a line for every step.

    Raises:
        UserError: there is no model to probe, or the settings are wrong.
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
        raise ModelNotFoundError(
            f"Ollama at {server.where} does not have {name!r}: `ollama pull {name}`, or name "
            "another with --probe"
        )
    known = family_profile(name, offered.family, offered.parameter_size)
    conditions = Conditions(settings.keep_alive, settings.stall_timeout)
    measured = measure(server, name, known, conditions, tell)
    profile_store(settings.data).save(offered.digest, name, measured.profile)
    trained = server.show(name).trained_context
    fitted = known_window(settings.num_ctx, trained, server.running(name), measured.profile)
    window = fitted.num_ctx if fitted else 0
    return Probed(name, offered.digest, version, measured, window)
