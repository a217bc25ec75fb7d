"""History, rewind, fork, diff and undo as a user types them."""

import json
import os
import pty
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest
from e2e.support import command, greenloop, read, write

SCRIPT = """=== coder
answer.txt
```
red
```
=== coder
answer.txt
```
red
blue
```
=== reviewer
VERDICT: keep
"""
FILES = {
    "check.sh": 'while read -r word; do grep -q "$word" answer.txt || exit 1; done < wanted\n',
    "wanted": "red\nblue\n",
    "answer.txt": "none\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A green thread: plan 1, code 2, test 3, code 4, test 5, review 6, done 7."""
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "none")
    script = write(tmp_path, {"script": SCRIPT}) / "script"
    folder = write(tmp_path / "project", FILES)
    words = ("run", "colours", "--model", f"scripted:{script}", "--test-cmd", "sh check.sh")
    assert greenloop(*words, cwd=folder).returncode == 0
    return folder


def does(folder: Path, *words: str) -> str:
    done = greenloop(*words, cwd=folder)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert not done.stderr
    return done.stdout


def fails(folder: Path, *words: str) -> str:
    done = greenloop(*words, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def shown_by(folder: Path, *words: str) -> str:
    """What a terminal of 80 columns gets, colours included."""
    main, end = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    with subprocess.Popen(command(*words), cwd=folder, env=env, stdout=end) as process:
        os.close(end)
        text = b""
        while True:
            try:
                chunk = os.read(main, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            text += chunk
        assert process.wait() == 0
    os.close(main)
    return text.decode()


def commands_in(text: str, verb: str) -> list[str]:
    """Command lines that an output suggests, ready to be typed."""
    return next(match.split() for match in re.findall(rf"greenloop ({verb} .*)", text))


def test_there_and_back_by_what_the_output_says(project: Path) -> None:
    (project / "mine.txt").write_text("mine\n")
    history = does(project, "history", "colours")
    assert all(len(line) <= 80 for line in history.splitlines())
    assert "code    answer.txt" in history
    said = does(project, "rewind", "colours", "--to", "3")
    assert "that is checkpoint 9 now" in said
    assert "removed   mine.txt" in said
    assert (project / "answer.txt").read_text() == "red\n"
    history = does(project, "history", "colours")
    assert re.search(r"^-    7  done", history, re.MULTILINE)
    assert re.search(r"^\*    9  rewind  to 3", history, re.MULTILINE)
    assert "your own changes: mine.txt" in history
    does(project, *commands_in(said, "rewind"))
    assert (project / "mine.txt").read_text() == "mine\n"
    assert (project / "answer.txt").read_text() == "red\nblue\n"


def test_a_rewound_thread_goes_on(project: Path) -> None:
    said = does(project, "rewind", "colours", "--to", "0")
    ended = greenloop(*commands_in(said, "resume"), cwd=project)
    assert ended.returncode == 0
    assert "greenloop history colours" in ended.stdout
    shown = does(project, "show", "colours")
    assert " 8 rewound to 0 " in shown
    assert "1 plan → 2 code → 3 test → 4 code" in does(project, "graph", "colours")
    does(project, "undo", "colours")
    assert read(project) == FILES


def test_a_fork_beside_it(project: Path) -> None:
    before = read(project)
    said = does(project, "fork", "colours", "--from", "2", "--into", "../beside")
    assert "greenloop" in said
    assert read(project) == before
    assert read(project.with_name("beside")) == before
    fork = re.findall(r"^(\S+) is a fork of", said, re.MULTILINE)[0]
    assert "fork of" in does(project, "show", fork)
    assert does(project, *commands_in(said, "diff")) == ""


def test_a_fork_in_place_with_a_plan_of_ones_own(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"steps": "1. paint\n2. paint again\n"})
    (project / "answer.txt").write_text("mine\n")
    words = ("--set", f"plan=@{tmp_path / 'steps'}", "--set", "max_repairs=1", "--json")
    done = greenloop("fork", "colours", "--from", "1", *words, cwd=project)
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"]) == (0, "green")
    fork = result["thread"]
    assert "2. paint again" in does(project, "show", fork)
    assert (project / "answer.txt").read_text() == "red\nblue\n"
    (project / "answer.txt").write_text("edited since\n")
    assert "changed since" in fails(project, "undo", fork)
    does(project, "undo", fork, "--force")
    assert (project / "answer.txt").read_text() == "mine\n", "as before the fork"


def test_a_fork_that_waits(project: Path) -> None:
    said = does(project, "fork", "colours", "--from", "0", "--task", "the other one", "--hold")
    assert said.startswith("the-other-one-")
    assert (project / "answer.txt").read_text() == "none\n"
    assert "green" in does(project, *commands_in(said, "resume"))


def test_a_fork_whose_run_fails_says_how_to_go_on(project: Path, tmp_path: Path) -> None:
    script = write(tmp_path, {"none": "=== planner\nnothing\n"}) / "none"
    words = ("fork", "colours", "--from", "1", "--model", f"scripted:{script}", "--json")
    done = greenloop(*words, cwd=project)
    result = json.loads(done.stdout)
    assert (done.returncode, result["exit_code"]) == (3, 3)
    assert f"go on with: python -m greenloop resume {result['thread']}" in done.stderr
    assert result["thread"] in does(project, "history", result["thread"])


def test_a_diff_is_a_patch(project: Path, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy", FILES)
    patch = does(project, "diff", "colours")
    subprocess.run(["git", "apply"], cwd=copy, input=patch.encode(), check=True)
    assert read(copy) == read(project)
    assert does(project, "diff", "colours", "5", "now") == ""
    assert "answer.txt  +2 -1" in does(project, "diff", "colours", "--stat")
    found: dict[str, Any] = json.loads(does(project, "diff", "colours", "2", "4", "--json"))
    assert (found["old"]["point"], found["new"]["point"]) == ("2", "4")
    assert found["files"][0] | {"path": "answer.txt", "added": 1} == found["files"][0]
    coloured = shown_by(project, "diff", "colours", "2", "4")
    assert "\x1b[32m+blue\x1b[0m" in coloured
    assert "git apply" in coloured


def test_what_was_put_back_while_tests_ran_comes_back_by_a_patch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its bytes: here they are saved once, by the tests in the user's place."""
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "none")
    script = write(tmp_path, {"script": SCRIPT}) / "script"
    saves = "test -e ../saved || printf 'caf\\351 \\000' > picture\ntouch ../saved\n"
    folder = write(tmp_path / "project", {**FILES, "check.sh": saves + FILES["check.sh"]})
    words = ("run", "colours", "--model", f"scripted:{script}", "--test-cmd", "sh check.sh")
    assert greenloop(*words, cwd=folder).returncode == 0
    found = re.search(r"put back: picture \((\w+)\)", does(folder, "history", "colours"))
    assert found and not (folder / "picture").exists()
    patch = subprocess.run(
        command("diff", "colours", "now", found[1]), cwd=folder, capture_output=True, check=True
    )
    apply = ["git", "apply", "--include=picture"]
    subprocess.run(apply, cwd=folder, input=patch.stdout, check=True)
    assert (folder / "picture").read_bytes() == b"caf\xe9 \0"
    assert (folder / "answer.txt").read_text() == "red\nblue\n"


def test_a_name_of_two_lines_is_shown_in_one(project: Path) -> None:
    (project / "a\ngreenloop: all is lost").touch()
    said = does(project, "rewind", "colours", "--to", "2")
    assert "  removed   a\\ngreenloop: all is lost\n" in said
    assert "as checkpoint 8: a\\ngreenloop: all is lost\n" in said


def test_mistakes_are_one_line(project: Path) -> None:
    before = read(project)
    write(project.with_name("full"), {"x": ""})
    mistakes = {
        "rewind colours --to 8": "no checkpoint 8: they go from 0 to 7",
        "rewind nothing --to 1": "there is no thread 'nothing'",
        "diff colours soon": "names nothing",
        "fork colours --from 7": "nothing left to do",
        "fork colours --from 0 --set feedback=x": "before the plan",
        "fork colours --from 3 --set plan=@none": "cannot read the plan",
        "fork colours --from 3 --into within": "contain each other",
        "fork colours --from 3 --into ../full": "not empty",
    }
    for words, says in mistakes.items():
        assert says in fails(project, *words.split()), words
    # An empty variable of the shell must not fork in place.
    assert "contain each other" in fails(project, "fork", "colours", "--from", "3", "--into", "")
    assert read(project) == before
    assert len(json.loads(does(project, "threads", "--json"))) == 1


def test_a_fork_beside_it_is_judged_by_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's environment knows it by an editable install of the parent's folder."""
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "none")
    edit = "src/words/__init__.py\n```python\nHELLO = 'hello'\n```\n"
    script = f"=== coder\n{edit}=== reviewer\nVERDICT: keep\n"
    test = "from words import HELLO\n\ndef test_it():\n    assert HELLO == 'hello'\n"
    folder = write(
        tmp_path / "project",
        {
            "src/words/__init__.py": "HELLO = ''\n",
            "tests/test_it.py": test,
            ".gitignore": ".venv\n",
        },
    )
    venv.create(folder / ".venv", system_site_packages=True, with_pip=False)
    site = next((folder / ".venv").glob("lib/python*/site-packages"))
    ours = Path(pytest.__file__).parents[1]
    (site / "editable.pth").write_text(f"{folder / 'src'}\n{ours}\n")
    model = f"scripted:{write(tmp_path, {'script': script}) / 'script'}"
    assert "green" in does(folder, "run", "say hello", "--model", model)
    said = does(folder, "fork", "say", "--from", "1", "--into", str(tmp_path / "beside"))
    assert "0 passed, 1 failed → 1 passed, 0 failed" in said
    assert f"tests     with {folder / '.venv'}" in said
