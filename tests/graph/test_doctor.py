"""The doctor's answer in every state that a server, a machine and a project can be in."""

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from greenloop.config import user_file
from greenloop.errors import WorkspaceError
from greenloop.graph.doctor import Diagnosis, examine
from greenloop.graph.doctor_check import Check, check_of, gib
from greenloop.graph.doctor_machine import free_memory
from greenloop.graph.storage import open_storage
from greenloop.graph.window import profile_store
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.server import Server
from greenloop.tools.standin.start import start_standin

NAME = "qwen2.5-coder:7b"
SIZE = 6_000_000_000


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Known at once, without asking interpreters for pytest.
    monkeypatch.setenv("GREENLOOP_TEST_CMD", f"{sys.executable} -m pytest")
    folder = tmp_path / "repo"
    folder.mkdir()
    return folder


def memory(window: int | None, share: float = 1.0) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": NAME, "size": SIZE, "size_vram": int(SIZE * share)}
    if window is not None:
        entry["context_length"] = window
    return {"endpoints": {"/api/ps": {"body": json.dumps({"models": [entry]})}}}


def diagnosed(
    repo: Path, monkeypatch: pytest.MonkeyPatch, script: dict[str, Any] | None = None
) -> dict[str, Check]:
    """The checks by name, with a server that follows the script."""
    with start_standin(script or {}, repo.parent) as standin:
        monkeypatch.setenv("OLLAMA_HOST", standin.url)
        return by_name(examine(repo))


def by_name(diagnosis: Diagnosis) -> dict[str, Check]:
    names = [check.name for check in diagnosis.checks]
    assert len(names) == len(set(names))
    for check in diagnosis.checks:
        assert "\n" not in check.found + check.advice
        assert check.advice or check.level == "ok"
        assert ("model" in check.blocks) is (check.level == "problem")
    return {check.name: check for check in diagnosis.checks}


class TestServer:
    def test_healthy(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        checks = diagnosed(repo, monkeypatch, memory(8192))
        levels = {name: check.level for name, check in checks.items() if name not in ("memory",)}
        assert set(levels.values()) == {"ok"}
        assert "0.33.0" in checks["ollama"].found
        assert "7.6B" in checks["model"].found
        assert checks["window"].found == "loaded with 8192; a run asks for 8192"
        assert checks["gpu"].found.startswith("100%")

    def test_nothing_is_loaded_by_looking(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with start_standin({}, tmp_path) as standin:
            monkeypatch.setenv("OLLAMA_HOST", standin.url)
            checks = by_name(examine(repo))
            assert standin.chats() == standin.loads() == []
        assert "not loaded" in checks["gpu"].found
        assert "8192" in checks["window"].found

    def test_down(self, repo: Path) -> None:
        diagnosis = examine(repo)
        checks = by_name(diagnosis)
        assert checks["ollama"].level == "problem"
        assert "no Ollama answers" in checks["ollama"].found
        assert "`ollama serve`" in checks["ollama"].advice
        assert "model" not in checks
        assert diagnosis.blocked
        assert diagnosis.embedded_works
        assert diagnosis.verdict == (
            "no Ollama: a run without --model uses the embedded brain; "
            'greenloop run "TASK" --model repair'
        )

    @pytest.mark.parametrize(
        ("endpoint", "found"),
        [
            ({"/api/version": {"body": "<html>hello</html>"}}, "is not Ollama"),
            ({"/api/tags": {"body": "<html>hello</html>"}}, "is not Ollama"),
            ({"/api/version": {"status": 403}}, "is not Ollama (HTTP 403)"),
            ({"/api/version": {"stall": 30}}, "stalled"),
        ],
    )
    def test_something_else_answers_or_nothing_in_time(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch, endpoint: dict[str, Any], found: str
    ) -> None:
        checks = diagnosed(repo, monkeypatch, {"endpoints": endpoint})
        assert checks["ollama"].level == "problem"
        assert found in checks["ollama"].found
        assert checks["ollama"].advice

    def test_a_stall_after_the_first_answers(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checks = diagnosed(repo, monkeypatch, {"endpoints": {"/api/ps": {"stall": 30}}})
        assert checks["ollama"].level == "ok"
        assert checks["model"].level == "problem"
        assert "stalled" in checks["model"].found

    def test_an_address_that_is_none(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OLLAMA_HOST", "ftp://box")
        check = by_name(examine(repo))["ollama"]
        assert "no address" in check.found
        assert "host:port" in check.advice

    @pytest.mark.parametrize(
        ("version", "found"), [("0.9.1", "which window"), ("0.11.0", "forbid thinking")]
    )
    def test_old(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch, version: str, found: str
    ) -> None:
        check = diagnosed(repo, monkeypatch, {"version": version})["ollama"]
        assert check.level == "warning"
        assert found in check.found
        assert check.advice == "update Ollama"


class TestModel:
    def test_none_at_all(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check = diagnosed(repo, monkeypatch, {"models": []})["model"]
        assert (check.level, check.advice) == ("problem", f"`ollama pull {NAME}`")

    def test_the_verdict_where_only_the_model_is_missing(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with start_standin({"models": []}, repo.parent) as standin:
            monkeypatch.setenv("OLLAMA_HOST", standin.url)
            verdict = examine(repo).verdict
        assert verdict.startswith(f"a run with {NAME} is blocked; the embedded brain works")
        assert verdict.endswith('greenloop run "TASK" --model repair')

    def test_not_the_one_in_the_settings(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check = diagnosed(repo, monkeypatch, {"models": [f"m{n}:1b" for n in range(20)]})["model"]
        assert check.level == "problem"
        assert "it has m0:1b, m1:1b" in check.found
        assert "m19" not in check.found
        assert f"`ollama pull {NAME}`" in check.advice

    def test_one_that_only_embeds(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script = {"models": [{"name": NAME, "capabilities": ["embedding"]}]}
        checks = diagnosed(repo, monkeypatch, script)
        assert checks["model"].level == "problem"
        assert "does not chat" in checks["model"].found
        # Nothing is said of what such a model will never have.
        assert checks.keys().isdisjoint({"profile", "window", "gpu"})

    def test_one_trained_for_too_little(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script = {"models": [{"name": NAME, "context_length": 1024}]}
        check = diagnosed(repo, monkeypatch, script)["model"]
        assert (check.level, check.advice) == ("problem", "take another model")
        assert "1024" in check.found

    def test_the_prefix_that_tells_ollama_from_a_provider(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GREENLOOP_MODEL", f"ollama:{NAME}")
        assert diagnosed(repo, monkeypatch)["model"].level == "ok"


class TestWindow:
    def test_loaded_with_a_small_one(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check = diagnosed(repo, monkeypatch, memory(2048))["window"]
        assert check.level == "warning"
        assert "loaded with 2048 only" in check.found
        assert "OLLAMA_CONTEXT_LENGTH=8192" in check.advice

    @pytest.mark.parametrize("share", [1.0, 0.5])
    def test_all_that_a_model_was_trained_for_is_enough(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch, share: float
    ) -> None:
        models = [{"name": NAME, "context_length": 4096}]
        check = diagnosed(repo, monkeypatch, {"models": models, **memory(4096, share)})["window"]
        assert check.level == "ok"
        assert "4096" in check.found
        assert "8192" not in check.found

    def test_a_setting_larger_than_what_is_loaded(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GREENLOOP_NUM_CTX", "16384")
        check = diagnosed(repo, monkeypatch, memory(8192))["window"]
        assert check.level == "warning"
        assert "a run asks for 16384" in check.found

    def test_a_setting_beyond_the_model(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GREENLOOP_NUM_CTX", "65536")
        check = diagnosed(repo, monkeypatch)["window"]
        assert (check.level, check.advice) == ("warning", "lower num_ctx")

    @pytest.mark.parametrize(
        ("version", "num_ctx", "loaded", "own"),
        [("0.5.1", 0, 2048, True), ("0.14.0", 0, 4096, True), ("0.33.0", 0, 4096, True),
         ("0.33.0", 0, 32768, True), ("0.33.0", 9000, 9000, True), ("0.33.0", 9000, 4096, False),
         ("0.5.1", 0, 4096, False), ("0.33.0", 0, 8192, False)],
    )  # fmt: skip
    def test_the_default_of_the_server(
        self,
        repo: Path,
        monkeypatch: pytest.MonkeyPatch,
        version: str,
        num_ctx: int,
        loaded: int,
        own: bool,
    ) -> None:
        script = {"version": version, "models": [{"name": NAME, "num_ctx": num_ctx}]}
        check = diagnosed(repo, monkeypatch, {**script, **memory(loaded)})["window"]
        assert ("(the server's own default)" in check.found) is own

    def test_partly_on_the_gpu(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check = diagnosed(repo, monkeypatch, memory(8192, 0.625))["gpu"]
        assert check.level == "warning"
        assert check.found.startswith("62% of 5.6 GiB")
        for cure in ("num_ctx", "q8_0", "smaller model"):
            assert cure in check.advice

    def test_a_window_that_cannot_be_lowered(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check = diagnosed(repo, monkeypatch, memory(4096, 0.5))["gpu"]
        assert "num_ctx" not in check.advice
        assert "smaller model" in check.advice

    def test_the_cpu_alone(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check = diagnosed(repo, monkeypatch, memory(8192, 0.0))["gpu"]
        assert check.level == "warning"
        assert "CPU alone" in check.found

    def test_the_profile_in_use(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = Path(os.environ["GREENLOOP_DATA_DIR"])
        with start_standin({}, repo.parent) as standin:
            monkeypatch.setenv("OLLAMA_HOST", standin.url)
            before = by_name(examine(repo))
            model = Server(standin.url).find(NAME)
            assert model is not None
            probed = Profile("probe", native_tools=True, num_ctx=16384, reply_tps=41.0)
            profile_store(data).save(model.digest, NAME, probed)
            after = by_name(examine(repo))
        assert "of its family" in before["profile"].found
        assert "--probe" in before["profile"].advice
        assert "measured by a probe" in after["profile"].found
        assert "41 tokens/s" in after["profile"].found
        assert "native tools" in after["profile"].found
        assert "a run asks for 16384" in after["window"].found

    @pytest.mark.parametrize(
        ("probed", "level", "says"),
        [
            (Profile("probe", keeps_edits=False), "warning", "kept neither"),
            (Profile("probe"), "ok", "speed not measured"),
        ],
    )
    def test_a_probe_that_found_little(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch, probed: Profile, level: str, says: str
    ) -> None:
        with start_standin({}, repo.parent) as standin:
            monkeypatch.setenv("OLLAMA_HOST", standin.url)
            model = Server(standin.url).find(NAME)
            assert model is not None
            store = profile_store(Path(os.environ["GREENLOOP_DATA_DIR"]))
            store.save(model.digest, NAME, probed)
            check = by_name(examine(repo))["profile"]
        assert check.level == level
        assert says in check.found


class TestMachine:
    def test_a_sound_database(self, repo: Path) -> None:
        with open_storage(Path(os.environ["GREENLOOP_DATA_DIR"])):
            pass
        assert by_name(examine(repo))["database"].found.endswith("sound")

    def test_no_database_is_made_by_looking(self, repo: Path) -> None:
        assert "none yet" in by_name(examine(repo))["database"].found
        assert not Path(os.environ["GREENLOOP_DATA_DIR"]).exists()

    def test_a_damaged_database(self, repo: Path) -> None:
        data = Path(os.environ["GREENLOOP_DATA_DIR"])
        data.mkdir()
        (data / "greenloop.db").write_bytes(b"not a database" * 100)
        diagnosis = examine(repo)
        assert by_name(diagnosis)["database"].level == "problem"
        assert not diagnosis.embedded_works
        assert "correct the problems" in diagnosis.verdict

    def test_a_database_with_broken_pages(self, repo: Path) -> None:
        data = Path(os.environ["GREENLOOP_DATA_DIR"])
        with open_storage(data) as storage:
            rows = [(f"t{n}", "x" * 200) for n in range(500)]
            storage.database.execute("CREATE TABLE many (a TEXT PRIMARY KEY, b TEXT)")
            with storage.database.transaction():
                for row in rows:
                    storage.database.execute("INSERT INTO many VALUES (?, ?)", row)
            storage.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path = data / "greenloop.db"
        path.write_bytes(path.read_bytes()[:40_000] + b"\x07" * 8000 + path.read_bytes()[48_000:])
        assert by_name(examine(repo))["database"].level == "problem"

    def test_a_database_of_a_newer_version(self, repo: Path) -> None:
        data = Path(os.environ["GREENLOOP_DATA_DIR"])
        data.mkdir()
        with closing(sqlite3.connect(data / "greenloop.db")) as connection:
            connection.execute("PRAGMA user_version=99")
        check = by_name(examine(repo))["database"]
        assert check.level == "problem"
        assert "newer greenloop" in check.found

    def test_a_data_folder_that_cannot_be_written(self, repo: Path, no_override: None) -> None:
        data = Path(os.environ["GREENLOOP_DATA_DIR"])
        data.mkdir()
        data.chmod(0o500)
        checks = by_name(examine(repo))
        data.chmod(0o700)
        assert checks["disk"].level == "problem"
        assert "database" not in checks
        assert "data_dir" in checks["disk"].advice

    def test_memory_as_linux_tells_it(self, tmp_path: Path) -> None:
        meminfo = tmp_path / "meminfo"
        meminfo.write_text("MemTotal:       16000 kB\nMemFree: 1 kB\nMemAvailable:    4000 kB\n")
        assert free_memory(meminfo) == (4000 * 1024, 16000 * 1024)

    def test_memory_where_the_system_does_not_tell(self, tmp_path: Path) -> None:
        free, whole = free_memory(tmp_path / "none")
        assert free == 0
        assert whole > 2**20

    def test_git_and_the_repository(self, repo: Path) -> None:
        assert "is no repository" in by_name(examine(repo))["git"].found
        (repo / ".git").mkdir()
        (repo / "below").mkdir()
        assert "is in a repository" in by_name(examine(repo / "below"))["git"].found


class TestProject:
    def test_a_broken_file_of_the_repository(self, repo: Path) -> None:
        (repo / "greenloop.toml").write_text("model = = 1")
        diagnosis = examine(repo)
        check = by_name(diagnosis)["settings"]
        assert check.level == "problem"
        assert "greenloop.toml" in check.found
        assert not diagnosis.embedded_works
        # What lies below the broken file still holds.
        assert os.environ["GREENLOOP_DATA_DIR"] in by_name(diagnosis)["disk"].found

    def test_a_broken_file_of_the_user(self, repo: Path) -> None:
        user_file().parent.mkdir(parents=True)
        user_file().write_text("num_ctx = 'many'")
        check = by_name(examine(repo))["settings"]
        assert check.level == "problem"
        assert "num_ctx" in check.found

    def test_which_files_count(self, repo: Path) -> None:
        assert "the defaults" in by_name(examine(repo))["settings"].found
        (repo / "greenloop.toml").write_text("num_ctx = 4096")
        assert "greenloop.toml" in by_name(examine(repo))["settings"].found

    def test_a_test_command_that_does_not_start(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GREENLOOP_TEST_CMD", "no-such-runner")
        check = by_name(examine(repo))["tests"]
        assert check.level == "problem"
        assert "no-such-runner" in check.found

    def test_a_test_command_that_is_not_pytest(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GREENLOOP_TEST_CMD", "true")
        diagnosis = examine(repo)
        assert by_name(diagnosis)["tests"].level == "ok"
        assert not diagnosis.embedded_works
        assert "embedded brain works" not in diagnosis.verdict

    def test_the_project_s_own_python(self, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GREENLOOP_TEST_CMD")
        check = by_name(examine(repo))["tests"]
        assert check.level == "ok"
        assert check.found.endswith("-m pytest")

    def test_search_by_keyword_needs_nothing(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GREENLOOP_RETRIEVAL", "keyword")
        assert by_name(examine(repo))["search"].level == "ok"

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(WorkspaceError):
            examine(tmp_path / "none")


def test_sizes_for_people() -> None:
    assert gib(6_000_000_000) == "5.6 GiB"
    assert gib(90_000) == "0.1 MiB"


def test_an_error_is_told_apart_from_its_cure() -> None:
    check = check_of("x", "problem", WorkspaceError("a: b broke (c: d): do\nthis"), ("model",))
    assert (check.found, check.advice) == ("a: b broke (c: d)", "do this")
