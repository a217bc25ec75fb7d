"""Which window a thread gets: by the settings, by what is loaded, by a probe, by trying."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gpu import loads_of, room_for

from greenloop.config import Settings
from greenloop.errors import ModelNotFoundError, ModelUnavailableError, UserError
from greenloop.graph.window import Fitted, known_window, prepare, profile_store, settle_window
from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.server import Server
from greenloop.tools.model.server_records import LoadedModel
from greenloop.tools.standin.faults import FAULTS
from greenloop.tools.standin.start import start_standin

NAME = "qwen2.5-coder:7b"
GPU = 6_000_000_000


def settings(**values: Any) -> Settings:
    return Settings.model_validate({"model": NAME, **values})


def loaded(window: int, share: float = 1.0) -> LoadedModel:
    return LoadedModel(NAME, "ab" * 32, GPU, int(GPU * share), window)


def memory(window: int | None, share: float = 1.0) -> dict[str, Any]:
    """A script in which /api/ps always says this."""
    entry: dict[str, Any] = {"name": NAME, "size": GPU, "size_vram": int(GPU * share)}
    if window is not None:
        entry["context_length"] = window
    return {"endpoints": {"/api/ps": {"body": json.dumps({"models": [entry]})}}}


def settled(tmp_path: Path, script: dict[str, Any], **values: Any) -> tuple[Fitted, list[int]]:
    with start_standin(script, tmp_path) as standin:
        server = Server(standin.url)
        return settle_window(settings(**values), server, NAME, DEFAULT), loads_of(standin)


class TestWithoutLoading:
    def test_the_setting_decides(self) -> None:
        probed = Profile(num_ctx=16384)
        assert known_window(6000, 32768, loaded(8192), probed) == Fitted(6000)
        assert known_window(6000, 0, None, DEFAULT) == Fitted(6000)

    def test_the_setting_is_clamped_to_what_the_model_was_trained_for(self) -> None:
        fitted = known_window(65536, 32768, None, DEFAULT)
        assert fitted is not None
        assert fitted.num_ctx == 32768
        assert "trained for no more" in fitted.note

    @pytest.mark.parametrize("window", [8192, 12000, 32768])
    def test_what_is_loaded_on_the_gpu_is_taken(self, window: int) -> None:
        probed = Profile(num_ctx=16384)
        assert known_window(0, 32768, loaded(window), probed) == Fitted(window)

    @pytest.mark.parametrize(
        "running", [None, loaded(4096), loaded(2048), loaded(131072), loaded(8192, 0.9), loaded(0)]
    )
    def test_what_is_of_no_use_is_not_taken(self, running: LoadedModel | None) -> None:
        assert known_window(0, 131072, running, Profile(num_ctx=16384)) == Fitted(16384)
        assert known_window(0, 131072, running, DEFAULT) is None

    def test_a_model_trained_for_little(self) -> None:
        assert known_window(0, 2048, loaded(2048), DEFAULT) == Fitted(2048)
        assert known_window(0, 2048, None, Profile(num_ctx=8192)) == Fitted(2048)


class TestByLoading:
    def test_the_usual_window_where_the_gpu_holds_it(self, tmp_path: Path) -> None:
        assert settled(tmp_path, {}) == (Fitted(8192), [8192])

    def test_a_short_trained_context(self, tmp_path: Path) -> None:
        script = {"models": [{"name": NAME, "context_length": 2048}]}
        assert settled(tmp_path, script) == (Fitted(2048), [2048])

    def test_the_cpu_alone(self, tmp_path: Path) -> None:
        fitted, windows = settled(tmp_path, memory(8192, 0.0))
        assert (fitted.num_ctx, windows) == (8192, [8192])
        assert "CPU alone" in fitted.note

    def test_a_model_that_is_too_large_keeps_the_usual_window(self, tmp_path: Path) -> None:
        fitted, windows = settled(tmp_path, memory(8192, 0.6))
        assert (fitted.num_ctx, windows) == (8192, [8192])
        assert "60% of" in fitted.note
        assert "smaller model" in fitted.note

    def test_a_model_that_nearly_fits_is_tried_with_less(self, tmp_path: Path) -> None:
        fitted, windows = settled(tmp_path, memory(None, 0.95))
        assert (fitted.num_ctx, windows) == (4096, [8192, 4096])
        assert "95% of" in fitted.note

    @pytest.mark.parametrize(
        ("gpu", "window", "loads"),
        [
            (room_for(8192), 8192, [8192]),
            (room_for(4096), 4096, [8192, 4096]),
            (room_for(0), 4096, [8192, 4096]),
            (room_for(0) // 2, 8192, [8192]),
        ],
    )
    def test_gpus_of_all_sizes(
        self, tmp_path: Path, gpu: int, window: int, loads: list[int]
    ) -> None:
        with start_standin({"gpu_bytes": gpu}, tmp_path) as standin:
            server = Server(standin.url)
            fitted = settle_window(settings(), server, NAME, DEFAULT)
            assert (fitted.num_ctx, loads_of(standin)) == (window, loads)
            running = server.running(NAME)
            assert running is not None
            # The first request of the thread finds the model as it needs it.
            assert running.context_length == window
        assert bool(fitted.note) is (gpu < room_for(8192))
        assert ("fully on the GPU" in fitted.note) is (gpu == room_for(4096))

    def test_an_old_server_that_names_no_window(self, tmp_path: Path) -> None:
        assert settled(tmp_path, memory(None)) == (Fitted(8192), [8192])

    def test_a_server_that_grants_less(self, tmp_path: Path) -> None:
        assert settled(tmp_path, memory(2048)) == (Fitted(2048), [8192])

    def test_a_server_that_says_nothing_of_its_memory(self, tmp_path: Path) -> None:
        script = {"endpoints": {"/api/ps": {"body": '{"models": []}'}}}
        assert settled(tmp_path, script) == (Fitted(8192), [8192])

    def test_what_is_not_loaded_for_a_window_that_is_set(self, tmp_path: Path) -> None:
        assert settled(tmp_path, {}, num_ctx=5000) == (Fitted(5000), [])

    def test_a_load_that_stalls(self, tmp_path: Path) -> None:
        with pytest.raises(ModelUnavailableError, match="stalled"):
            settled(tmp_path, {"endpoints": {"/api/chat": {"stall": 30}}}, stall_timeout=0.3)


class Brittle(Server):
    """A server whose driver ends where others move a part of the model to the CPU."""

    def load(self, name: str, num_ctx: int, *, keep_alive: str, limit_s: float) -> None:
        with_room = self if num_ctx <= 4096 else Server(f"{self.host}/full")
        Server.load(with_room, name, num_ctx, keep_alive=keep_alive, limit_s=limit_s)


def failing(text: str) -> dict[str, Any]:
    body = json.dumps({"error": text})
    return {"endpoints": {"/full/api/chat": {"status": 500, "body": body}}}


class TestLoadsThatFail:
    @pytest.mark.parametrize("fault", ["load_terminated", "load_memory", "load_memory_old"])
    def test_lack_of_memory_is_met_with_less(self, tmp_path: Path, fault: str) -> None:
        with start_standin(failing(FAULTS[fault].text), tmp_path) as standin:
            fitted = settle_window(settings(), Brittle(standin.url), NAME, DEFAULT)
            assert loads_of(standin) == [4096]
        assert fitted.num_ctx == 4096
        assert "lack of memory" in fitted.note

    def test_what_the_small_window_leaves_on_the_cpu_is_told_too(self, tmp_path: Path) -> None:
        script = failing(FAULTS["load_memory"].text)
        with start_standin({**script, "gpu_bytes": 0}, tmp_path) as standin:
            fitted = settle_window(settings(), Brittle(standin.url), NAME, DEFAULT)
        assert "lack of memory" in fitted.note
        assert "CPU alone" in fitted.note

    @pytest.mark.parametrize("fault", ["load_incompatible", "load_timeout"])
    def test_other_failures_are_told_as_they_are(self, tmp_path: Path, fault: str) -> None:
        text = FAULTS[fault].text
        with start_standin(failing(text), tmp_path) as standin:
            with pytest.raises(ModelUnavailableError, match=re.escape(text[:40])):
                settle_window(settings(), Brittle(standin.url), NAME, DEFAULT)
            assert loads_of(standin) == []

    @pytest.mark.parametrize("trained", [2048, 32768])
    def test_too_little_memory_for_any_window(self, tmp_path: Path, trained: int) -> None:
        text = FAULTS["load_memory"].text
        raw = {"status": 500, "body": json.dumps({"error": text})}
        models = [{"name": NAME, "context_length": trained}]
        with pytest.raises(ModelUnavailableError, match="out of memory"):
            settled(tmp_path, {"models": models, "endpoints": {"/api/chat": raw}})


class TestPrepare:
    def test_the_window_that_fits(self, tmp_path: Path) -> None:
        with start_standin({}, tmp_path) as standin:
            prepared = prepare(settings(ollama_host=standin.url), tmp_path / "data")
        assert prepared == Fitted(8192)

    def test_the_window_of_a_probe(self, tmp_path: Path) -> None:
        probed = Profile(source="probe", num_ctx=16384, native_tools=True)
        with start_standin({}, tmp_path) as standin:
            model = Server(standin.url).find(NAME)
            assert model is not None
            profile_store(tmp_path / "data").save(model.digest, NAME, probed)
            prepared = prepare(settings(ollama_host=standin.url), tmp_path / "data")
            assert loads_of(standin) == []
        assert prepared == Fitted(16384)

    def test_a_note(self, tmp_path: Path) -> None:
        with start_standin(memory(8192, 0.0), tmp_path) as standin:
            prepared = prepare(settings(ollama_host=standin.url), tmp_path / "data")
        assert prepared.num_ctx == 8192
        assert "CPU alone" in prepared.note

    @pytest.mark.parametrize(
        ("model", "says"),
        [
            ({"context_length": 1024}, "was trained for 1024 tokens, too few"),
            ({"capabilities": ["embedding"]}, "does not chat: name a chat model with --model"),
        ],
    )
    def test_a_model_that_is_no_brain(
        self, tmp_path: Path, model: dict[str, Any], says: str
    ) -> None:
        script = {"models": [{"name": NAME, **model}]}
        with start_standin(script, tmp_path) as standin:
            for more in ({}, {"num_ctx": 4096}):
                with pytest.raises(UserError, match=says):
                    prepare(settings(ollama_host=standin.url, **more), tmp_path / "data")
            assert loads_of(standin) == []

    def test_a_model_that_is_not_there(self, tmp_path: Path) -> None:
        with (
            start_standin({"models": []}, tmp_path) as standin,
            pytest.raises(ModelNotFoundError),
        ):
            prepare(settings(ollama_host=standin.url), tmp_path / "data")
