"""Tiny projects on disk and a call of the brain that is under test."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from greenloop.tools.model.base import Brief, ModelReply, ModelRequest
from greenloop.tools.repair.model import RepairModel
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.local import LocalSandbox

Repairer = Callable[..., ModelReply]


def command(*args: str) -> TestCommand:
    python = Path(sys.executable)
    return TestCommand(
        (sys.executable, "-m", "pytest", *args),
        python,
        args,
        # Plugins that happen to be installed beside us would only cost time.
        {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


@pytest.fixture
def project(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Writes files and returns their folder."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "project"

    return write


@pytest.fixture
def repair() -> Repairer:
    """Asks the brain as the coder."""

    def ask(
        workspace: Path,
        *args: str,
        ordinal: int = 0,
        diff: str = "",
        deadline_s: float = 60.0,
    ) -> ModelReply:
        model = RepairModel(LocalSandbox(), command(*args), deadline_s)
        brief = Brief(workspace, "make the tests pass", ordinal=ordinal, diff=diff)
        return model.reply(ModelRequest("coder", (), brief))

    return ask
