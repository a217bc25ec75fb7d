"""Finding out how a project's tests are run, and with which interpreter."""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    workspace: Path,
    test_cmd: str,
    virtual_env: str,
    path: str,
    sandbox: Sandbox,
    venv: str = "",
) -> TestCommand:
    """The command to judge by: the user's own, else pytest with the project's interpreter.

    Args:
        workspace: the project's folder.
        test_cmd: the user's own command; empty for none.
        virtual_env: folder of the active environment; empty for none.
        path: the user's PATH.
        sandbox: to try interpreters in.
        venv: folder of the project's environment, when it is not to be looked for.

    Raises:
        NoTestsError: the command is malformed, or its program or `venv` does not exist.
    """
    own = [Path(venv).expanduser()] if venv else own_environments(workspace)
    if venv and not (own[0] / "bin" / "python").exists():
        raise NoTestsError(
            f"the setting venv names {venv}, which has no bin/python: name the folder of a "
            "virtual environment"
        )
    if test_cmd.strip():
        command = _parse(workspace, test_cmd, path, own)
    else:
        python = _find_python(workspace, (own, virtual_env), path, sandbox)
        command = TestCommand(argv=(str(python), "-m", "pytest"), python=python)
    borrowed = venv and not own[0].resolve().is_relative_to(workspace.resolve())
    return _with_own_source(command, workspace) if borrowed else command


def _with_own_source(command: TestCommand, workspace: Path) -> TestCommand:
    """An environment from elsewhere may know the project by another folder's files.

    An editable install is such a case. PYTHONPATH comes before what is installed.
    """
    source = workspace / "src"
    here = str(source if source.is_dir() else workspace)
    known = command.env.get("PYTHONPATH", "")
    path = f"{known}:{here}" if known else here
    return replace(command, env={**command.env, "PYTHONPATH": path})


def _parse(workspace: Path, test_cmd: str, path: str, own: list[Path]) -> TestCommand:
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
    program = _resolve(workspace, words[0], path, own) if words else None
    if program is None:
        shown = words[0] if words else test_cmd
        raise NoTestsError(
            f"the test command does not start: {shown!r} was not found: see to --test-cmd"
        )
    argv = (str(program), *words[1:])
    if re.fullmatch(r"python[\d.]*", program.name) and words[1:3] == ["-m", "pytest"]:
        return TestCommand(argv, program, tuple(words[3:]), env)
    if program.name in ("pytest", "py.test"):
        python = program.with_name("python")
        return TestCommand(argv, python if python.exists() else None, tuple(words[1:]), env)
    return TestCommand(argv, env=env)


def _resolve(workspace: Path, program: str, path: str, own: list[Path]) -> Path | None:
    """Absolute path of a program: from the workspace, its own environment, or the PATH."""
    if "/" in program:
        found = workspace / program
        return found if found.is_file() else None
    programs = [str(folder / "bin") for folder in own]
    where = shutil.which(program, path=":".join([*programs, path]))
    return Path(where) if where else None


def own_environments(workspace: Path) -> list[Path]:
    """Virtual environments in a project's folder, by their usual names."""
    folders = (workspace / name for name in _VENV_FOLDERS)
    return [folder for folder in folders if (folder / "pyvenv.cfg").is_file()]


def _find_python(
    workspace: Path, environments: tuple[list[Path], str], path: str, sandbox: Sandbox
) -> Path:
    """First interpreter that has pytest: the project's, the active, the PATH's, our own."""
    own, virtual_env = environments
    candidates = [folder / "bin" / "python" for folder in own]
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
