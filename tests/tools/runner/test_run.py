import sys
from pathlib import Path

from greenloop.tools.runner.command import TestCommand
from greenloop.tools.runner.report import TestReport
from greenloop.tools.runner.run import TestRunner
from greenloop.tools.sandbox.local import LocalSandbox

PYTEST = TestCommand((sys.executable, "-m", "pytest"), Path(sys.executable))


def run(folder: Path, command: TestCommand = PYTEST, timeout_s: float = 60) -> TestReport:
    return TestRunner(LocalSandbox(), command, folder, timeout_s).run()


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def test_each_outcome_is_told_apart(tmp_path: Path) -> None:
    write(
        tmp_path,
        thing="def double(x):\n    return x + 1\n",
        test_thing="""
import pytest
from thing import double

def test_good(): assert double(1) == 2
def test_bad(): assert double(2) == 4
def test_name(): undefined_name
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected_failure(): assert False
@pytest.fixture
def broken(): raise KeyError("x")
def test_setup(broken): pass
""",
    )
    report = run(tmp_path)
    outcomes = {case.test_id.partition("::")[2]: case.outcome for case in report.cases}
    assert outcomes == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_name": "failed",
        "test_skipped": "skipped",
        "test_expected_failure": "xfailed",
        "test_setup": "error",
    }
    kinds = {case.test_id.partition("::")[2]: case.kind for case in report.failing}
    assert kinds == {"test_bad": "assertion", "test_name": "name", "test_setup": "exception"}
    assert report.kind == "name"
    assert report.structured
    assert report.exit_code == 1


def test_frames_name_the_faulty_line_inside_the_workspace(tmp_path: Path) -> None:
    write(
        tmp_path,
        deep="def divide(x):\n    return 1 / x\n",
        test_deep="from deep import divide\ndef test_it(): divide(0)\n",
    )
    (case,) = run(tmp_path).failing
    assert [(f.path, f.line, f.function) for f in case.frames] == [
        ("test_deep.py", 2, "test_it"),
        ("deep.py", 2, "divide"),
    ]
    assert case.message == "ZeroDivisionError: division by zero"


def test_a_file_that_cannot_be_imported_does_not_hide_the_other_tests(tmp_path: Path) -> None:
    write(tmp_path, test_a="import no_such_module\n", test_b="def test_fine(): pass\n")
    report = run(tmp_path)
    assert [case.test_id for case in report.collection_errors] == ["test_a.py"]
    assert report.passed == {"test_b.py::test_fine"}
    assert report.kind == "import"


def test_a_syntax_error_is_classed_as_one(tmp_path: Path) -> None:
    write(tmp_path, broken="def f(:\n", test_a="import broken\n")
    assert run(tmp_path).kind == "syntax"


def test_no_tests(tmp_path: Path) -> None:
    assert run(tmp_path).kind == "no_tests"


def test_a_hanging_test_is_the_one_that_failed(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_a="import time\ndef test_ok(): pass\ndef test_hangs(): time.sleep(60)\n",
    )
    report = run(tmp_path, timeout_s=3)
    assert report.kind == "timeout"
    assert [(c.test_id, c.kind) for c in report.failing] == [("test_a.py::test_hangs", "timeout")]
    assert report.passed == {"test_a.py::test_ok"}


def test_a_crash_of_the_interpreter_is_no_success(tmp_path: Path) -> None:
    write(tmp_path, test_a="import os\ndef test_dies(): os._exit(0)\n")
    report = run(tmp_path)
    assert report.kind == "crash"
    assert [case.test_id for case in report.failing] == ["test_a.py::test_dies"]


def test_workers_of_xdist_report_through_the_controller(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_ok(): pass\ndef test_bad(): assert 1 == 2\n")
    command = TestCommand((sys.executable, "-m", "pytest", "-n", "2"), Path(sys.executable))
    report = run(tmp_path, command)
    assert report.passed == {"test_a.py::test_ok"}
    assert [(c.test_id, c.kind) for c in report.failing] == [("test_a.py::test_bad", "assertion")]


def test_another_command_speaks_by_its_exit_code(tmp_path: Path) -> None:
    good = run(tmp_path, TestCommand(("/bin/sh", "-c", "echo fine")))
    bad = run(tmp_path, TestCommand(("/bin/sh", "-c", "echo wrong; exit 3")))
    assert (good.kind, good.structured) == ("none", False)
    assert (bad.kind, bad.exit_code) == ("command", 3)
    assert bad.failing[0].excerpt == "wrong"


def test_pytest_inside_another_command_still_reports(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_ok(): pass\n")
    command = TestCommand(("/bin/sh", "-c", f"{sys.executable} -m pytest"))
    report = run(tmp_path, command)
    assert report.structured
    assert report.passed == {"test_a.py::test_ok"}


def test_rubbish_in_the_report_is_no_event(tmp_path: Path) -> None:
    rubbish = 'b"\\xff\\n[1]\\n{}\\n{\\"event\\": \\"phase\\"}\\n"'
    script = f"import os\nopen(os.environ['GREENLOOP_REPORT'], 'ab').write({rubbish})\n"
    write(tmp_path, test_a=script + "def test_ok(): pass\n")
    report = run(tmp_path)
    assert report.passed == {"test_a.py::test_ok"}
    assert report.kind == "none"


def test_an_all_green_run_of_xdist_is_green(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_ok(): pass\n")
    command = TestCommand((sys.executable, "-m", "pytest", "-n", "2"), Path(sys.executable))
    assert run(tmp_path, command).kind == "none"


def test_the_run_leaves_no_cache_in_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_ok(): pass\n")
    run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test_a.py"]
