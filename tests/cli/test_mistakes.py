"""Words that cannot be meant as they stand are refused in one line, and change nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from graph_bench.bench import CHECK, FILES, Bench, say

from greenloop.checkpoints.threads import Thread
from greenloop.cli import main
from greenloop.graph.storage import Storage, open_stores
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """One green thread and one that is not, each with a folder of its own."""
    bench = Bench(tmp_path, None, ScriptedModel(()))  # type: ignore[arg-type]  # opened below
    with open_stores(bench.settings({"test_cmd": CHECK})) as opened:
        bench.storage = opened
        for task, replies, calls in (
            ("unsolved", (say("wrong"),), 1),
            ("green", (say("red", "blue"), KEEP), 9),
        ):
            bench.folder = tmp_path / task
            bench.folder.mkdir()
            for name, text in FILES.items():
                (bench.folder / name).write_text(text)
            bench.start(task, *replies, budget_calls=calls)
        yield opened


def thread_of(storage: Storage, task: str) -> Thread:
    return next(thread for thread in storage.threads.all() if thread.task == task)


@pytest.mark.parametrize("words", [
    ["show", ""], ["graph", ""], ["history", " "], ["diff", ""], ["resume", ""], ["undo", ""],
    ["prune", ""], ["rewind", "", "--to", "1"], ["fork", "", "--from", "1", "--hold"],
    ["restore", "", "1", "x"],
], ids=lambda words: words[0])  # fmt: skip
def test_an_empty_name_is_not_the_only_thread(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "the name is empty" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["rewind", "x", "--to"], ["fork", "x", "--from"]])
def test_a_checkpoint_is_a_number(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "three"])
    assert ended.value.code == 2
    assert "'three' is no number: `greenloop history THREAD`" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "says"), [
    (["--task", " "], "--task is empty"),
    (["--set", "feedback"], "write it as NAME=VALUE"),
    (["--set", "plan"], "write it as NAME=VALUE"),
    (["--set", "plan=@nowhere"], "from nowhere: No such file or directory; name another file"),
])  # fmt: skip
def test_a_fork_without_what_it_is_for(
    words: list[str], says: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    name = thread_of(storage, "unsolved").thread
    assert main(["fork", name, "--from", "1", "--hold", *words]) == 2
    assert says in capsys.readouterr().err
    assert len(storage.threads.all()) == 2


def test_a_refused_resume_leaves_the_thread_its_folder(
    storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    green = thread_of(storage, "green")
    shutil.rmtree(green.repo)
    (tmp_path / "other").mkdir()
    assert main(["resume", green.thread, "--repo", str(tmp_path / "other")]) == 2
    assert "is green" in capsys.readouterr().err
    assert thread_of(storage, "green").repo == green.repo


def test_a_folder_that_is_gone_is_said_to_be(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = thread_of(storage, "unsolved")
    shutil.rmtree(thread.repo)
    assert main(["resume", thread.thread]) == 2
    said = capsys.readouterr().err
    assert "is not there" in said
    assert "add --repo DIR" in said


def test_threads_of_a_folder_without_any(
    storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["threads", "--repo", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"no thread in {tmp_path}: ")
    assert main(["threads"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [each.thread for each in storage.threads.all()]
    assert [row.split()[-1] for row in rows] == ["green", "unsolved"], "their tasks"


@pytest.mark.parametrize("words", [
    ["rewind", "--to", "99"], ["fork", "--from", "99", "--hold"], ["restore", "99", "answer.txt"],
    ["undo", "--redo"],
], ids=lambda words: words[0])  # fmt: skip
def test_a_command_that_is_refused_moves_no_thread(
    storage: Storage, tmp_path: Path, words: list[str]
) -> None:
    thread = thread_of(storage, "unsolved")
    shutil.move(thread.repo, tmp_path / "elsewhere")
    command, *rest = words
    named = [command, thread.thread, *rest, "--repo", str(tmp_path / "elsewhere")]
    assert main(named) == 2
    assert thread_of(storage, "unsolved").repo == thread.repo
    assert main(["rewind", thread.thread, "--to", "0", *named[-2:]]) == 0
    assert thread_of(storage, "unsolved").repo == str(tmp_path / "elsewhere")


def test_texts_that_are_gone_do_not_hide_the_rest(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(storage.root / "blobs")
    assert main(["show", thread_of(storage, "green").thread]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "is missing or damaged; bring the folder back" in shown
    assert "green: " in shown


def test_a_named_thread_that_is_at_work_is_not_pruned_in_silence(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = thread_of(storage, "green")
    with storage.database.hold(thread.thread, "busy"):
        assert main(["prune", thread.thread]) == 2
    assert "skipped" in capsys.readouterr().out
    assert main(["prune", thread.thread]) == 0


@pytest.mark.parametrize(("words", "says"), [
    (["rnu", "x"], "there is no 'rnu'"), (["rnu", "x"], "did you mean run?"),
    (["resume", "--files", "kep"], "did you mean keep?"),
], ids=["named", "command", "choice"])  # fmt: skip
def test_a_mistyped_word_is_guessed_at(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
