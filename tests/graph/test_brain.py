"""Which brain a name means, and what is said about it before a run."""

from pathlib import Path
from typing import Any

import pytest

from greenloop.config import Settings, load
from greenloop.errors import ConfigError, ModelNotFoundError, UserError
from greenloop.graph.brain import check_origin, choose, open_brain_for
from greenloop.tools.model.ollama import OllamaModel
from greenloop.tools.model.provider import ProviderModel
from greenloop.tools.model.scripted import ScriptedModel
from greenloop.tools.repair.model import RepairModel
from greenloop.tools.standin.start import start_standin

LOCAL = "http://127.0.0.1:8080/v1"


def settings(model: str, **more: Any) -> Settings:
    return load({"model": model, "test_cmd": "true", **more}).settings


def test_the_embedded_brain_needs_nobody() -> None:
    assert choose(settings("repair"), explicit=True).name == "repair"


def test_without_a_server_the_embedded_brain_steps_in_unless_the_model_was_named() -> None:
    choice = choose(settings("qwen2.5-coder:7b"), explicit=False)
    assert choice.name == "repair"
    assert "no Ollama answers" in choice.note
    for name in ("qwen2.5-coder:7b", "ollama:qwen2.5-coder:7b"):
        with pytest.raises(UserError, match="no Ollama answers"):
            choose(settings(name), explicit=True)


def test_ollama_may_be_named(tmp_path: Path) -> None:
    with start_standin({"models": ["groq:latest"]}, tmp_path) as standin:
        here = settings("ollama:groq:latest", ollama_host=standin.url)
        assert choose(here, explicit=True).name.endswith("groq:latest")
        with pytest.raises(ModelNotFoundError, match="'other'"):
            choose(settings("ollama:other", ollama_host=standin.url), explicit=True)
    brain = open_brain_for(tmp_path, here)
    assert isinstance(brain, OllamaModel)
    assert brain.name == "groq:latest"


@pytest.mark.parametrize(
    ("base_url", "note"),
    [
        ("", "they go to the API of openai"),
        ("http://192.0.2.1:8000/v1", "they go to http://192.0.2.1:8000/v1"),
        ("https://me:secret@models.example/v1", "they go to https://models.example/v1"),
        (LOCAL, ""),
        ("http://localhost:8080/v1/", ""),
        ("http://[::1]:8080/v1", ""),
    ],
)
def test_code_that_leaves_the_machine_is_announced(base_url: str, note: str) -> None:
    choice = choose(settings("openai:gpt-5", base_url=base_url), explicit=True)
    assert choice.name == "openai:gpt-5"
    assert choice.note == note or (note and choice.note.endswith(note))
    assert "secret" not in choice.note


def test_an_address_that_is_none() -> None:
    with pytest.raises(ConfigError, match="base_url 'localhost:8080' is no address"):
        choose(settings("openai:m", base_url="localhost:8080"), explicit=True)


def test_a_provider_gets_a_window_and_the_time_limits(tmp_path: Path) -> None:
    more = {"base_url": f"{LOCAL}/", "stall_timeout": 7, "reply_timeout": 70}
    brain = open_brain_for(tmp_path, settings("openai:m", **more))
    assert isinstance(brain, ProviderModel)
    assert (brain.window.num_ctx, brain.window.num_predict) == (16384, 2048)
    assert (brain.base_url, brain.gap_s, brain.overall_s) == (LOCAL, 7, 70)
    smaller = open_brain_for(tmp_path, settings("openai:m", base_url=LOCAL, num_ctx=3000))
    assert (smaller.window.num_ctx, smaller.window.num_predict) == (3000, 1000)


def test_a_script_is_found_again_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "script.txt").write_text("=== any\nhello\n")
    monkeypatch.chdir(tmp_path)
    choice = choose(settings("scripted:script.txt"), explicit=True)
    assert choice.name == f"scripted:{tmp_path / 'script.txt'}"
    assert isinstance(open_brain_for(tmp_path, settings(choice.name)), ScriptedModel)
    with pytest.raises(ConfigError, match="cannot be read"):
        choose(settings("scripted:none.txt"), explicit=True)


def test_the_embedded_brain_is_opened_for_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_brain_for(tmp_path, settings("repair")), RepairModel)


@pytest.mark.parametrize("name", ["openai:gpt-5", "scripted:/etc/hosts"])
def test_a_repository_does_not_choose_where_code_goes(tmp_path: Path, name: str) -> None:
    (tmp_path / "greenloop.toml").write_text(f'model = "{name}"\n')
    with pytest.raises(ConfigError, match="yours to choose"):
        check_origin(load({}, tmp_path))
    check_origin(load({"model": name}, tmp_path))
    (tmp_path / "greenloop.toml").write_text('model = "llama3.2:3b"\n')
    check_origin(load({}, tmp_path))


def test_a_login_in_an_address_is_not_shown(tmp_path: Path) -> None:
    down = settings("qwen2.5-coder:7b", ollama_host="http://bob:s3cret@127.0.0.1:9")
    assert "s3cret" not in choose(down, explicit=False).note
    with pytest.raises(UserError, match=r"at http://127\.0\.0\.1:9") as refused:
        choose(down, explicit=True)
    assert "s3cret" not in str(refused.value)
