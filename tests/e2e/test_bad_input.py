"""What users get wrong, and what fails around them: one clear line, the right code, no harm."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from e2e.support import GREETING, PYTEST, block, command, greenloop, read, result_of, write

from greenloop.tools.standin.start import start_standin

FIXED = {
    "words/greet.py": "def greet(name):\n    return f'Hello, {name}!'\n",
    "words/shout.py": "def shout(text):\n    return text.upper() + '!'\n",
}

# Permission bits do not hold for root: there, run without the capabilities that override them.
AS_ANYBODY = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "keyword")
    return write(tmp_path / "project", GREETING)


def fails(*words: str, code: int, says: str, **more: Any) -> str:
    done = greenloop(*words, **more)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("greenloop: ")
    assert says in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def run_fails(project: Path, *more: str, code: int, says: str, **rest: Any) -> None:
    words = ("run", "fix it", "--repo", str(project), "--test-cmd", PYTEST, *more)
    before = read(project)
    fails(*words, code=code, says=says, **rest)
    assert read(project) == before


class TestWhere:
    def test_unknown_folder(self) -> None:
        fails("run", "fix", "--repo", "/no/such/folder", code=2, says="/no/such/folder")

    def test_a_file_is_no_folder(self, project: Path) -> None:
        fails("run", "fix", "--repo", str(project / "conftest.py"), code=2, says="folder")

    def test_a_folder_that_cannot_be_written(self, project: Path) -> None:
        project.chmod(0o555)
        done = subprocess.run(
            [*AS_ANYBODY, *command("run", "fix", "--repo", str(project), "--model", "repair")],
            capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        project.chmod(0o755)
        assert done.returncode == 2, done.stderr
        assert "writ" in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_the_home_folder_is_no_project(self, project: Path) -> None:
        says = "home folder"
        run_fails(project, "--model", "repair", code=2, says=says, env={"HOME": str(project)})


class TestTask:
    @pytest.mark.parametrize("task", ["", "  \n "])
    def test_empty(self, project: Path, task: str) -> None:
        words = ("run", task, "--repo", str(project), "--model", "repair")
        fails(*words, code=2, says="task is empty")

    def test_any_language(self, project: Path) -> None:
        write(
            project, FIXED | {"words/greet.py": "def greet(name):\n    return 'Hello, ' + name\n"}
        )
        words = ("run", "修复失败的测试 🐛", "--repo", str(project), "--model", "repair", "--json")
        result = result_of(greenloop(*words, "--test-cmd", PYTEST))
        assert result["task"] == "修复失败的测试 🐛"


class TestTests:
    def test_none_found(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "empty", {"a.py": "x = 1\n"})
        run_fails(folder, "--model", "repair", code=2, says="no tests found")
        assert greenloop("threads").stdout.startswith("no threads yet")

    def test_command_that_does_not_start(self, project: Path) -> None:
        run_fails(
            project, "--model", "repair", "--test-cmd", "no-such-runner --x",
            code=2, says="'no-such-runner' was not found",
        )  # fmt: skip

    def test_nothing_fails_and_only_the_embedded_brain_is_there(self, project: Path) -> None:
        write(project, FIXED)
        run_fails(project, code=2, says="ollama pull qwen2.5-coder:7b")

    def test_the_embedded_brain_works_with_pytest_only(self, project: Path) -> None:
        done = greenloop(
            "run", "fix", "--repo", str(project), "--model", "repair", "--test-cmd", "false"
        )
        assert done.returncode == 1
        assert "works with pytest only" in done.stdout


class TestModel:
    def test_named_but_no_server(self, project: Path) -> None:
        run_fails(project, "--model", "some:7b", code=2, says="ollama serve")

    def test_not_named_and_no_server(self, tmp_path: Path) -> None:
        test = "from m import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
        files = {"m.py": "def add(a, b):\n    return a - b\n", "test_m.py": test}
        folder = write(tmp_path / "small", files)
        done = greenloop("run", "fix", "--repo", str(folder), "--test-cmd", PYTEST)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.splitlines() if "Ollama" in line]
        assert "no Ollama answers at http://127.0.0.1:9: using the embedded brain" in line
        assert (folder / "m.py").read_text() == "def add(a, b):\n    return a + b\n"

    def test_unknown_to_the_server(self, project: Path, tmp_path: Path) -> None:
        with start_standin({"models": ["other:3b"], "replies": []}, tmp_path) as standin:
            run_fails(
                project, "--model", "some:7b",
                code=2, says="ollama pull some:7b", env={"OLLAMA_HOST": standin.url},
            )  # fmt: skip

    def test_gone_in_the_middle_and_back_again(self, project: Path, tmp_path: Path) -> None:
        model = {"models": ["qwen2.5-coder:7b"]}
        half = block("words/greet.py", "    return 'Hello ' + name", "    return f'Hello, {name}!'")
        rest = block("words/shout.py", "    return text", "    return text.upper() + '!'")
        before = read(project)
        with start_standin({**model, "replies": [{"cut": True, "times": None}]}, tmp_path) as first:
            done = greenloop(
                "run", "fix it", "--repo", str(project), "--test-cmd", PYTEST, "--json",
                env={"OLLAMA_HOST": first.url},
            )  # fmt: skip
        assert done.returncode == 3
        failed = result_of(done)
        assert failed["status"] == "error"
        assert f"resume {failed['thread']}" in failed["error"]
        assert read(project) == before
        replies = [half, rest, "VERDICT: keep"]
        with start_standin({**model, "replies": replies}, tmp_path) as second:
            done = greenloop("resume", failed["thread"], "--json", env={"OLLAMA_HOST": second.url})
        assert result_of(done)["status"] == "green"
        assert read(project) == {**before, **FIXED}

    def test_rubbish_from_the_server(self, project: Path, tmp_path: Path) -> None:
        script = {
            "models": ["qwen2.5-coder:7b"],
            "replies": [{"text": "words", "junk": "<html>", "times": None}],
        }
        with start_standin(script, tmp_path) as standin:
            run_fails(project, code=3, says="go on with", env={"OLLAMA_HOST": standin.url})


class TestThreads:
    @pytest.mark.parametrize("verb", ["show", "resume", "undo", "graph"])
    def test_unknown(self, verb: str) -> None:
        fails(verb, "nope", code=2, says="there is no thread 'nope'")

    def test_nothing_to_resume_here(self, tmp_path: Path) -> None:
        fails("resume", code=2, says="no unfinished thread", cwd=tmp_path)

    def test_its_folder_is_gone(self, project: Path) -> None:
        thread = unsolved(project)
        project.rename(project.with_name("moved"))
        fails("resume", thread, code=2, says=str(project))

    @pytest.mark.parametrize("verb", ["resume", "undo"])
    def test_of_another_folder(self, project: Path, tmp_path: Path, verb: str) -> None:
        thread = unsolved(project)
        elsewhere = write(tmp_path / "elsewhere", {"a.py": "x = 1\n"})
        fails(verb, thread, code=2, says=f"--repo {project}", cwd=elsewhere)
        assert greenloop(verb, thread, "--repo", str(project), cwd=elsewhere).returncode != 2

    def test_made_by_another_version(self, project: Path, own_environment: Path) -> None:
        thread = unsolved(project)
        with closing(sqlite3.connect(own_environment / "data/greenloop.db")) as db, db:
            db.execute("UPDATE threads SET graph_version = 99")
        fails("resume", thread, code=2, says="another version of greenloop")

    def test_files_have_changed_since(self, project: Path) -> None:
        thread = unsolved(project)
        (project / "words/greet.py").write_text("mine = 1\n")
        fails("resume", thread, code=2, says="words/greet.py")
        assert (project / "words/greet.py").read_text() == "mine = 1\n"


class TestDatabase:
    @pytest.mark.parametrize("verb", [("threads",), ("run", "fix", "--model", "repair")])
    def test_damaged(self, project: Path, own_environment: Path, verb: tuple[str, ...]) -> None:
        data = own_environment / "data"
        data.mkdir()
        (data / "greenloop.db").write_bytes(b"rubbish " * 1000)
        repo = ("--repo", str(project))
        fails(*verb, *repo, code=3, says="doctor --repair-store")
        assert (data / "greenloop.db").read_bytes() == b"rubbish " * 1000

    def test_damaged_behind_a_good_header(self, project: Path, own_environment: Path) -> None:
        unsolved(project)
        path = own_environment / "data/greenloop.db"
        path.write_bytes(path.read_bytes()[:4096] + os.urandom(100_000))
        fails("threads", code=3, says="doctor --repair-store")

    def test_newer(self, own_environment: Path) -> None:
        data = own_environment / "data"
        data.mkdir()
        with closing(sqlite3.connect(data / "greenloop.db")) as db:
            db.execute("PRAGMA user_version = 99")
        fails("threads", code=2, says="newer greenloop")


class TestWords:
    @pytest.mark.parametrize(
        ("more", "says"),
        [
            (("--budget", "lots"), "--budget"),
            (("--set", "colour=green"), "unknown setting 'colour'"),
            (("--set", "num_ctx=many"), "num_ctx"),
        ],
    )
    def test_settings(self, project: Path, more: tuple[str, ...], says: str) -> None:
        run_fails(project, "--model", "repair", *more, code=2, says=says)

    def test_a_verb_that_does_not_exist(self) -> None:
        done = greenloop("fly")
        assert done.returncode == 2
        assert "there is no 'fly'" in done.stderr

    def test_a_reader_that_goes_away(self) -> None:
        script = f"{sys.executable} -m greenloop graph | head -1"
        done = subprocess.run(
            ["/bin/sh", "-c", script], capture_output=True, text=True, check=True, cwd="/"
        )
        assert done.stderr == ""


def unsolved(project: Path) -> str:
    """A thread that ended without a solution; returns its name."""
    words = ("run", "fix", "--repo", str(project), "--model", "repair", "--test-cmd", "false")
    done = greenloop(*words, "--json")
    assert done.returncode == 1, done.stderr
    thread: str = result_of(done)["thread"]
    return thread
