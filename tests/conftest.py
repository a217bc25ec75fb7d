"""Every test has a data folder and a configuration of its own, and meets no server by chance."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    folder = tmp_path_factory.mktemp("user")
    for name in list(os.environ):
        if name.startswith(("GREENLOOP_", "OLLAMA_", "LANGSMITH", "LANGCHAIN", "PYTEST_ADDOPTS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GREENLOOP_DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    # A port on which nothing listens: no test finds a model server that happens to run here.
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    return folder
