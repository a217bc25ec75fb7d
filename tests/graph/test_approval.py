"""Runs that wait for their user's word: what is asked, what an answer leads to, what it is for."""

from typing import Any

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.errors import FilesChangedError, ModelUnavailableError, ThreadError
from greenloop.graph.result import RunResult
from greenloop.graph.resume import Files, resume
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.nodes.approval import APPROVED, Proposal, Verdict
from greenloop.state import Event
from greenloop.tools.model.base import ModelRequest
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"
NO = Verdict("reject", "it is too long")


def go_on(
    bench: Bench, answer: Verdict | None, *replies: Any, files: Files = "ask", **settings: Any
) -> RunResult:
    """Resume the only thread, as a new process does: with its settings and nothing in memory."""
    bench.model = ScriptedModel(replies)
    (thread,) = bench.storage.threads.all()
    given = {k: v for k, v in thread.settings.items() if k in ("approve", "test_cmd")}
    run = Run(model=bench.model, answer=answer)
    return resume(
        thread, bench.workspace(), bench.settings({**given, **settings}), bench.storage, run, files
    )


def asked(result: RunResult) -> Proposal:
    assert (result.status, result.exit_code) == ("waiting", 4)
    assert result.asked is not None
    return result.asked


def status(bench: Bench) -> str:
    (thread,) = bench.storage.threads.all()
    return thread.status


def prompts(model: ScriptedModel, role: str) -> list[ModelRequest]:
    return [request for request in model.requests if request.role == role]


class TestEdits:
    def test_nothing_is_written_before_the_approval(self, bench: Bench) -> None:
        first = asked(bench.start("colours", say("red", "blue"), approve="edits"))
        assert (first.kind, first.title) == ("edits", "answer.txt")
        assert "-none\n+red\n+blue\n" in first.body
        assert bench.answer() == FILES["answer.txt"]
        assert status(bench) == "waiting"
        assert bench.texts("asked") == ["edits: answer.txt"]
        assert bench.texts("failed") == []
        assert bench.texts("edits") == []
        done = go_on(bench, APPROVED, KEEP)
        assert done.status == "green"
        assert bench.answer() == "red\nblue\n"
        assert bench.texts("answered") == ["approved"]
        assert prompts(bench.model, "coder") == [], "the reply was kept"

    def test_calls_and_tokens_are_counted_once(self, bench: Bench) -> None:
        straight = bench.start("colours", say("red", "blue"), KEEP).spent
        bench.storage.threads.remove(bench.storage.threads.all()[0].thread)
        (bench.folder / "answer.txt").write_text(FILES["answer.txt"])
        asked(bench.start("colours", say("red", "blue"), approve="edits"))
        waited = go_on(bench, APPROVED, KEEP).spent
        assert (waited.model_calls, waited.tokens, waited.steps) == (
            straight.model_calls, straight.tokens, straight.steps,
        )  # fmt: skip

    def test_without_an_answer_it_is_asked_again(self, bench: Bench) -> None:
        first = asked(bench.start("colours", say("red", "blue"), approve="edits"))
        assert asked(go_on(bench, None)) == first
        assert asked(go_on(bench, None)) == first
        assert bench.texts("asked") == ["edits: answer.txt"], "on record once"
        assert go_on(bench, APPROVED, KEEP).status == "green"

    def test_a_rejection_goes_to_the_model_and_counts(self, bench: Bench) -> None:
        asked(bench.start("colours", say("red", "blue", "green"), approve="edits"))
        second = asked(go_on(bench, NO, say("red", "blue")))
        (request,) = prompts(bench.model, "coder")
        assert "The user rejected this edit: it is too long" in request.messages[-1].content
        assert request.temperature == pytest.approx(0.3)
        assert "+green" not in second.body
        assert bench.texts("answered") == ["rejected: it is too long"]
        assert go_on(bench, APPROVED, KEEP).status == "green"
        assert bench.answer() == "red\nblue\n"

    def test_a_rejected_change_does_not_come_back(self, bench: Bench) -> None:
        again = "answer.txt\n<<<<<<< SEARCH\nnone\n=======\nwrong\n>>>>>>> REPLACE\n"
        asked(bench.start("colours", say("wrong"), approve="edits"))
        second = asked(go_on(bench, NO, again, say("red", "blue")))
        assert "+red" in second.body, "the same change in other words was not shown again"
        assert any("user rejected" in text for text in bench.texts("note"))
        told = bench.model.requests[-1].messages[-1].content
        assert "The user has rejected this very change before." in told

    def test_files_that_were_tested_before_are_not_shown_again(self, bench: Bench) -> None:
        asked(bench.start("colours", say("x"), approve="edits"))
        asked(go_on(bench, APPROVED, say("y")))
        third = asked(go_on(bench, APPROVED, say("x"), say("red", "blue")))
        assert "+blue" in third.body
        assert any("a state of the files" in text for text in bench.texts("note"))

    def test_three_rejections_lead_to_a_new_plan(self, bench: Bench) -> None:
        asked(bench.start("colours", say("a"), approve="edits"))
        asked(go_on(bench, NO, say("b")))
        asked(go_on(bench, NO, say("c")))
        last = asked(go_on(bench, NO, "1. say both", say("red", "blue")))
        assert bench.path() == ["plan", "code", "replan"]
        assert "too long" in prompts(bench.model, "planner")[0].messages[-1].content
        assert "+blue" in last.body
        assert go_on(bench, APPROVED, KEEP).status == "green"

    def test_refused_corrected_rejected_and_asked_again_in_order(self, bench: Bench) -> None:
        misfit = "answer.txt\n<<<<<<< SEARCH\nnot there\n=======\nred\n>>>>>>> REPLACE\n"
        asked(bench.start("colours", misfit, say("x"), approve="edits"))
        asked(go_on(bench, NO, say("red", "blue")))
        assert bench.model.requests[0].messages[-1].content.startswith("The user rejected")
        assert go_on(bench, APPROVED, KEEP).status == "green"
        assert [r.role for r in bench.model.requests] == ["reviewer"], "the rest was kept"
        assert "SEARCH is not in answer.txt" in bench.texts("refused")[0]
        assert bench.texts("answered") == ["rejected: it is too long", "approved"]

    def test_the_files_as_the_user_has_edited_them(self, bench: Bench) -> None:
        first = asked(bench.start("colours", say("red", "bleu"), approve="edits"))
        assert dict(first.texts) == {"answer.txt": "red\nbleu\n"}
        mine = Verdict("edit", texts={"answer.txt": "red\nblue\nmine\n", "other.txt": "no\n"})
        assert go_on(bench, mine, KEEP).status == "green"
        assert bench.answer() == "red\nblue\nmine\n"
        assert not (bench.folder / "other.txt").exists(), "only what was proposed"

    def test_an_approval_is_for_what_was_shown_only(self, bench: Bench) -> None:
        """The file changes while it waits, so another diff would be applied."""
        block = "answer.txt\n<<<<<<< SEARCH\nnone\n=======\nred\nblue\n>>>>>>> REPLACE\n"
        first = asked(bench.start("colours", block, approve="edits"))
        (bench.folder / "answer.txt").write_text("none\nmine\n")
        with pytest.raises(FilesChangedError) as error:
            go_on(bench, APPROVED)
        assert error.value.paths == ("answer.txt",)
        second = asked(go_on(bench, APPROVED, block, files="keep"))
        assert second.fingerprint != first.fingerprint
        assert " mine\n" in second.body, "made anew"
        assert bench.answer() == "none\nmine\n", "nothing was applied"
        assert go_on(bench, APPROVED, KEEP).status == "green"
        assert bench.answer() == "red\nblue\nmine\n"

    def test_a_change_of_another_file_needs_no_new_answer(self, bench: Bench) -> None:
        asked(bench.start("colours", say("red", "blue"), approve="edits"))
        (bench.folder / "mine.txt").write_text("mine\n")
        done = go_on(bench, APPROVED, say("red", "blue"), KEEP, files="keep")
        assert done.status == "green"
        assert (bench.folder / "mine.txt").read_text() == "mine\n"

    def test_a_failure_behind_the_answer_keeps_the_answer(self, bench: Bench) -> None:
        asked(bench.start("colours", say("wrong"), approve="edits"))
        with pytest.raises(ModelUnavailableError):
            go_on(bench, NO, ModelUnavailableError("gone"))
        second = asked(go_on(bench, None, say("red", "blue")))
        assert "+blue" in second.body
        assert bench.texts("answered") == ["rejected: it is too long"]
        assert go_on(bench, APPROVED, KEEP).status == "green"

    def test_a_fresh_budget_while_it_waits(self, bench: Bench) -> None:
        asked(bench.start("colours", say("x"), approve="edits", budget_calls=9))
        asked(go_on(bench, NO, say("red", "blue")))
        assert go_on(bench, APPROVED, KEEP, budget_calls=20).status == "green"
        assert [r.role for r in bench.model.requests] == ["reviewer"], "both verdicts were kept"

    def test_an_answer_where_nothing_is_asked(self, bench: Bench) -> None:
        assert bench.start("colours", say("x"), budget_calls=1).status == "unsolved"
        with pytest.raises(ThreadError, match="asks nothing now"):
            go_on(bench, APPROVED)


class TestPlan:
    def test_the_task_itself_is_shown_and_approved(self, bench: Bench) -> None:
        first = asked(bench.start("say both\ncolours", approve="plan"))
        assert (first.kind, first.body) == ("plan", "1. say both\n   colours")
        done = go_on(bench, APPROVED, say("red", "blue"), KEEP)
        assert done.status == "green"
        assert done.spent.steps == 5

    def test_the_tests_are_not_run_again_for_it(self, bench: Bench) -> None:
        count = bench.folder.parent / "count"
        (bench.folder / "check.sh").write_text(f"echo x >> {count}; {FILES['check.sh']}")
        asked(bench.start("1. a\n2. b", "1. red\n2. blue", approve="plan"))
        asked(go_on(bench, None))
        assert count.read_text() == "x\n"
        assert go_on(bench, APPROVED, say("red", "blue"), KEEP).status == "green"
        assert bench.model.requests[0].role == "coder", "nor is the planner asked again"

    def test_a_rejected_plan_goes_back_to_the_planner(self, bench: Bench) -> None:
        asked(bench.start("1. a\n2. b", "1. rewrite it\n2. test it", approve="plan"))
        second = asked(go_on(bench, NO, "1. say both"))
        asked_planner = bench.model.requests[0].messages[-1].content
        assert "The user rejected this plan: it is too long" in asked_planner
        assert "1. rewrite it" in asked_planner
        assert second.body == "1. say both"
        assert go_on(bench, APPROVED, say("red", "blue"), KEEP).status == "green"
        assert bench.texts("plan") == ["1. say both"]

    def test_the_same_plan_again_is_another_question(self, bench: Bench) -> None:
        first = asked(bench.start("1. a\n2. b", "1. say both", approve="plan"))
        second = asked(go_on(bench, NO, "1. say both"))
        assert second.fingerprint != first.fingerprint
        assert go_on(bench, APPROVED, say("red", "blue"), KEEP).status == "green"

    def test_the_steps_as_the_user_has_edited_them(self, bench: Bench) -> None:
        asked(bench.start("1. a\n2. b", "1. one\n2. two", approve="plan"))
        mine = Verdict("edit", texts={"": "1. say red\n\n2. say blue\n# not this\n"})
        asked_for = go_on(bench, mine, say("red"), say("red", "blue"), KEEP)
        assert asked_for.status == "green"
        assert bench.texts("plan") == ["1. say red", "2. say blue"]

    def test_a_new_plan_is_shown_too(self, bench: Bench) -> None:
        asked(bench.start("colours", approve="plan", max_repairs=0))
        second = asked(go_on(bench, APPROVED, say("x"), "1. say both", max_repairs=0))
        assert (second.body, bench.path()[-1]) == ("1. say both", "test")
        third = asked(go_on(bench, NO, "1. say red and blue"))
        assert third.body == "1. say red and blue"
        assert "it is too long" in bench.model.requests[0].messages[-1].content
        assert go_on(bench, APPROVED, say("red", "blue"), KEEP).status == "green"


class TestCommands:
    def test_it_is_asked_before_it_is_run_and_once_in_a_thread(self, bench: Bench) -> None:
        mark = bench.folder.parent / "ran"
        (bench.folder / "check.sh").write_text(f"touch {mark}; {FILES['check.sh']}")
        first = asked(bench.start("colours", approve="commands"))
        assert first.kind == "commands"
        assert first.body.endswith("sh check.sh")
        assert not mark.exists()
        done = go_on(bench, APPROVED, say("x"), say("red", "blue"), KEEP)
        assert done.status == "green"
        assert bench.texts("asked") == ["commands: the test command"]

    def test_a_rejection_leaves_it_waiting(self, bench: Bench) -> None:
        first = asked(bench.start("colours", approve="commands"))
        assert asked(go_on(bench, NO)) == first
        assert asked(go_on(bench, None)) == first
        assert status(bench) == "waiting"
        assert bench.texts("answered") == ["rejected: it is too long"]
        assert go_on(bench, APPROVED, say("red", "blue"), KEEP).status == "green"

    def test_another_command_becomes_the_thread_s_own(self, bench: Bench) -> None:
        (bench.folder / "other.sh").write_text(FILES["check.sh"])
        asked(bench.start("colours", approve="commands"))
        mine = Verdict("edit", texts={"": "sh other.sh"})
        done = go_on(bench, mine, say("red", "blue"), KEEP, test_cmd="sh other.sh")
        assert done.status == "green"
        (thread,) = bench.storage.threads.all()
        assert thread.settings["test_cmd"] == "sh other.sh"

    def test_a_command_given_later_is_asked_about(self, bench: Bench) -> None:
        (bench.folder / "other.sh").write_text(FILES["check.sh"])
        asked(bench.start("colours", approve="commands,edits"))
        asked(go_on(bench, APPROVED, say("red", "blue")))
        other = asked(go_on(bench, APPROVED, test_cmd="sh other.sh"))
        assert other.body.endswith("sh other.sh")
        assert bench.path() == ["plan", "code"]


def test_all_three_points_in_one_run(bench: Bench) -> None:
    kinds = [asked(bench.start("colours", approve="all")).kind]
    kinds.append(asked(go_on(bench, APPROVED)).kind)
    kinds.append(asked(go_on(bench, APPROVED, say("red", "blue"))).kind)
    assert kinds == ["commands", "plan", "edits"]
    assert go_on(bench, APPROVED, KEEP).status == "green"
    assert [event.sender for event in bench.events() if event.kind == "answered"] == ["user"] * 3


def test_a_node_that_waits_has_not_failed_and_leaves_no_file(bench: Bench) -> None:
    (bench.folder / "check.sh").write_text("touch litter; " + FILES["check.sh"])
    run = Run(model=ScriptedModel([]))
    start("colours", bench.workspace(), bench.settings({"approve": "plan"}), bench.storage, run)
    assert not (bench.folder / "litter").exists()
    assert bench.texts("failed") == []


@pytest.mark.parametrize(
    ("node", "points", "replies"),
    [
        ("plan", "plan", ["1. say both"]),
        ("code", "edits", ["1. say both", say("red", "blue")]),
        (
            "replan",
            "edits",
            ["1. say both", "Hm.", "Well.", "No.", "1. say it", say("red", "blue")],
        ),
    ],
)
def test_what_the_user_saves_while_the_model_thinks_stays(
    bench: Bench, node: str, points: str, replies: list[str]
) -> None:
    def save(event: Event) -> None:
        if (event.node, event.kind) == (node, "prompt"):
            (bench.folder / "mine.txt").write_text("mine\n")

    asked(bench.start("1. a\n2. b", *replies, listener=save, approve=points))
    assert (bench.folder / "mine.txt").read_text() == "mine\n"
    replies = ["1. say both", say("red", "blue")] if node == "plan" else []
    done = go_on(bench, APPROVED, *replies, KEEP, files="keep")
    assert (bench.folder / "mine.txt").read_text() == "mine\n"
    assert done.status == "green"


def test_a_new_plan_that_waits_leaves_the_files_as_they_are(bench: Bench) -> None:
    asked(bench.start("colours", approve="plan", max_repairs=0))
    asked(go_on(bench, APPROVED, say("x"), "1. say both", max_repairs=0))
    assert bench.answer() == "x\n", "the best tree comes back when there is a plan"
    assert go_on(bench, APPROVED, say("red", "blue"), KEEP).status == "green"
    assert bench.texts("theirs") == []
