"""Addresses in every form that OLLAMA_HOST may have, and what answers at them."""

from pathlib import Path

import pytest

from greenloop.errors import ConfigError, ModelUnavailableError
from greenloop.tools.model.address import is_loopback, normalise_host, without_login
from greenloop.tools.model.server import has_model, list_models
from greenloop.tools.standin.start import start_standin


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":1234", "http://127.0.0.1:1234"),
        ("box", "http://box:11434"),
        ("Box.Local:99", "http://box.local:99"),
        (" 'box' ", "http://box:11434"),
        ("1.2.3.4/", "http://1.2.3.4:11434"),
        ("http://box", "http://box:80"),
        ("HTTP://box:11434/", "http://box:11434"),
        ("https://box", "https://box:443"),
        ("https://box/ollama/", "https://box:443/ollama"),
        ("box:99/a/b", "http://box:99/a/b"),
        ("[::1]:11434", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("http://[fe80::1]", "http://[fe80::1]:80"),
        ("https://me:pw@box", "https://me:pw@box:443"),
    ],
)
def test_forms_of_an_address(text: str, host: str) -> None:
    assert normalise_host(text) == host
    assert normalise_host(host) == host


@pytest.mark.parametrize("text", ["ftp://box", "box:port", "box:70000", "[::1", "my box", "h://"])
def test_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="no address of Ollama"):
        normalise_host(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("http://127.0.0.1:11434", True),
        ("http://127.8.8.8:1", True),
        ("http://[::1]:11434", True),
        ("http://localhost:1/path", True),
        ("http://192.168.1.4:11434", False),
        ("https://box:443", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_password_is_not_shown() -> None:
    assert without_login("https://me:p@w@box:443/x") == "https://box:443/x"
    assert without_login("http://box:80") == "http://box:80"


def test_the_models_of_a_server(tmp_path: Path) -> None:
    with start_standin({"models": ["a:7b", "b"]}, tmp_path) as standin:
        assert list_models(standin.url) == ("a:7b", "b:latest")
        standin.stop()
        assert list_models(standin.url) is None


def test_a_server_without_models(tmp_path: Path) -> None:
    with start_standin({"models": []}, tmp_path) as standin:
        assert list_models(standin.url) == ()


def test_a_silent_server_does_not_answer(tmp_path: Path) -> None:
    endpoints = {"/api/tags": {"stall": 30}}
    with start_standin({"endpoints": endpoints}, tmp_path) as standin:
        assert list_models(standin.url, timeout_s=0.2) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html>"), (200, "[]"), (200, '{"models": [1]}'), (200, "{}"), (404, "no"), (502, "")],
)
def test_what_is_not_ollama(tmp_path: Path, status: int, body: str) -> None:
    endpoints = {"/api/tags": {"status": status, "body": body}}
    with (
        start_standin({"endpoints": endpoints}, tmp_path) as standin,
        pytest.raises(ModelUnavailableError, match=r"is not Ollama .*`ollama serve`"),
    ):
        list_models(standin.url)


@pytest.mark.parametrize(
    ("name", "there"),
    [("a:7b", True), ("a", False), ("b", True), ("b:latest", True), ("c", False)],
)
def test_a_name_without_a_tag_means_the_latest(name: str, there: bool) -> None:
    assert has_model(("a:7b", "b:latest"), name) is there


def test_the_port_of_a_registry_is_no_tag() -> None:
    assert has_model(("reg:5000/me/a:latest",), "reg:5000/me/a")
    assert not has_model((), "a")
