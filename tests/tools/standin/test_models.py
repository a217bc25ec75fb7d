"""What the stand-in tells of its models, and how they come into memory and leave it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.shelf import Shelf
from greenloop.tools.standin.start import Standin, start_standin

GIB = 1 << 30
NAMES = [
    "qwen2.5-coder:7b", "qwen3:8b", "llama3.1:8b", "gemma3:4b", "gpt-oss:20b", "nomic-embed-text",
]  # fmt: skip
OK = [{"text": "ok", "times": None}]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    special = {"name": "mine:3b", "family": "phi3", "num_ctx": 8192, "digest": "ab" * 32}
    script = {"models": [*NAMES, special], "replies": OK}
    with start_standin(script, tmp_path_factory.mktemp("standin")) as running:
        yield running


def chat(standin: Standin, model: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": model, "messages": messages, "stream": False, **more}
    response = httpx.post(f"{standin.url}/api/chat", json=body, timeout=20)
    assert response.status_code == 200, response.text
    return dict(response.json())


def running(standin: Standin) -> dict[str, dict[str, Any]]:
    return {m["name"]: m for m in httpx.get(f"{standin.url}/api/ps").json()["models"]}


@pytest.mark.parametrize(
    ("name", "family", "size", "window", "capabilities"),
    [
        ("qwen2.5-coder:7b", "qwen2", "7.6B", 32768, ["completion", "tools", "insert"]),
        ("qwen3:8b", "qwen3", "8.2B", 40960, ["completion", "tools", "thinking"]),
        ("llama3.1:8b", "llama", "8.0B", 131072, ["completion", "tools"]),
        ("gemma3:4b", "gemma3", "4.3B", 131072, ["completion", "vision"]),
        ("gpt-oss:20b", "gptoss", "20.9B", 131072, ["completion", "tools", "thinking"]),
        ("nomic-embed-text", "nomic-bert", "137M", 2048, ["embedding"]),
    ],
)
def test_known_models_are_what_they_are(
    standin: Standin, name: str, family: str, size: str, window: int, capabilities: list[str]
) -> None:
    with ollama.Client(standin.url) as client:
        shown = client.show(name)
        listed = {str(m.model).removesuffix(":latest"): m for m in client.list().models}[name]
    assert (shown.modelinfo or {})["general.architecture"] == family
    assert (shown.modelinfo or {})[f"{family}.context_length"] == window
    assert shown.capabilities == capabilities
    assert shown.details is not None
    assert listed.details is not None
    assert shown.details.parameter_size == listed.details.parameter_size == size
    assert len(listed.digest or "") == 64


def test_a_model_of_the_script_overrides_what_is_known(standin: Standin) -> None:
    shown = httpx.post(f"{standin.url}/api/show", json={"model": "mine:3b"}).json()
    assert shown["details"]["family"] == "phi3"
    assert shown["parameters"].splitlines() == [
        'stop                           "<|im_end|>"',
        "num_ctx                        8192",
    ]
    listed = httpx.get(f"{standin.url}/api/tags").json()["models"]
    assert [m["digest"] for m in listed if m["name"] == "mine:3b"] == ["ab" * 32]
    chat(standin, "mine:3b", keep_alive=0)
    assert standin.chats()[-1]["num_ctx"] == 8192  # PARAMETER of the model file


@pytest.mark.parametrize(
    ("name", "per_token"),
    [("qwen2.5-coder:7b", 56), ("llama3.1:8b", 128), ("qwen3:8b", 144)],
)
def test_the_cache_grows_with_the_window(standin: Standin, name: str, per_token: int) -> None:
    sizes = []
    for num_ctx in (4096, 8192):
        chat(standin, name, options={"num_ctx": num_ctx})
        sizes.append(running(standin)[name]["size"])
    assert sizes[1] - sizes[0] == 4096 * per_token * 1024
    assert running(standin)[name]["size_vram"] == sizes[1]  # without a limit all of it fits


def test_a_large_window_goes_to_the_cpu(tmp_path: Path) -> None:
    script = {"models": NAMES, "replies": OK, "gpu_bytes": 6 * GIB}
    seconds = []
    with start_standin(script, tmp_path) as standin:
        for num_ctx in (8192, 32768):
            told = chat(standin, NAMES[0], options={"num_ctx": num_ctx})
            loaded = running(standin)[NAMES[0]]
            assert loaded["size_vram"] == min(loaded["size"], 6 * GIB)
            assert loaded["context_length"] == num_ctx
            seconds.append(told["eval_duration"] / told["eval_count"])
        fits = [record["size"] == record["size_vram"] for record in standin.chats()]
    assert fits == [True, False]
    assert seconds[1] > seconds[0]


@pytest.mark.parametrize("more", [{"gpu_bytes": 0}, {}])
def test_without_a_gpu(tmp_path: Path, more: dict[str, Any]) -> None:
    options = {} if more else {"num_gpu": 0}
    with start_standin({"models": NAMES, "replies": OK, **more}, tmp_path) as standin:
        chat(standin, NAMES[0], options=options)
        assert running(standin)[NAMES[0]]["size_vram"] == 0


def test_what_a_model_is_loaded_with(standin: Standin) -> None:
    before = len(standin.chats())
    chat(standin, "qwen3:8b", keep_alive=0)
    for options in ({}, {"temperature": 1.0}, {"num_gpu": 20}, {"num_gpu": 20, "num_ctx": 99999}):
        chat(standin, "qwen3:8b", options=options)
    chat(standin, "qwen3:8b", options={"num_gpu": 20, "num_ctx": 99999}, shift=False)
    log = standin.chats()[before + 1 :]
    assert [record["reload"] for record in log] == [True, False, True, True, True]
    assert log[-1]["num_ctx"] == 40960  # no more than it was trained for


def test_how_long_a_model_stays(tmp_path: Path) -> None:
    # Twenty seconds of keep_alive pass in one.
    script = {"models": NAMES, "replies": OK, "clock": 20}
    with start_standin(script, tmp_path) as standin:
        chat(standin, NAMES[0], keep_alive="60s")
        chat(standin, NAMES[1], keep_alive=-1)
        chat(standin, NAMES[2], keep_alive=0)
        assert list(running(standin)) == NAMES[:2]
        deadline = time.monotonic() + 20
        while NAMES[0] in running(standin):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        forever = datetime.fromisoformat(running(standin)[NAMES[1]]["expires_at"])
        assert forever > datetime.now(UTC) + timedelta(days=300)
        assert chat(standin, NAMES[0])["load_duration"] > 1e9
        empty = {"model": NAMES[1], "messages": [], "keep_alive": 0}
        told = httpx.post(f"{standin.url}/api/chat", json=empty).json()
        assert (told["done"], told["done_reason"]) == (True, "unload")
        assert list(running(standin)) == [NAMES[0]]
        assert [record["body"] for record in standin.loads()] == [empty]
        assert len(standin.chats()) == 4  # without it


def test_one_model_drives_out_another(tmp_path: Path) -> None:
    script = {"models": NAMES, "replies": OK, "max_loaded": 1}
    with start_standin(script, tmp_path) as standin:
        chat(standin, NAMES[0])
        embedded = {"model": "nomic-embed-text", "input": "words"}
        assert httpx.post(f"{standin.url}/api/embed", json=embedded).status_code == 200
        assert list(running(standin)) == ["nomic-embed-text:latest"]
        chat(standin, NAMES[0])
        assert standin.chats()[-1]["evicted"] == ["nomic-embed-text:latest"]
        assert (standin.counts().reloads, standin.counts().evictions) == (3, 2)


def test_a_model_in_use_stays_until_its_reply_ends(tmp_path: Path) -> None:
    script = {"models": NAMES, "replies": [{"text": "word " * 40, "stall_mid": 60}]}
    question = {"model": NAMES[0], "messages": [{"role": "user", "content": "hi"}]}
    with start_standin(script, tmp_path) as standin:
        with httpx.stream("POST", f"{standin.url}/api/chat", json=question) as response:
            lines = response.iter_lines()
            next(lines)
            empty = {"model": NAMES[0], "messages": [], "keep_alive": 0}
            told = httpx.post(f"{standin.url}/api/chat", json=empty).json()
            assert told["done_reason"] == "unload"
            assert list(running(standin)) == [NAMES[0]]
        deadline = time.monotonic() + 20
        while running(standin):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_another_use_keeps_a_model_that_was_to_go() -> None:
    shelf = Shelf([OfferedModel(NAMES[0])])
    shelf.load(NAMES[0], 4096, {})
    shelf.unload(NAMES[0])
    shelf.load(NAMES[0], 4096, {})
    for _ in range(2):
        shelf.release(NAMES[0], 300)
    assert [name for name, _ in shelf.running()] == [NAMES[0]]
    shelf.unload(NAMES[0])
    assert shelf.running() == []


def test_case_is_nothing_in_a_name(tmp_path: Path) -> None:
    with start_standin({"models": ["Mine:7B"], "replies": OK}, tmp_path) as standin:
        listed = httpx.get(f"{standin.url}/api/tags").json()["models"]
        assert [model["name"] for model in listed] == ["Mine:7B"]
        chat(standin, "mine:7b")
        chat(standin, "MINE:7b")
        assert list(running(standin)) == ["Mine:7B"]
        assert [record["reload"] for record in standin.chats()] == [True, False]
        chat(standin, "mine:7B", keep_alive=0)
        assert running(standin) == {}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"name": "x", "colour": 1}, "colour"),
        ({"size": 1}, "no name"),
        ({"name": "x", "template": "y"}, "template is"),
    ],
)
def test_a_misspelt_model_does_not_start(tmp_path: Path, model: dict[str, Any], words: str) -> None:
    with (
        pytest.raises(AssertionError, match=words),
        start_standin({"models": [model]}, tmp_path),
    ):
        pass
