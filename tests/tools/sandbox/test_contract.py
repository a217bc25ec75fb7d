"""What every sandbox must do; each level is one more parameter."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import gone

from greenloop.errors import SandboxError
from greenloop.tools.sandbox.base import Command, CommandResult, Limits, Sandbox
from greenloop.tools.sandbox.local import LocalSandbox

Factory = Callable[[], Sandbox]
FACTORIES: list[Factory] = [LocalSandbox]


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    factory: Factory = request.param
    return factory()


def shell(
    sandbox: Sandbox, folder: Path, script: str, limits: Limits | None = None
) -> CommandResult:
    return sandbox.run(Command(("/bin/sh", "-c", script), folder, limits=limits or Limits()))


def test_output_and_exit_code(sandbox: Sandbox, tmp_path: Path) -> None:
    result = shell(sandbox, tmp_path, "echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.reason) == (7, "exit")
    assert sorted(result.output.split()) == ["err", "out"]


def test_it_runs_in_the_folder_given(sandbox: Sandbox, tmp_path: Path) -> None:
    assert shell(sandbox, tmp_path, "pwd -P").output.strip() == str(tmp_path.resolve())


def test_stdin_is_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    assert shell(sandbox, tmp_path, "cat; echo end").output == "end\n"


def test_the_environment_is_clean_but_for_what_is_given(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    command = Command(("/usr/bin/env",), tmp_path, {"GIVEN": "yes"})
    shown = sandbox.run(command).output
    assert "GIVEN=yes" in shown
    assert "hunter2" not in shown


def test_a_timeout_ends_the_whole_group(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "sleep 300 & echo $! > child; trap '' TERM; sleep 300"
    result = shell(sandbox, tmp_path, script, Limits(timeout_s=1))
    assert result.reason == "timeout"
    assert gone(int((tmp_path / "child").read_text()))


def test_a_process_left_in_the_background_is_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    result = shell(sandbox, tmp_path, "sleep 300 & echo $! > child; echo done")
    assert (result.exit_code, result.output) == (0, "done\n")
    assert gone(int((tmp_path / "child").read_text()))


def test_endless_output_is_stopped_and_only_its_ends_are_kept(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    limits = Limits(keep_bytes=1000, output_bytes=200_000)
    result = shell(sandbox, tmp_path, "echo first; yes", limits)
    assert result.reason == "output_limit"
    assert result.output.startswith("first\n")
    assert "bytes left out" in result.output
    assert len(result.output) < 2200


def test_head_and_tail_are_kept_exactly(sandbox: Sandbox, tmp_path: Path) -> None:
    script = f"{sys.executable} -c \"print('a' * 50 + 'b' * 100 + 'c' * 49)\""
    result = shell(sandbox, tmp_path, script, Limits(keep_bytes=50))
    assert result.output == "a" * 50 + "\n[... 100 bytes left out ...]\n" + "c" * 49 + "\n"
    assert result.total_bytes == 200


def test_output_that_is_no_text(sandbox: Sandbox, tmp_path: Path) -> None:
    assert shell(sandbox, tmp_path, r"printf 'a\377b'").output == "a\ufffdb"


def test_a_signal_shows_as_a_negative_code(sandbox: Sandbox, tmp_path: Path) -> None:
    assert shell(sandbox, tmp_path, "kill -9 $$").exit_code == -signal.SIGKILL


def test_output_is_seen_as_it_comes(sandbox: Sandbox, tmp_path: Path) -> None:
    seen: list[bytes] = []
    command = Command(("/bin/sh", "-c", "echo one; sleep 0.3; echo two"), tmp_path)
    sandbox.run(command, on_output=seen.append)
    assert b"".join(seen) == b"one\ntwo\n"
    assert len(seen) > 1


def test_an_interrupt_ends_the_command(sandbox: Sandbox, tmp_path: Path) -> None:
    def interrupt(_data: bytes) -> None:
        raise KeyboardInterrupt

    command = Command(("/bin/sh", "-c", "echo $$ > child; echo go; sleep 300"), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(command, on_output=interrupt)
    assert gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("program", ["/no/such/program", "nul\0byte"])
def test_a_program_that_cannot_start_is_our_error(
    sandbox: Sandbox, tmp_path: Path, program: str
) -> None:
    with pytest.raises(SandboxError, match="cannot start"):
        sandbox.run(Command((program,), tmp_path))
