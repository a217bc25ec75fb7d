"""A coder's turns within a step, with a scripted brain: what goes back to it, and when it ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from graph_bench.bench import FILES, Bench, say

from greenloop.errors import ModelReplyError
from greenloop.graph.run import start
from greenloop.graph.session import Run
from greenloop.graph.storage import open_storage
from greenloop.nodes.loops import ELSE, SAME_EDIT, SAME_LOOK, SAME_REPLY, SAME_TREE, Watch
from greenloop.nodes.prompting import usable
from greenloop.tools.edits import WholeFile
from greenloop.tools.lookups import Lookup
from greenloop.tools.model.base import (
    MESSAGE_TOKENS,
    ChatModel,
    Message,
    ModelReply,
    ModelRequest,
    OnText,
    Window,
    window_of,
)
from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.scripted import ScriptedModel
from greenloop.tools.reader.base import Call

KEEP = '{"reasons": [], "verdict": "keep"}'
WRONG = "answer.txt\n<<<<<<< SEARCH\nnot there {n}\n=======\nred\n>>>>>>> REPLACE\n"


def coder_turns(bench: Bench) -> list[tuple[Message, ...]]:
    return [r.messages for r in bench.model.requests if r.role == "coder"]


def run_with(bench: Bench, model: ChatModel, task: str = "colours", **settings: Any) -> str:
    run = Run(model=model)
    return start(task, bench.workspace(), bench.settings(settings), bench.storage, run).status


class TestPrefix:
    def test_each_turn_of_a_step_begins_with_the_one_before(self, bench: Bench) -> None:
        replies = ("```look\nREAD wanted\n```", WRONG, say("red", "blue"), KEEP)
        assert bench.start("colours", *replies).status == "green"
        first, second, third = coder_turns(bench)
        assert second[: len(first)] == first
        assert third[: len(second)] == second
        assert [m.role for m in third[1:]] == ["user", "assistant"] * 2 + ["user"]

    def test_the_system_prompt_is_the_same_in_every_step(self, bench: Bench) -> None:
        bench.start("1. a\n2. b", "1. say red\n2. say blue", say("red"), say("red", "blue"), KEEP)
        assert len({turn[0] for turn in coder_turns(bench)}) == 1

    def test_two_folders_give_the_same_prompts(self, bench: Bench, tmp_path: Path) -> None:
        bench.start("colours", WRONG, say("red", "blue"), KEEP)
        here = coder_turns(bench)
        other = tmp_path / "elsewhere" / "repo"
        other.mkdir(parents=True)
        for name, text in FILES.items():
            (other / name).write_text(text)
        with open_storage(tmp_path / "other") as storage:
            there = Bench(other, storage, ScriptedModel(()))
            there.start("colours", WRONG, say("red", "blue"), KEEP)
            assert coder_turns(there) == here


class TestFormats:
    def test_short_files_are_asked_for_whole_and_long_ones_in_blocks(self, bench: Bench) -> None:
        (bench.folder / "long.txt").write_text("blue\n" * 160)
        bench.start("see answer.txt and long.txt", say("red", "blue"), KEEP)
        prompt = coder_turns(bench)[0][-1].content
        assert "answer.txt\n```\nnone\n```" in prompt
        assert prompt.endswith(
            "answer.txt, and new files: the whole file. Any other existing file: SEARCH/REPLACE.\n"
        )

    def test_a_file_with_fences_stands_in_a_longer_fence(self, bench: Bench) -> None:
        (bench.folder / "notes.md").write_text("a\n````python\nx\n````\n")
        bench.start("see notes.md", say("red", "blue"), KEEP)
        assert "notes.md\n`````\na\n````python" in coder_turns(bench)[0][-1].content

    @pytest.mark.parametrize("keeps_json", [True, False])
    def test_decisions_have_a_schema_where_the_model_keeps_one(
        self, bench: Bench, keeps_json: bool
    ) -> None:
        replies = ('{"steps": ["say both"]}', say("red", "blue"), KEEP)
        model = ScriptedModel(replies, profile=Profile(json_schema=keeps_json))
        assert run_with(bench, model, "1. red\n2. blue") == "green"
        schemas = {r.role: r.schema is not None for r in model.requests}
        assert schemas == {"planner": keeps_json, "coder": False, "reviewer": keeps_json}

    def test_a_plan_has_room_for_every_part_that_the_user_listed(self, bench: Bench) -> None:
        task = "\n".join(f"{n}. part {n}" for n in range(1, 11))
        bench.start(task, task, say("red", "blue"), KEEP, budget_calls=2)
        assert bench.texts("plan") == task.split("\n")


class TestFeedback:
    def test_what_the_server_could_not_read_goes_back(self, bench: Bench) -> None:
        unread = ModelReplyError("Ollama: XML syntax error", feedback="Close the parameter.")
        bench.start("colours", unread, say("red", "blue"), KEEP)
        assert coder_turns(bench)[1][-1] == Message("user", "Close the parameter.")

    def test_at_most_twice(self, bench: Bench) -> None:
        unread = ModelReplyError("unreadable", feedback="Close it.")
        bench.start("colours", *[unread] * 3, "1. x", say("red", "blue"), KEEP)
        assert [len(turn) for turn in coder_turns(bench)] == [2, 4, 6, 2]

    def test_the_servers_troubles_are_no_business_of_the_model(self, bench: Bench) -> None:
        cut = ModelReplyError("the reply is cut: raise num_predict")
        bench.start("colours", *[cut] * 3, "1. x", say("red", "blue"), KEEP)
        prompts = [m.content for r in bench.model.requests for m in r.messages]
        assert not any("num_predict" in prompt for prompt in prompts)
        assert "3 replies in a row were of no use" in bench.texts("note")

    def test_a_decision_that_could_not_be_read_is_asked_for_again(self, bench: Bench) -> None:
        unread = ModelReplyError("unreadable", feedback="Answer with JSON.")
        assert bench.start("colours", say("red", "blue"), unread, KEEP).status == "green"
        assert bench.model.requests[-1].messages[-1].content == "Answer with JSON."


class TestLoops:
    def test_the_same_reply_is_pointed_out_once_then_the_attempt_ends(self, bench: Bench) -> None:
        bench.start("colours", *["Hm."] * 3, "1. write it", say("red", "blue"), KEEP)
        assert bench.path()[:4] == ["plan", "code", "replan", "code"]
        nudge = coder_turns(bench)[2][-1].content
        assert SAME_REPLY in nudge
        assert ELSE in nudge
        heat = [r.temperature for r in bench.model.requests if r.role == "coder"]
        assert heat[:3] == [0, 0.3, 0.6]
        assert bench.texts("note")[:2] == ["repeats a reply; told to do something else"] * 2

    def test_the_same_look_in_other_words(self, bench: Bench) -> None:
        bench.start("colours", "READ wanted", "Let me see.\nREAD wanted", say("red", "blue"), KEEP)
        assert SAME_LOOK in coder_turns(bench)[2][-1].content

    def test_an_edit_refused_in_another_round(self, bench: Bench) -> None:
        bench.start(
            "colours", WRONG, "Hm.", "No.", "1. write it", "So:\n" + WRONG, say("red", "blue"), KEEP
        )
        assert SAME_EDIT in coder_turns(bench)[4][-1].content

    def test_a_tree_that_was_tested_before_is_not_tested_again(self, bench: Bench) -> None:
        bench.start("colours", say("a"), say("b"), "Back.\n" + say("a"), say("red", "blue"), KEEP)
        assert bench.path().count("test") == 3
        assert SAME_TREE in coder_turns(bench)[3][-1].content
        assert "repeats a state of the files; told to do something else" in bench.texts("note")

    def test_two_rounds_without_a_change_are_noticed(self, bench: Bench) -> None:
        bench.start(
            "colours", "a", "b", "c", "1. x", "d", "e", "f", "1. y", say("red", "blue"), KEEP
        )
        assert "two rounds in a row changed nothing" in bench.texts("note")
        assert "Two rounds have changed nothing" in coder_turns(bench)[6][-1].content

    def test_looking_without_end(self, bench: Bench) -> None:
        looks = [f"READ wanted:{n}" for n in (1, 2)] + ["LIST ."]
        bench.start("colours", *looks, say("red", "blue"), KEEP)
        assert "You have looked enough" in coder_turns(bench)[3][-1].content

    def test_what_is_remembered_is_bounded(self) -> None:
        watch = Watch()
        for number in range(500):
            watch.same_edit([WholeFile("a", str(number))])
        assert len(watch.tried) <= 40
        again = Watch(watch.tried)
        assert again.same_edit([WholeFile("a", "499")])
        assert not again.same_edit([WholeFile("a", "0")])
        assert not again.same_look([Lookup("READ", "a")])


class Caller:
    """Says prepared replies, calls of tools among them."""

    name = "caller"
    reads_prompt = True
    window = Window(8192, 2048)
    profile = Profile(native_tools=True)

    def __init__(self, *replies: ModelReply) -> None:
        self.replies = list(replies)
        self.requests: list[ModelRequest] = []

    def count(self, text: str) -> int:
        return -(-len(text) // 3)

    def cancel(self) -> None:
        return

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        del on_text
        self.requests.append(request)
        return self.replies.pop(0)


def test_native_calls_are_answered_and_kept_as_text(bench: Bench) -> None:
    look = ModelReply("", calls=(Call("read_file", {"path": "wanted"}),))
    model = Caller(look, ModelReply(say("red", "blue")), ModelReply(KEEP))
    assert run_with(bench, model) == "green"
    assert {tool.name for tool in model.requests[0].tools} == {"read_file", "list_dir", "search"}
    said, answer = model.requests[1].messages[2:]
    assert said == Message("assistant", "```look\nREAD wanted\n```")
    assert "red\n" in answer.content
    assert not model.requests[-1].tools, "the reviewer has none"


def test_no_tools_are_offered_to_a_model_that_cannot_call_them(bench: Bench) -> None:
    bench.start("colours", say("red", "blue"), KEEP)
    assert not any(request.tools for request in bench.model.requests)


HUGE: Sequence[tuple[str, str]] = (
    ("lines", "make it right\n" * 80_000),
    ("one line", "x" * 1_000_000),
    ("paths", "src/a.py:1 " * 90_000),
    ("blank lines", "\n" * 500_000 + "."),
    ("dots", "a." * 300_000),
)


@pytest.mark.parametrize("num_ctx", [2048, 4096])
@pytest.mark.parametrize("task", [task for _, task in HUGE], ids=[name for name, _ in HUGE])
def test_no_task_is_too_long(bench: Bench, task: str, num_ctx: int) -> None:
    (bench.folder / "one_line.js").write_text("y" * 500_000)
    (bench.folder / "check.sh").write_text(
        FILES["check.sh"].replace("exit 1", "{ yes failure | head -c 200000; exit 1; }")
    )
    replies = ("READ one_line.js", say("red" * 3000), say("red", "blue"), KEEP)
    model = ScriptedModel(replies, window=window_of(num_ctx, 2048), profile=DEFAULT)
    assert run_with(bench, model, f"one_line.js\n{task}") == "green"
    for request in model.requests:
        total = sum(model.count(m.content) + MESSAGE_TOKENS for m in request.messages)
        assert total <= usable(model)
    assert any("left out" in m.content for m in model.requests[0].messages)
