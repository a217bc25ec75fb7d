"""Finding out how a project's tests are run, and with which interpreter."""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from greenloop.errors import NoTestsError, SandboxError
from greenloop.tools.sandbox.base import Command, Limits, Sandbox

_SHELL_SYNTAX = re.compile(r"[|&;<>$`*?(){}\n]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_VENV_FOLDERS = (".venv", "venv", "env")
_PROBE = Limits(timeout_s=30.0)


@dataclass(frozen=True, slots=True)
class TestCommand:
    """How the tests are run."""

    __test__ = False  # its name would make pytest collect it

    argv: tuple[str, ...]
    """The whole command as it is started."""
    python: Path | None = None
    """The project's interpreter; None when the command is not a plain pytest call."""
    pytest_args: tuple[str, ...] = ()
    """Options and paths after `pytest`."""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """As a person would type it."""
        return shlex.join(self.argv)


def find_command(
    workspace: Path, test_cmd: str, virtual_env: str, path: str, sandbox: Sandbox
) -> TestCommand:
    """The command to judge by: the user's own, else pytest with the project's interpreter.

    `virtual_env` is the active environment's folder or empty; `path` the user's PATH.

    Raises:
        NoTestsError: the command is malformed or its program does not exist.
    """
    if test_cmd.strip():
        return _parse(workspace, test_cmd, path)
    python = _find_python(workspace, virtual_env, path, sandbox)
    return TestCommand(argv=(str(python), "-m", "pytest"), python=python)


def _parse(workspace: Path, test_cmd: str, path: str) -> TestCommand:
    try:
        words = shlex.split(test_cmd)
    except ValueError as error:
        raise NoTestsError(f"the test command {test_cmd!r} is malformed: {error}") from error
    env = {}
    while words and _ASSIGNMENT.fullmatch(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if _SHELL_SYNTAX.search(test_cmd):
        return TestCommand(argv=("/bin/sh", "-c", test_cmd))
    program = _resolve(workspace, words[0], path) if words else None
    if program is None:
        shown = words[0] if words else test_cmd
        raise NoTestsError(f"the test command does not start: {shown!r} was not found")
    argv = (str(program), *words[1:])
    if re.fullmatch(r"python[\d.]*", program.name) and words[1:3] == ["-m", "pytest"]:
        return TestCommand(argv, program, tuple(words[3:]), env)
    if program.name in ("pytest", "py.test"):
        python = program.with_name("python")
        return TestCommand(argv, python if python.exists() else None, tuple(words[1:]), env)
    return TestCommand(argv, env=env)


def _resolve(workspace: Path, program: str, path: str) -> Path | None:
    """Absolute path of a program: from the workspace, its own environment, or the PATH."""
    if "/" in program:
        found = workspace / program
        return found if found.is_file() else None
    own = [str(folder / "bin") for folder in _own_environments(workspace)]
    where = shutil.which(program, path=":".join([*own, path]))
    return Path(where) if where else None


def _own_environments(workspace: Path) -> list[Path]:
    folders = (workspace / name for name in _VENV_FOLDERS)
    return [folder for folder in folders if (folder / "pyvenv.cfg").is_file()]


def _find_python(workspace: Path, virtual_env: str, path: str, sandbox: Sandbox) -> Path:
    """First interpreter that has pytest: the project's, the active, the PATH's, our own."""
    candidates = [folder / "bin" / "python" for folder in _own_environments(workspace)]
    if virtual_env:
        candidates.append(Path(virtual_env) / "bin" / "python")
    on_path = shutil.which("python3", path=path)
    if on_path:
        candidates.append(Path(on_path))
    found = (_with_pytest(python, workspace, sandbox) for python in candidates)
    return next(filter(None, found), Path(sys.executable))


def _with_pytest(python: Path, workspace: Path, sandbox: Sandbox) -> Path | None:
    """The interpreter itself, past any shim, if it has pytest."""
    # -I: a file of the workspace named like a standard module must not be run here.
    probe = "import sys, pytest; print(sys.executable)"
    command = Command((str(python), "-I", "-c", probe), cwd=workspace, limits=_PROBE)
    try:
        result = sandbox.run(command)
    except SandboxError:
        return None
    return Path(result.output.strip()) if result.exit_code == 0 else None
