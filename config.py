"""Settings in layers (flags > environment > project file > user file > defaults), and their origin.

The only module that reads the environment. The project file comes with a repository that may
be a stranger's, so it can only set what cannot harm: see `PROJECT_KEYS`.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from greenloop.errors import ConfigError

PROJECT_FILE = "greenloop.toml"
PROJECT_KEYS = frozenset(
    {
        "max_repairs",
        "max_replans",
        "model",
        "num_ctx",
        "num_predict",
        "plan",
        "repair_seconds",
        "retrieval",
        "test_cmd",
        "test_timeout",
        "think",
    }
)
"""Settings that a repository may bring along; the rest belong to the user alone."""

APPROVALS = ("plan", "edits", "commands")
"""Points at which a run can wait for its user's word."""
LEAST_WINDOW = 2048
"""Tokens; below it our own words leave too little for the user's."""
_PASSED_ON = (
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"
)  # fmt: skip


class Settings(BaseSettings):
    """Everything that can be set. Each field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix="GREENLOOP_", extra="forbid", frozen=True)

    model: str = Field(
        "qwen2.5-coder:7b",
        description="Chat model in Ollama, `repair` for the embedded brain, `provider:name` or "
        "`scripted:FILE`.",
    )
    ollama_host: str = Field(
        "", description="Address of Ollama; empty: OLLAMA_HOST, else 127.0.0.1:11434."
    )
    num_ctx: int = Field(
        0,
        description="Context window in tokens, the same for every request of a thread; 0: what "
        "is loaded or was probed to fit the GPU, else 8192, or 4096 where 8192 does not fit.",
    )
    num_predict: int = Field(
        2048, ge=64, description="Longest reply in tokens; at most a third of the window."
    )
    think: bool = Field(False, description="Let a reasoning model think before it answers.")
    base_url: str = Field(
        "", description="Address of the server for a `provider:name` model; empty: the provider's."
    )
    keep_alive: str = Field("30m", description="How long Ollama keeps the model loaded.")
    reply_timeout: float = Field(900.0, gt=0, description="Longest wait for a reply, in seconds.")
    stall_timeout: float = Field(
        180.0, gt=0, description="Longest silence within a reply, in seconds; covers loading."
    )
    test_cmd: str = Field(
        "", description="Command that judges the work; empty: pytest, with the project's Python."
    )
    test_timeout: float = Field(300.0, gt=0, description="Longest test run, in seconds.")
    protect_tests: bool = Field(
        True, description="Keep test files that existed before the run as they were."
    )
    plan: Literal["auto", "always", "never"] = Field(
        "auto", description="When the model plans: for tasks in several parts, always, never."
    )
    max_repairs: int = Field(
        2, ge=0, description="Repairs of a failed step without progress before a new plan."
    )
    max_replans: int = Field(3, ge=0, description="New plans before the run ends.")
    budget_steps: int = Field(40, ge=1, description="Super-steps that a run may take.")
    budget_calls: int = Field(30, ge=1, description="Model calls that a run may make.")
    budget_tokens: int = Field(
        200_000, ge=1, description="Tokens that a run may use, prompts included."
    )
    budget_seconds: float = Field(1800.0, gt=0, description="Seconds that a run may take.")
    repair_seconds: float = Field(
        180.0, gt=0, description="Longest search of the embedded brain, in seconds."
    )
    retrieval: Literal["hybrid", "keyword", "semantic", "none"] = Field(
        "hybrid", description="How code is found; hybrid is keyword without the semantic extra."
    )
    embedding_model: str = Field(
        "all-MiniLM-L6-v2", description="Sentence-transformers model, by name or path."
    )
    approve: str = Field(
        "", description="Ask before: plan, edits, commands (several with commas), or all."
    )
    venv: str = Field(
        "", description="Folder of the project's virtual environment; empty: looked for."
    )
    store: str = Field(
        "",
        description="Database of threads, as postgresql://USER@HOST/NAME; empty: a file in the "
        "data folder.",
    )
    data_dir: str = Field("", description="Folder of threads and snapshots; empty: the system's.")

    @field_validator("num_ctx")
    @classmethod
    def _window_is_of_use(cls, value: int) -> int:
        if value and value < LEAST_WINDOW:
            raise ValueError(f"must be 0 or at least {LEAST_WINDOW}")
        return value

    @field_validator("approve")
    @classmethod
    def _points_are_known(cls, value: str) -> str:
        words = [word.strip() for word in value.split(",") if word.strip()]
        unknown = [word for word in words if word not in (*APPROVALS, "all")]
        if unknown:
            raise ValueError(f"must be {', '.join(APPROVALS)} (several with commas) or all")
        return ",".join(words)

    @property
    def approvals(self) -> frozenset[str]:
        """The points at which the user is asked, of `APPROVALS`."""
        words = frozenset(filter(None, self.approve.split(",")))
        return frozenset(APPROVALS) if "all" in words else words

    @property
    def data(self) -> Path:
        """The data folder, resolved."""
        if self.data_dir:
            return Path(self.data_dir).expanduser().absolute()
        import platformdirs  # noqa: PLC0415

        return Path(platformdirs.user_data_dir("greenloop", appauthor=False))


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each one where its value came from."""

    settings: Settings
    origins: Mapping[str, str]


def user_file() -> Path:
    """The user's own settings file."""
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_config_dir("greenloop", appauthor=False)) / "config.toml"


def load(flags: Mapping[str, Any], repo: Path | None = None) -> Loaded:
    """Merge the layers.

    Args:
        flags: what the command line gave; a value of None means not given.
        repo: folder whose project file counts.

    Raises:
        ConfigError: a file is malformed, a key unknown or a value of the wrong kind.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("flag", {key: value for key, value in flags.items() if value is not None}),
        ("environment", _from_environment()),
    ]
    if repo is not None:
        layers.append((PROJECT_FILE, _project_layer(repo / PROJECT_FILE)))
    layers.append((str(user_file()), _read_toml(user_file())))
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, layer in reversed(layers):
        for key, value in layer.items():
            _check_known(key, origin)
            values[key], origins[key] = value, origin
    return Loaded(_validate(values, origins), origins)


def _validate(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        where = origins.get(key, "default")
        raise ConfigError(
            f"{key} (from {where}): {first['msg'].lower().removeprefix('value error, ')}, "
            f"not {first['input']!r}"
        ) from error


def _from_environment() -> dict[str, Any]:
    found = EnvSettingsSource(Settings)()
    host = os.environ.get("OLLAMA_HOST", "")
    if host and "ollama_host" not in found:
        found["ollama_host"] = host
    return found


def _project_layer(path: Path) -> Mapping[str, Any]:
    layer = _read_toml(path)
    refused = sorted(key for key in layer if key in Settings.model_fields.keys() - PROJECT_KEYS)
    if refused:
        raise ConfigError(
            f"{path.name} may not set {', '.join(refused)}: "
            f"that belongs in your own file {user_file()}"
        )
    return layer


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read settings from {path}: {error}") from error


def _check_known(key: str, origin: str) -> None:
    if key in Settings.model_fields:
        return
    near = difflib.get_close_matches(key, Settings.model_fields, n=1)
    hint = f"; did you mean {near[0]}?" if near else ": `greenloop config show` lists them"
    raise ConfigError(f"unknown setting {key!r} in {origin}{hint}")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the rest of the program may know of the environment."""

    path: str
    virtual_env: str
    passed_on: Mapping[str, str]
    """Allow-listed variables for commands that are run."""
    store_key: str = ""
    """Key that checkpoints and blobs are encrypted with; empty for none."""
    editor: str = ""
    """Command that the user edits texts with."""


def environment() -> Environment:
    """Read the environment, once, by allow-list."""
    passed = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    passed.setdefault("PATH", os.defpath)
    return Environment(
        passed["PATH"],
        os.environ.get("VIRTUAL_ENV", ""),
        passed,
        os.environ.get("GREENLOOP_STORE_KEY", ""),
        os.environ.get("VISUAL", "") or os.environ.get("EDITOR", ""),
    )


def prepare_process() -> None:
    """Switch off tracing to outside services and decode checkpoints strictly.

    Must run before LangGraph is first imported, which reads the last variable only then.
    """
    for name in (
        "LANGSMITH_TRACING",
        "LANGSMITH_TRACING_V2",
        "LANGCHAIN_TRACING",
        "LANGCHAIN_TRACING_V2",
        "LANGGRAPH_CLI_TRACING",
    ):
        os.environ[name] = "false"
    os.environ["ANONYMIZED_TELEMETRY"] = "false"
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
