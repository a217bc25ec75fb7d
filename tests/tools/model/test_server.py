"""What an Ollama server says of itself, and how long we wait for it."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from greenloop.errors import ModelNotFoundError, ModelUnavailableError
from greenloop.tools.model.server import Server
from greenloop.tools.model.server_records import (
    LoadedModel,
    billions,
    facts_from,
    loaded_from,
    tagged,
    version_number,
)
from greenloop.tools.standin.start import Standin, start_standin

NAME = "qwen2.5-coder:7b"


@contextmanager
def served(tmp_path: Path, **script: Any) -> Iterator[tuple[Server, Standin]]:
    with start_standin({"models": [NAME, "me/tiny"], **script}, tmp_path) as standin:
        yield Server(standin.url), standin


def raw(path: str, status: int = 200, **body: Any) -> Mapping[str, Any]:
    return {path: {"status": status, "body": json.dumps(body)}}


def test_what_a_server_has(tmp_path: Path) -> None:
    with served(tmp_path, version="0.33.0") as (server, _):
        assert server.version() == "0.33.0"
        first, second = server.models()
        assert (first.name, first.parameter_size, first.quantization) == (NAME, "7.6B", "Q4_K_M")
        assert first.size > 1e9
        assert len(first.digest) == 64
        assert first.digest != second.digest
        assert server.loaded() == ()
        facts = server.show(NAME)
        assert facts.family == "qwen2"
        assert facts.trained_context == 32768
        assert facts.can("tools")
        assert not facts.can("thinking")


def test_a_model_is_found_by_every_way_to_write_its_name(tmp_path: Path) -> None:
    with served(tmp_path) as (server, _):
        for name in ("me/tiny", "me/tiny:latest", "Me/Tiny"):
            found = server.find(name)
            assert found is not None
            assert found.name == "me/tiny:latest"
        assert server.find("qwen2.5-coder") is None


def test_loading_gives_the_window_asked_for(tmp_path: Path) -> None:
    with served(tmp_path) as (server, standin):
        server.load(NAME, 8192, keep_alive="5m", limit_s=5)
        running = server.running(NAME)
        assert running is not None
        assert running.context_length == 8192
        offered = server.find(NAME)
        assert offered is not None
        assert running.digest == offered.digest
        (record,) = standin.loads()
        # The same launch flags as in requests for replies, or those would load it once more.
        assert record["body"]["shift"] is False
        assert record["body"]["messages"] == []


def test_an_unknown_model(tmp_path: Path) -> None:
    with served(tmp_path) as (server, _):
        with pytest.raises(ModelNotFoundError, match="`ollama pull a:1b`"):
            server.show("a:1b")
        with pytest.raises(ModelNotFoundError, match="`ollama pull a:1b`"):
            server.load("a:1b", 4096, keep_alive="5m", limit_s=5)


def test_a_model_that_does_not_fit(tmp_path: Path) -> None:
    endpoints = raw("/api/chat", 500, error="model requires more system memory\n(9 GiB)")
    with (
        served(tmp_path, endpoints=endpoints) as (server, _),
        pytest.raises(ModelUnavailableError, match=r"500.: model requires .*9 GiB.; see .*smaller"),
    ):
        server.load(NAME, 4096, keep_alive="5m", limit_s=5)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ModelUnavailableError, match=r"no Ollama answers .* `ollama serve`"):
        Server("http://127.0.0.1:9").version()


def test_a_stalled_server_costs_no_more_than_the_limit(tmp_path: Path) -> None:
    with start_standin({"endpoints": {"/api/ps": {"stall": 30}}}, tmp_path) as standin:
        began = time.monotonic()
        with pytest.raises(ModelUnavailableError, match=r"stalled: no answer within 0\.3 s"):
            Server(standin.url, 0.3).loaded()
        assert time.monotonic() - began < 10


def test_a_server_that_drips_costs_no_more_than_the_limit() -> None:
    with dripping() as url:
        began = time.monotonic()
        with pytest.raises(ModelUnavailableError, match="stalled"):
            Server(url, 0.5).version()
        assert time.monotonic() - began < 10


@contextmanager
def dripping() -> Iterator[str]:
    """A server whose answer comes a byte at a time, for ever."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.05):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join()


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"models": {"a": 1}}', '{"models": [[]]}'])
@pytest.mark.parametrize("path", ["/api/tags", "/api/ps"])
def test_what_is_not_ollama(tmp_path: Path, path: str, body: str) -> None:
    with start_standin({"endpoints": {path: {"body": body}}}, tmp_path) as standin:
        server = Server(standin.url)
        with pytest.raises(ModelUnavailableError, match=r"is not Ollama .*`ollama serve`"):
            server.models() if path == "/api/tags" else server.loaded()


def test_a_password_is_not_in_the_message() -> None:
    with pytest.raises(ModelUnavailableError) as caught:
        Server("http://me:secret@127.0.0.1:9").version()
    assert "secret" not in str(caught.value)


def test_how_much_lies_on_the_gpu() -> None:
    assert LoadedModel("a", size=10, size_vram=10).fully_on_gpu
    assert not LoadedModel("a", size=10, size_vram=9).fully_on_gpu
    assert LoadedModel("a", size=10, size_vram=9).gpu_share == 0.9
    assert not LoadedModel("a").fully_on_gpu
    assert LoadedModel("a").gpu_share == 0.0


def test_an_old_server_names_no_window_and_no_capabilities() -> None:
    assert loaded_from({"name": "a", "size": 5, "size_vram": 5}).context_length == 0
    facts = facts_from({"details": None, "model_info": {"general.architecture": "llama"}})
    assert facts.capabilities is None
    assert facts.family == "llama"
    assert facts.trained_context == 0


def test_the_window_that_a_models_file_sets() -> None:
    parameters = 'stop                           "<|im_end|>"\nnum_ctx                        16384'
    assert facts_from({"parameters": parameters}).default_num_ctx == 16384


@pytest.mark.parametrize(
    ("text", "size"),
    [("7.6B", 7.6), ("494.03M", 0.49403), ("7b-instruct-q4_K_M", 7), ("latest", 0), ("8x7b", 7)],
)
def test_sizes(text: str, size: float) -> None:
    assert billions(text) == pytest.approx(size)


def test_versions_compare() -> None:
    assert version_number("0.33.0-rc2") == (0, 33, 0)
    assert version_number("0.9.1") < version_number("0.12.5") < version_number("1.0")
    assert version_number("unknown") == (0, 0, 0)


def test_tags() -> None:
    assert tagged("reg:5000/Me/a") == "reg:5000/me/a:latest"
    assert tagged("a:7B") == "a:7b"


@pytest.mark.parametrize(("status", "cure"), [(500, "lower num_ctx"), (400, "`ollama show`")])
def test_only_a_server_that_failed_is_given_less_to_do(
    tmp_path: Path, status: int, cure: str
) -> None:
    endpoints = raw("/api/chat", status, error="no chat")
    with (
        served(tmp_path, endpoints=endpoints) as (server, _),
        pytest.raises(ModelUnavailableError) as refused,
    ):
        server.load(NAME, 8192, keep_alive="5m", limit_s=5)
    assert cure in str(refused.value)
    assert ("num_ctx" in str(refused.value)) is (status == 500)
