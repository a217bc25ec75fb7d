"""Looking at a project: its settings, how its code is found and how its tests are run."""

from collections.abc import Iterator
from pathlib import Path

from greenloop.config import PROJECT_FILE, Loaded, Settings, environment, load, user_file
from greenloop.errors import ConfigError, NoTestsError
from greenloop.graph.brain import EMBEDDED
from greenloop.graph.doctor_check import BOTH, Brain, Check
from greenloop.tools.retrieval.open import semantic_available
from greenloop.tools.runner.command import find_command
from greenloop.tools.sandbox.local import LocalSandbox


def read_settings(repo: Path) -> tuple[Loaded, Check]:
    """The settings that hold in a folder; with a broken file the rest of the layers, as it goes."""
    broken: ConfigError | None = None
    for folder in (repo, None):
        try:
            loaded = load({}, folder)
        except ConfigError as error:
            broken = broken or error
            continue
        return loaded, _settings_check(repo, broken)
    # The user's own file or the environment is at fault: the defaults stand in for the checks.
    origins = dict.fromkeys(Settings.model_fields, "default")
    return Loaded(Settings.model_construct(), origins), _settings_check(repo, broken)


def check_project(settings: Settings, repo: Path, sandbox: LocalSandbox) -> Iterator[Check]:
    """Everything about the project that a run depends on."""
    yield _search(settings)
    yield _tests(settings, repo, sandbox)


def _settings_check(repo: Path, broken: ConfigError | None) -> Check:
    if broken is not None:
        return Check(
            "settings",
            "problem",
            " ".join(str(broken).split()),
            "correct it; `greenloop config show` then lists every setting",
            BOTH,
        )
    files = [path for path in (repo / PROJECT_FILE, user_file()) if path.is_file()]
    named = ", ".join(map(str, files))
    return Check("settings", "ok", f"from {named}" if files else "no settings files: the defaults")


def _search(settings: Settings) -> Check:
    wanted, there = settings.retrieval, semantic_available(settings.embedding_model)
    if there or wanted in ("keyword", "none"):
        return Check("search", "ok", f"{wanted}: everything it needs is installed")
    advice = "pip install 'greenloop[semantic]' adds search by meaning"
    if wanted == "semantic":
        return Check("search", "problem", "semantic: its packages are not installed", advice, BOTH)
    found = "hybrid, without search by meaning: code is found by keyword"
    return Check("search", "ok", found, advice)


def _tests(settings: Settings, repo: Path, sandbox: LocalSandbox) -> Check:
    known = environment()
    try:
        command = find_command(
            repo, settings.test_cmd, known.virtual_env, known.path, sandbox, settings.venv
        )
    except NoTestsError as error:
        found = " ".join(str(error).split())
        return Check("tests", "problem", found, "set test_cmd to a command that starts", BOTH)
    if command.python is not None or not settings.test_cmd:
        return Check("tests", "ok", command.shown)
    # Of no matter to a run with a model, but the embedded brain cannot be recommended then.
    blocked: tuple[Brain, ...] = ("embedded",)
    if settings.model == EMBEDDED:
        found = f"{command.shown}: no plain pytest call, and the embedded brain works with no other"
        advice = "set test_cmd to a pytest call, or take a model"
        return Check("tests", "problem", found, advice, blocked)
    found = f"{command.shown}: judged by its exit code"
    advice = "a pytest command also tells which tests fail; the embedded brain needs one"
    return Check("tests", "ok", found, advice, blocked)
