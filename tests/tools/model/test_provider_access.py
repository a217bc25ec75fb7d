"""Names of providers, and what is missing before anybody is asked."""

import sys

import pytest

from greenloop.errors import ConfigError
from greenloop.tools.model.base import window_of
from greenloop.tools.model.provider import ProviderModel, open_provider
from greenloop.tools.model.provider_names import PROVIDERS, provider_of

WINDOW = window_of(4096, 512)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)


def test_our_list_is_langchains() -> None:
    from langchain.chat_models.base import _BUILTIN_PROVIDERS

    assert set(_BUILTIN_PROVIDERS) == PROVIDERS


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("openai:gpt-5", ("openai", "gpt-5")),
        ("openai:org/model:tag", ("openai", "org/model:tag")),
        ("ollama:groq:latest", ("ollama", "groq:latest")),
        ("qwen2.5-coder:7b", None),
        ("hf.co/openai:7b", None),
        ("openai", None),
        ("openai:", None),
        ("repair", None),
    ],
)
def test_a_provider_is_told_from_a_tag(name: str, known: tuple[str, str] | None) -> None:
    assert provider_of(name) == known


def complaint(name: str, base_url: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        open_provider(name, WINDOW, base_url, gap_s=5, overall_s=5)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("base_url", ["", "http://192.0.2.1:8000/v1"])
def test_a_missing_key_is_named(provider: str, base_url: str) -> None:
    expected = f"{provider}:m needs a key: set the environment variable {provider.upper()}_API_KEY"
    assert complaint(f"{provider}:m", base_url) == expected


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_server_on_this_machine_needs_no_key(provider: str) -> None:
    model = open_provider(f"{provider}:m", WINDOW, "http://localhost:8000/v1", 5, 5)
    assert isinstance(model, ProviderModel)
    assert not model.profile.json_schema


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_key_is_enough(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "key")
    assert open_provider(f"{provider}:m", WINDOW, "", 5, 5).name == f"{provider}:m"


def test_a_missing_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    for name in ("openai:m", "groq:m"):
        assert complaint(name).endswith("pip install 'greenloop[providers]'")


def test_a_missing_package_of_another_provider_is_named() -> None:
    assert complaint("groq:m").endswith("pip install langchain-groq")
