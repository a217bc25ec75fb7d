"""A new thread from a checkpoint: in the parent's folder or beside it, as it was or changed."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.events import read_events
from greenloop.checkpoints.lock import exclusive
from greenloop.checkpoints.threads import Thread
from greenloop.errors import ThreadError, UserError, WorkspaceError
from greenloop.graph.fork import Forked, empty_folder, fork
from greenloop.graph.fork_edit import Edit, read_plan
from greenloop.graph.history import milestones
from greenloop.graph.resume import resume
from greenloop.graph.rewind import rewind
from greenloop.graph.session import Run
from greenloop.graph.undo import redo, undo
from greenloop.tools.files import Workspace
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"


@pytest.fixture
def parent(bench: Bench) -> Thread:
    """Plan 1, code 2, test 3, code 4, test 5, review 6, done 7."""
    assert bench.start("colours", say("red"), say("red", "blue"), KEEP).status == "green"
    return bench.storage.threads.all()[0]


def forked(
    bench: Bench, parent: Thread, number: int, into: Path | None = None, edit: Edit | None = None
) -> Forked:
    workspace = (
        Workspace(empty_folder(into, parent, bench.storage.root)) if into else bench.workspace()
    )
    settings = bench.settings({"max_repairs": 1})
    return fork(parent, number, edit or Edit(), workspace, settings, bench.storage)


def run(bench: Bench, thread: Thread, *replies: Any) -> str:
    bench.model = ScriptedModel(replies)
    workspace = Workspace(Path(thread.repo))
    run = Run(model=bench.model)
    return resume(thread, workspace, bench.settings({}), bench.storage, run).status


def nodes(bench: Bench, thread: Thread) -> list[str]:
    return [each.node for each in milestones(read_events(bench.storage.database, thread.thread))]


def asked(bench: Bench, number: int = 0) -> str:
    return bench.model.requests[number].messages[-1].content


class TestInPlace:
    def test_the_files_become_those_of_the_checkpoint(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 3)
        assert (made.next, made.set_aside) == ("code", ())
        assert bench.answer() == "red\n"
        thread = bench.storage.threads.find(made.thread.thread)
        assert (thread.parent, thread.parent_step) == (parent.thread, 3)
        assert (thread.store, thread.status) == (parent.store, "interrupted")
        assert run(bench, thread, say("red", "blue"), KEEP) == "green"
        assert nodes(bench, thread) == ["test", "code", "test", "review", "done"]

    def test_an_undo_brings_back_what_was_there(self, bench: Bench, parent: Thread) -> None:
        (bench.folder / "mine.txt").write_text("mine\n")
        made = forked(bench, parent, 2)
        assert made.set_aside == ("mine.txt",)
        assert not (bench.folder / "mine.txt").exists()
        run(bench, made.thread, say("blue", "red"), KEEP)
        assert bench.answer() == "blue\nred\n"
        paths = undo(made.thread, bench.workspace(), bench.storage, force=False)
        assert paths == ("answer.txt", "mine.txt")
        assert bench.answer() == "red\nblue\n"
        assert (bench.folder / "mine.txt").read_text() == "mine\n"
        redo(made.thread, bench.workspace(), bench.storage, force=False)
        assert bench.answer() == "blue\nred\n"

    def test_an_undo_keeps_what_the_user_did_during_it(self, bench: Bench, parent: Thread) -> None:
        (bench.folder / "mine.txt").write_text("mine\n")
        made = forked(bench, parent, 2)
        (bench.folder / "later.txt").write_text("later\n")
        resume(
            made.thread, bench.workspace(), bench.settings({}), bench.storage,
            Run(model=ScriptedModel([say("blue", "red"), KEEP])), "keep",
        )  # fmt: skip
        undo(made.thread, bench.workspace(), bench.storage, force=False)
        assert (bench.folder / "later.txt").read_text() == "later\n"
        assert (bench.folder / "mine.txt").read_text() == "mine\n"
        assert bench.answer() == "red\nblue\n"

    def test_the_parent_stays_and_asks_when_it_goes_on(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 2)
        assert bench.storage.threads.find(parent.thread).status == "green"
        back = rewind(parent, bench.workspace(), bench.settings({}), bench.storage, 5)
        assert bench.answer() == "red\nblue\n"
        assert back.own == ("answer.txt",), "the fork's files have a number in the parent"
        with pytest.raises(ThreadError, match=f"{parent.thread} has worked here since"):
            run(bench, made.thread)

    def test_a_busy_folder(self, bench: Bench, parent: Thread) -> None:
        with (
            exclusive(bench.storage.folder_lock(bench.workspace().root), "x"),
            pytest.raises(ThreadError, match="another run works in"),
        ):
            forked(bench, parent, 2)
        assert bench.storage.threads.all() == [parent]
        assert bench.answer() == "red\nblue\n"


class TestBeside:
    def test_the_parents_folder_is_not_touched(self, bench: Bench, parent: Thread) -> None:
        into = bench.folder.with_name("beside")
        made = forked(bench, parent, 2, into)
        assert bench.answer() == "red\nblue\n"
        assert {p.name: p.read_text() for p in into.iterdir()} == {**FILES, "answer.txt": "red\n"}
        assert run(bench, made.thread, say("blue", "red"), KEEP) == "green"
        assert (into / "answer.txt").read_text() == "blue\nred\n"
        assert bench.answer() == "red\nblue\n"

    def test_an_undo_leaves_the_files_of_the_fork(self, bench: Bench, parent: Thread) -> None:
        into = bench.folder.with_name("beside")
        made = forked(bench, parent, 2, into)
        run(bench, made.thread, say("blue", "red"), KEEP)
        undo(made.thread, Workspace(into), bench.storage, force=False)
        assert (into / "answer.txt").read_text() == "red\n"

    def test_while_the_parent_is_at_work(self, bench: Bench, parent: Thread) -> None:
        with exclusive(bench.storage.folder_lock(bench.workspace().root), "x"):
            assert forked(bench, parent, 3, bench.folder.with_name("beside")).next == "code"

    def test_files_that_are_ignored_there(self, bench: Bench, parent: Thread) -> None:
        """A folder without git has no index that says which ignored files count."""
        (bench.folder / ".gitignore").write_text("kept.log\n")
        (bench.folder / "kept.log").write_text("tracked\n")
        for words in (["init", "-q"], ["add", "-f", "."]):
            subprocess.run(["git", *words], cwd=bench.folder, check=True)
        newest = self.another(bench)
        made = forked(bench, newest, 1, bench.folder.with_name("beside"))
        assert (bench.folder.with_name("beside") / "kept.log").read_text() == "tracked\n"
        assert run(bench, made.thread, say("red", "blue"), KEEP) == "green"

    def another(self, bench: Bench) -> Thread:
        (bench.folder / "answer.txt").write_text("none\n")
        bench.start("again", say("red", "blue"), KEEP)
        return bench.storage.threads.all()[0]

    def test_a_folder_that_is_not_free(self, bench: Bench, parent: Thread, tmp_path: Path) -> None:
        full = tmp_path / "full"
        full.mkdir()
        (full / "x").touch()
        with pytest.raises(WorkspaceError, match="not empty"):
            empty_folder(full, parent, bench.storage.root)
        with pytest.raises(WorkspaceError, match="contain each other"):
            empty_folder(bench.folder / "within", parent, bench.storage.root)
        assert not (bench.folder / "within").exists()
        with pytest.raises(WorkspaceError, match="own data"):
            empty_folder(bench.storage.root / "fork", parent, bench.storage.root)


class TestEdits:
    def test_another_task_starts_again(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 3, edit=Edit(task="say blue too"))
        assert made.next == "plan"
        assert made.thread.task == "say blue too"
        assert run(bench, made.thread, say("red", "blue"), KEEP) == "green"
        assert "say blue too" in asked(bench)
        assert nodes(bench, made.thread) == ["", "plan", "code", "test", "review", "done"]

    def test_another_plan(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 3, edit=Edit(plan=("paint it", "say blue")))
        assert made.next == "code"
        assert run(bench, made.thread, say("red", "x"), say("red", "blue"), KEEP) == "green"
        assert "paint it" in asked(bench)
        assert "say blue" in asked(bench, 1)

    def test_a_word_to_the_coder(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 2, edit=Edit(feedback="look at the sky"))
        assert made.next == "code", "where the tests would come next, they would overwrite it"
        run(bench, made.thread, say("red", "blue"), KEEP)
        assert "look at the sky" in asked(bench)

    def test_a_word_to_the_coder_when_all_was_done(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 7, edit=Edit(feedback="swap the colours"))
        assert run(bench, made.thread, say("blue", "red"), KEEP) == "green"
        assert "swap the colours" in asked(bench)
        assert bench.answer() == "blue\nred\n"

    @pytest.mark.parametrize("edit", [Edit(plan=("x",)), Edit(feedback="x")])
    def test_before_the_plan(self, bench: Bench, parent: Thread, edit: Edit) -> None:
        with pytest.raises(ThreadError, match=r"checkpoint 0 of .* is before the plan"):
            forked(bench, parent, 0, edit=edit)
        assert bench.storage.threads.all() == [parent]
        assert bench.answer() == "red\nblue\n"

    def test_green_has_nothing_left(self, bench: Bench, parent: Thread) -> None:
        with pytest.raises(ThreadError, match="is green at 7, so there is nothing left to do"):
            forked(bench, parent, 7)

    def test_spent_begins_at_nothing(self, bench: Bench, parent: Thread) -> None:
        made = forked(bench, parent, 3)
        bench.model = ScriptedModel([say("red", "blue"), KEEP])
        result = resume(
            made.thread, bench.workspace(), bench.settings({}), bench.storage,
            Run(model=bench.model),
        )  # fmt: skip
        assert (result.spent.steps, result.spent.model_calls) == (4, 2)


def test_a_fork_of_a_fork_after_a_rewind(bench: Bench, parent: Thread) -> None:
    first = forked(bench, parent, 2)
    run(bench, first.thread, say("blue", "red"), KEEP)
    rewind(first.thread, bench.workspace(), bench.settings({}), bench.storage, 1)
    second = forked(bench, bench.storage.threads.find(first.thread.thread), 0)
    assert second.thread.store == parent.store
    assert bench.answer() == "red\n"
    assert undo(second.thread, bench.workspace(), bench.storage, force=False) == ()


def test_an_unsolved_end_goes_on(bench: Bench) -> None:
    assert bench.start("colours", say("wrong"), budget_calls=1).status == "unsolved"
    (parent,) = bench.storage.threads.all()
    made = forked(bench, parent, milestones(bench.events())[-1].number)
    assert run(bench, made.thread, say("red", "blue"), KEEP) == "green"


def test_reading_a_plan() -> None:
    text = "# mine\n1. one\n\n - two\n*  three\nfour 4. times\n"
    assert read_plan(text) == ("one", "two", "three", "four 4. times")
    with pytest.raises(UserError, match="no step"):
        read_plan("\n# nothing\n")
