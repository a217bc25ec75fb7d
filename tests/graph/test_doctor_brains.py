"""The doctor on brains that are no model in Ollama: it says what a run would say."""

import sys
from pathlib import Path

import pytest

from greenloop.graph.doctor import Diagnosis, examine
from greenloop.graph.doctor_check import Check
from greenloop.tools.standin.start import start_standin


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Known at once, without asking interpreters for pytest.
    monkeypatch.setenv("GREENLOOP_TEST_CMD", f"{sys.executable} -m pytest")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repo"
    folder.mkdir()
    return folder


def by_name(diagnosis: Diagnosis) -> dict[str, Check]:
    for check in diagnosis.checks:
        assert check.advice or check.level == "ok"
    # A block is never without a line that says why.
    problems = [check for check in diagnosis.checks if check.level == "problem"]
    assert diagnosis.blocked is bool(problems)
    return {check.name: check for check in diagnosis.checks}


def test_the_embedded_brain_needs_no_server(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENLOOP_MODEL", "repair")
    diagnosis = examine(repo)
    checks = by_name(diagnosis)
    assert checks["ollama"].level == "warning"
    assert not diagnosis.blocked
    assert diagnosis.verdict == "nothing blocks a run with repair"


def test_the_embedded_brain_beside_a_server(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENLOOP_MODEL", "repair")
    with start_standin({}, repo.parent) as standin:
        monkeypatch.setenv("OLLAMA_HOST", standin.url)
        checks = by_name(examine(repo))
    assert checks["ollama"].level == "ok"
    assert "embedded" in checks["model"].found


def test_a_brain_that_reads_a_file(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = repo / "replies.txt"
    monkeypatch.setenv("GREENLOOP_MODEL", f"scripted:{script}")
    missing = examine(repo)
    script.write_text("=== any\nhello\n")
    there = examine(repo)
    assert by_name(missing)["model"].level == "problem"
    assert "another brain" in by_name(missing)["model"].advice
    assert (missing.blocked, missing.embedded_works) == (True, True)
    assert by_name(there)["model"].level == "ok"
    assert not there.blocked


def test_a_provider_s_model_does_not_depend_on_ollama(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENLOOP_MODEL", "openai:gpt-5")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    diagnosis = examine(repo)
    checks = by_name(diagnosis)
    assert "ollama" not in checks
    assert checks["model"].level == "ok"
    assert "openai:gpt-5" in checks["model"].found
    assert "leave this machine" in checks["model"].found
    assert not diagnosis.blocked


@pytest.mark.parametrize(
    ("model", "base_url", "found", "advice"),
    [
        ("openai:m", "", "openai:m needs a key", "OPENAI_API_KEY"),
        ("anthropic:m", "", "anthropic:m needs a key", "ANTHROPIC_API_KEY"),
        ("groq:m", "", "groq:m needs a package", "pip install langchain-groq"),
        ("openai:m", "localhost:8080", "is no address", "http://HOST:PORT/v1"),
    ],
)
def test_a_provider_that_a_run_would_refuse(
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    base_url: str,
    found: str,
    advice: str,
) -> None:
    monkeypatch.setenv("GREENLOOP_MODEL", model)
    monkeypatch.setenv("GREENLOOP_BASE_URL", base_url)
    diagnosis = examine(repo)
    check = by_name(diagnosis)["model"]
    assert check.level == "problem"
    assert found in check.found
    assert advice in check.advice
    assert (diagnosis.blocked, diagnosis.embedded_works) == (True, True)


@pytest.mark.parametrize("model", ["openai:gpt-5", "scripted:replies.txt"])
def test_a_brain_that_is_the_user_s_to_choose(
    repo: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (repo / "greenloop.toml").write_text(f'model = "{model}"\n')
    diagnosis = examine(repo)
    check = by_name(diagnosis)["model"]
    assert "yours to choose" in check.found
    assert f"--model {model}" in check.advice
    assert (diagnosis.blocked, diagnosis.embedded_works) == (True, True)


@pytest.mark.parametrize(
    ("command", "level"), [("true", "problem"), (f"{sys.executable} -m pytest -x", "ok")]
)
def test_the_embedded_brain_works_with_pytest_only(
    repo: Path, monkeypatch: pytest.MonkeyPatch, command: str, level: str
) -> None:
    monkeypatch.setenv("GREENLOOP_MODEL", "repair")
    monkeypatch.setenv("GREENLOOP_TEST_CMD", command)
    diagnosis = examine(repo)
    check = by_name(diagnosis)["tests"]
    assert check.level == level
    assert diagnosis.blocked is (level == "problem")
    assert bool(check.advice) is diagnosis.blocked
