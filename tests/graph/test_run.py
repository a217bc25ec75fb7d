"""The loop as a whole, with a scripted brain: what it keeps, when it ends, what it refuses."""

from itertools import pairwise
from typing import Any

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.checkpoints.lock import exclusive
from greenloop.errors import (
    ModelReplyError,
    ModelUnavailableError,
    NoTestsError,
    ThreadError,
)
from greenloop.graph.edges import EDGES
from greenloop.state import Event

KEEP = "VERDICT: keep"


def test_green_at_the_first_try(bench: Bench) -> None:
    result = bench.start("both colours", say("red", "blue"), KEEP)
    assert (result.status, result.exit_code) == ("green", 0)
    assert bench.path() == ["plan", "code", "test", "review", "done"]
    assert result.changed == ("answer.txt",)
    assert "+red" in result.diff


def test_every_step_taken_is_an_edge_of_the_table(bench: Bench) -> None:
    bench.start("colours", say("x"), say("y"), say("z"), "1. try both", say("red", "blue"), KEEP)
    path = ["__start__", *bench.path(), "__end__"]
    edges = {(edge.source, edge.target) for edge in EDGES}
    assert set(pairwise(path)) <= edges
    assert "replan" in path


def test_two_repairs_then_a_new_plan_from_the_best_tree(bench: Bench) -> None:
    result = bench.start(
        "colours", say("a"), say("b"), say("c"), "1. read wanted", say("red", "blue"), KEEP
    )
    assert bench.path() == [
        "plan", "code", "test", "code", "test", "code", "test", "replan", "code", "test",
        "review", "done",
    ]  # fmt: skip
    assert result.status == "green"
    last_diff = [event for event in bench.events() if event.kind == "diff"][-1]
    assert "-none" in bench.storage.blobs.get(last_diff.ref), "the first tries were taken back"
    assert [r.temperature for r in bench.model.requests] == [0, 0, 0, 0, 0.3, 0.3]


def test_a_later_attempt_never_replaces_a_better_one(bench: Bench) -> None:
    """The check counts as one test, so a green tree that review rejects is the better one."""
    result = bench.start(
        "colours", say("red", "blue"), "- too plain\nVERDICT: reject",
        "1. make it worse", say("nothing"), say("still"), say("nope"),
        max_replans=1,
    )  # fmt: skip
    assert (result.status, result.exit_code) == ("unsolved", 1)
    assert bench.answer() == "red\nblue\n"
    assert any("review did not accept" in text for text in bench.texts("note"))


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        ({"budget_calls": 2}, "model calls"),
        ({"budget_steps": 5}, "steps"),
        ({"budget_seconds": 0.0001}, "seconds"),
    ],
)
def test_a_spent_budget_ends_the_run_with_the_files_of_the_best_tree(
    bench: Bench, limit: dict[str, Any], named: str
) -> None:
    result = bench.start("colours", *[say(f"wrong {n}") for n in range(9)], **limit)
    assert result.exit_code == 1
    assert bench.answer() == FILES["answer.txt"]
    assert any(f"budget of {named}" in text for text in bench.texts("note"))


def test_an_unsolved_thread_goes_on_with_a_fresh_budget(bench: Bench) -> None:
    first = bench.start("colours", say("wrong"), budget_calls=1)
    assert first.status == "unsolved"
    second = bench.resume(say("red", "blue"), KEEP, budget_calls=5)
    assert second.status == "green"
    assert second.spent.model_calls == 3


def test_a_failed_model_leaves_the_files_and_the_thread_in_order(bench: Bench) -> None:
    with pytest.raises(ModelUnavailableError):
        bench.start("colours", say("wrong"), ModelUnavailableError("gone"))
    assert bench.answer() == "wrong\n", "what the last finished node left"
    assert bench.storage.threads.all()[0].status == "failed"
    assert bench.texts("waiting") == ["code"]
    assert bench.resume(say("red", "blue"), KEEP).status == "green"


def test_a_reply_that_is_cut_is_asked_for_again(bench: Bench) -> None:
    cut = ModelReplyError("the reply is cut")
    result = bench.start("1. a\n2. b", cut, cut, say("red", "blue"), cut)
    assert result.status == "green", "no plan, no first edit, no review: the tests decide"
    assert bench.texts("refused") == ["the reply is cut"] * 3


def test_an_error_of_our_own_is_named_and_resumable(bench: Bench) -> None:
    with pytest.raises(Exception, match="code failed inside greenloop: surprise"):
        bench.start("colours", RuntimeError("surprise"))
    assert bench.resume(say("red", "blue"), KEEP).status == "green"


def test_an_edit_of_an_old_test_is_refused_and_the_file_put_back(bench: Bench) -> None:
    (bench.folder / "tests").mkdir()
    (bench.folder / "tests/test_it.py").write_text("assert True is not False\n")
    weakened = "tests/test_it.py\n```python\npass\n```\n"
    result = bench.start("colours", weakened, say("red", "blue"), KEEP)
    assert result.status == "green"
    assert result.changed == ("answer.txt",)
    assert len(bench.texts("refused")) == 1
    assert "tests/test_it.py" in bench.model.requests[1].messages[-1].content


def test_a_reply_without_an_edit_three_times_leads_to_a_new_plan(bench: Bench) -> None:
    bench.start("colours", "Hm.", "Well.", "No.", "1. write it", say("red", "blue"), KEEP)
    assert bench.path()[:4] == ["plan", "code", "replan", "code"]


def test_the_coder_may_look_before_it_edits(bench: Bench) -> None:
    result = bench.start("colours", "READ wanted", say("red", "blue"), KEEP)
    assert result.status == "green"
    assert "blue" in bench.model.requests[1].messages[-1].content
    assert len(bench.texts("lookup")) == 1
    assert bench.path().count("code") == 1


def test_a_file_that_the_check_deletes_is_put_back(bench: Bench) -> None:
    (bench.folder / "check.sh").write_text(FILES["check.sh"] + "rm -f dear.txt\n")
    (bench.folder / "dear.txt").write_text("dear\n")
    result = bench.start("colours", say("red", "blue"), KEEP)
    assert result.status == "green"
    assert (bench.folder / "dear.txt").read_text() == "dear\n"


def test_what_the_tests_leave_behind_is_undone(bench: Bench) -> None:
    (bench.folder / "check.sh").write_text("touch litter; " + FILES["check.sh"])
    bench.start("colours", say("red", "blue"), KEEP)
    assert not (bench.folder / "litter").exists()
    assert bench.texts("saved") == ["changed while it ran, put back: litter"] * 2


def test_steps_of_a_plan_are_ticked_off_one_by_one(bench: Bench) -> None:
    result = bench.start(
        "1. red\n2. blue", "1. say red\n2. say blue", say("red"), say("red", "blue"), KEEP
    )
    assert result.status == "green"
    assert bench.path() == ["plan", "code", "test", "code", "test", "review", "done"]
    assert "Step 2 of 2: say blue" in bench.model.requests[2].messages[-1].content


class TestFilesChangedBetween:
    def stop(self, bench: Bench) -> None:
        bench.start("colours", say("wrong"), budget_calls=1)
        (bench.folder / "mine.txt").write_text("mine\n")

    def test_it_asks(self, bench: Bench) -> None:
        self.stop(bench)
        with pytest.raises(ThreadError, match=r"mine\.txt"):
            bench.resume(say("red", "blue"), KEEP)
        assert (bench.folder / "mine.txt").read_text() == "mine\n"

    def test_keep(self, bench: Bench) -> None:
        self.stop(bench)
        assert bench.resume(say("red", "blue"), KEEP, files="keep").status == "green"
        assert (bench.folder / "mine.txt").read_text() == "mine\n"

    def test_restore_keeps_a_snapshot_of_what_was_there(self, bench: Bench) -> None:
        self.stop(bench)
        assert bench.resume(say("red", "blue"), KEEP, files="restore").status == "green"
        assert not (bench.folder / "mine.txt").exists()
        saved = bench.only("saved").tree
        snapshots = bench.storage.snapshots(bench.workspace().root)
        assert snapshots.read(saved, "mine.txt") == b"mine\n"


def test_edits_made_by_the_user_during_the_run_are_kept(bench: Bench) -> None:
    def meddle(event: Event) -> None:
        if (event.node, event.kind) == ("plan", "finished"):
            (bench.folder / "mine.txt").write_text("mine\n")

    result = bench.start("colours", say("wrong"), listener=meddle, budget_calls=1)
    assert result.exit_code == 1
    assert (bench.folder / "mine.txt").read_text() == "mine\n"
    assert any("mine.txt" in text for text in bench.texts("theirs"))


def test_the_coder_sees_the_files_found_and_what_was_left_out_is_marked(bench: Bench) -> None:
    (bench.folder / "colours.py").write_text("def colours():\n    return 'red and blue'\n")
    (bench.folder / "long.py").write_text("# colours\n" + "x = 'colours'\n" * 3000)
    bench.start("change colours in colours.py", say("red", "blue"), KEEP, retrieval="keyword")
    prompt = bench.model.requests[0].messages[-1].content
    assert "colours.py\n```\ndef colours():\n    return 'red and blue'\n```" in prompt
    assert len(prompt) / 3 < 8192 - 2048


def test_one_run_at_a_time_in_a_folder(bench: Bench) -> None:
    with (
        exclusive(bench.storage.folder_lock(bench.workspace().root), "x"),
        pytest.raises(ThreadError, match="another run works in"),
    ):
        bench.start("colours", say("red", "blue"), KEEP)
    assert bench.storage.threads.all() == []


def test_the_state_stays_small_however_long_the_run(bench: Bench) -> None:
    long = "x" * 50_000
    bench.start("colours", *[say(long, str(n)) for n in range(3)], budget_calls=3)
    rows = bench.storage.database.execute("SELECT length(checkpoint) FROM checkpoints")
    assert max(size for (size,) in rows) < 20_000


def test_a_file_saved_while_the_model_thinks_is_kept(bench: Bench) -> None:
    def save(event: Event) -> None:
        if (event.node, event.kind) == ("code", "prompt"):
            (bench.folder / "mine.txt").write_text("mine\n")

    bench.start("colours", say("wrong"), listener=save, budget_calls=1)
    assert (bench.folder / "mine.txt").read_text() == "mine\n"
    assert any("mine.txt" in text for text in bench.texts("theirs"))


def test_a_test_that_the_user_corrects_during_the_run_stays_corrected(bench: Bench) -> None:
    (bench.folder / "tests").mkdir()
    test_file = bench.folder / "tests/test_it.py"
    test_file.write_text("old\n")

    def correct(event: Event) -> None:
        if (event.node, event.kind) == ("plan", "finished"):
            test_file.write_text("corrected\n")

    result = bench.start("colours", say("red", "blue"), KEEP, listener=correct)
    assert result.status == "green"
    assert test_file.read_text() == "corrected\n"
    assert result.changed == ("answer.txt",)


def test_a_file_that_the_user_deletes_during_the_run_is_no_reason_to_reject(bench: Bench) -> None:
    (bench.folder / "junk.txt").write_text("x")

    def delete(event: Event) -> None:
        if (event.node, event.kind) == ("plan", "finished"):
            (bench.folder / "junk.txt").unlink()

    assert bench.start("colours", say("red", "blue"), KEEP, listener=delete).status == "green"


def test_what_a_finished_step_did_survives_a_new_plan(bench: Bench) -> None:
    seen: list[str] = []

    def look(event: Event) -> None:
        if (event.node, event.kind) == ("replan", "finished"):
            seen.append(bench.answer())

    bench.start(
        "1. a\n2. b", "1. say red\n2. say blue", say("red"), say("w1"), say("w2"), say("w3"),
        "1. say blue", say("red", "blue"), KEEP, listener=look,
    )  # fmt: skip
    assert seen == ["red\n"]


def test_everything_done_in_the_first_step_is_reviewed(bench: Bench) -> None:
    nothing = "It is all done already."
    result = bench.start(
        "1. a\n2. b", "1. red\n2. blue", say("red", "blue"), nothing, nothing, nothing, KEEP
    )
    assert result.status == "green"
    assert bench.path()[-4:] == ["code", "test", "review", "done"]


def test_the_budget_of_calls_holds_within_a_node(bench: Bench) -> None:
    assert bench.start("colours", "junk", "junk", "junk", budget_calls=1).spent.model_calls == 1


def test_names_that_are_no_text_do_not_end_the_run(bench: Bench) -> None:
    litter = "touch \"$(printf 'a\\377')\"\n"
    (bench.folder / "check.sh").write_text(litter + FILES["check.sh"])
    assert bench.start("colours", say("red", "blue"), KEEP).status == "green"


class TestResume:
    def test_an_ended_thread_that_failed_again(self, bench: Bench) -> None:
        bench.start("colours", say("wrong"), budget_calls=1)
        for _ in range(2):
            with pytest.raises(ModelUnavailableError):
                bench.resume(ModelUnavailableError("gone"), budget_calls=5)
        assert bench.resume(say("red", "blue"), KEEP, budget_calls=5).status == "green"

    def test_a_budget_given_after_a_failure_in_the_first_node(self, bench: Bench) -> None:
        with pytest.raises(ModelUnavailableError):
            bench.start("1. a\n2. b", ModelUnavailableError("gone"), budget_calls=1)
        replies = ("1. a\n2. b", say("red"), say("red", "blue"), KEEP)
        assert bench.resume(*replies, budget_calls=20).status == "green"

    def test_killed_between_the_last_checkpoint_and_its_record(self, bench: Bench) -> None:
        bench.start("colours", say("red", "blue"), KEEP)
        (thread,) = bench.storage.threads.all()
        bench.storage.threads.set_status(thread.thread, "running")
        visited = len(bench.path())
        assert bench.resume().status == "green"
        assert len(bench.path()) == visited


def test_a_thread_that_never_worked_leaves_nothing_behind(bench: Bench) -> None:
    (bench.folder / "check.sh").write_text("exit 127\n")
    with pytest.raises(NoTestsError, match="does not start"):
        bench.start("colours", say("red"))
    tables = ("threads", "events", "checkpoints", "writes")
    counts = [
        bench.storage.database.execute(f"SELECT count(*) FROM {table}")[0][0] for table in tables
    ]
    assert counts == [0, 0, 0, 0]


def test_a_check_that_stops_starting_later_is_a_failure_that_can_be_undone(bench: Bench) -> None:
    (bench.folder / "check.sh").write_text("sh ./answer.txt\n")
    (bench.folder / "answer.txt").write_text("exit 1\n")
    result = bench.start("colours", say("no_such_program"), budget_calls=1)
    assert result.exit_code == 1
    assert bench.answer() == "exit 1\n"


@pytest.mark.parametrize("path", [".git/hooks/post-commit", "sub/.GIT/config"])
def test_what_belongs_to_git_is_not_the_models(bench: Bench, path: str) -> None:
    planted = f"{path}\n```\ntouch planted\n```\n"
    assert bench.start("colours", planted, say("red", "blue"), KEEP).status == "green"
    assert any("belongs to git" in text for text in bench.texts("refused"))
    assert not (bench.folder / path).exists()
