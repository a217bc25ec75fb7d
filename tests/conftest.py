"""Every test has a data folder and a configuration of its own, and meets no server by chance."""

import ctypes
import os
from collections.abc import Iterator
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


@pytest.fixture
def no_override() -> Iterator[None]:
    """Permission bits hold, for root too: its capabilities to override them sleep for the test."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    # capset(2): version 3 of the header; effective, permitted and inheritable, twice 32 bits.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    awake = data[0]
    data[0] = awake & ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, data) == 0
    yield
    data[0] = awake
    assert libc.capset(header, data) == 0
