import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenloop.config import PROJECT_FILE, PROJECT_KEYS, Settings, environment, load, user_file
from greenloop.errors import ConfigError


def write_user_file(text: str) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(text, encoding="utf-8")


def test_each_layer_covers_the_one_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [load({}, tmp_path)]
    write_user_file("num_ctx = 2500")
    seen.append(load({}, tmp_path))
    (tmp_path / PROJECT_FILE).write_text("num_ctx = 3000")
    seen.append(load({}, tmp_path))
    monkeypatch.setenv("GREENLOOP_NUM_CTX", "4000")
    seen.append(load({}, tmp_path))
    seen.append(load({"num_ctx": 5000}, tmp_path))
    assert [loaded.settings.num_ctx for loaded in seen] == [0, 2500, 3000, 4000, 5000]
    assert [loaded.origins["num_ctx"] for loaded in seen] == [
        "default",
        str(user_file()),
        PROJECT_FILE,
        "environment",
        "flag",
    ]


def test_a_flag_that_was_not_given_counts_for_nothing() -> None:
    assert load({"model": None}).settings.model == "qwen2.5-coder:7b"


def test_ollamas_own_variable_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:1234")
    assert load({}).settings.ollama_host == "0.0.0.0:1234"
    monkeypatch.setenv("GREENLOOP_OLLAMA_HOST", "elsewhere")
    assert load({}).settings.ollama_host == "elsewhere"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_ctxx = 1", "unknown setting 'num_ctxx'.*did you mean num_ctx"),
        ("num_ctx = 'many'", "num_ctx .from .*valid integer.*'many'"),
        ("num_ctx = 5", "num_ctx .from .*must be 0 or at least 2048"),
        ("num_ctx = = 5", "cannot read settings from"),
        ("retrieval = 'magic'", "retrieval .*'hybrid'"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    write_user_file(text)
    with pytest.raises(ConfigError, match=message):
        load({})


@pytest.mark.parametrize("key", sorted(Settings.model_fields.keys() - PROJECT_KEYS))
def test_a_repository_cannot_set_what_belongs_to_the_user(tmp_path: Path, key: str) -> None:
    (tmp_path / PROJECT_FILE).write_text(f"{key} = 1")
    with pytest.raises(ConfigError, match=f"may not set {key}"):
        load({}, tmp_path)


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, f in Settings.model_fields.items() if not f.description] == []


def test_secrets_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    assert "hunter2" not in environment().passed_on.values()
    assert environment().passed_on["PATH"] == os.environ["PATH"]


def test_tracing_stays_off_whatever_the_environment_says() -> None:
    script = (
        "from greenloop.config import prepare_process; prepare_process();"
        "from langsmith.utils import tracing_is_enabled; print(tracing_is_enabled())"
    )
    tracing = {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true"}
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **tracing},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "False"
