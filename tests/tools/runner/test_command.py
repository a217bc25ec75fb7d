import os
import sys
import venv
from pathlib import Path

import pytest

from greenloop.errors import NoTestsError
from greenloop.tools.runner.command import TestCommand, find_command
from greenloop.tools.sandbox.local import LocalSandbox

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])


def find(folder: Path, text: str = "", virtual_env: str = "") -> TestCommand:
    return find_command(folder, text, virtual_env, PATH, LocalSandbox())


def test_without_a_command_pytest_is_run_by_an_interpreter_that_has_it(tmp_path: Path) -> None:
    command = find(tmp_path)
    assert command.argv[1:] == ("-m", "pytest")
    assert command.python is not None
    assert command.python.is_file()


def test_an_environment_without_pytest_is_passed_over(tmp_path: Path) -> None:
    venv.create(tmp_path / ".venv", with_pip=False)
    assert not str(find(tmp_path).python).startswith(str(tmp_path))


def test_the_own_environment_comes_first(tmp_path: Path) -> None:
    venv.create(tmp_path / ".venv", with_pip=False)
    site = next((tmp_path / ".venv").glob("lib/python*/site-packages"))
    (site / "pytest.py").write_text("", encoding="utf-8")
    assert str(find(tmp_path).python).startswith(str(tmp_path / ".venv"))


def borrowed(folder: Path, place: Path, text: str = "") -> TestCommand:
    return find_command(folder, text, "", PATH, LocalSandbox(), str(place))


def test_an_environment_from_elsewhere_sees_this_folders_source(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    (site / "pytest.py").write_text("", encoding="utf-8")
    project = tmp_path / "project"
    project.mkdir()
    command = borrowed(project, tmp_path / "env")
    assert str(command.python).startswith(str(tmp_path / "env"))
    assert command.env == {"PYTHONPATH": str(project)}
    (project / "src").mkdir()
    with_variables = borrowed(project, tmp_path / "env", "PYTHONPATH=lib python -m pytest -x")
    assert with_variables.env == {"PYTHONPATH": f"lib:{project / 'src'}"}
    assert with_variables.python == tmp_path / "env/bin/python"


def test_an_environment_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoTestsError, match="no bin/python"):
        borrowed(tmp_path, tmp_path / "env")


def test_a_module_of_the_workspace_is_not_run_while_probing(tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("open('ran', 'w')", encoding="utf-8")
    find(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_pytest_with_options(tmp_path: Path) -> None:
    command = find(tmp_path, "pytest -q 'tests/a b.py'")
    assert command.python is not None
    assert command.pytest_args == ("-q", "tests/a b.py")


def test_python_m_pytest_and_variables(tmp_path: Path) -> None:
    command = find(tmp_path, f"LEVEL=3 {sys.executable} -m pytest -x")
    assert command.env == {"LEVEL": "3"}
    assert command.python == Path(sys.executable)
    assert command.pytest_args == ("-x",)


def test_shell_syntax_goes_to_a_shell(tmp_path: Path) -> None:
    command = find(tmp_path, "make build && ./check")
    assert command.argv == ("/bin/sh", "-c", "make build && ./check")
    assert command.python is None


@pytest.mark.parametrize("text", ["no-such-program --now", "'unclosed", "./missing"])
def test_what_cannot_start_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoTestsError, match="test command"):
        find(tmp_path, text)
