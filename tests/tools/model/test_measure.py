"""Probing a model: what its replies, its counts and its GPU make of the profile."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gpu import loads_of, room_for

from greenloop.errors import ModelUnavailableError
from greenloop.tools.model.base import ModelReply
from greenloop.tools.model.families import family_profile
from greenloop.tools.model.measure import Conditions, Measured, measure
from greenloop.tools.model.measure_tasks import after_call, call_task, edit_tasks, json_tasks
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.server import NoRoomError, Server
from greenloop.tools.reader.base import Call
from greenloop.tools.standin.start import start_standin

NAME = "qwen2.5-coder:7b"
KNOWN = family_profile(NAME)
LONG = {"text": "it was 12ab34", "match": "The password is", "times": None}
STOCK = (
    "shop/stock.py\n```python\ndef total(prices):\n    return sum(prices)\n\n\n"
    "def cheapest(prices):\n    return min(prices)\n```\n"
)
NAMES = (
    'shop/names.py\n```python\n"""Names as they are shown."""\n\n\ndef greet(name):\n'
    '    return "Hello " + name\n\n\ndef initials(first, last):\n'
    "    return first[0] + last[0]\n```\n"
)


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


BLOCKS = (
    block("shop/stock.py", "    return max(prices)", "    return min(prices)"),
    block("shop/names.py", "    return first[0] + last[1]", "    return first[0] + last[0]"),
)
DECISIONS = ('{"next": "read", "path": "shop/stock.py"}', '{"next": "stop", "path": ""}')
GOOD: tuple[Any, ...] = (STOCK, NAMES, *BLOCKS, *DECISIONS)
TOOLS = {"name": NAME, "capabilities": ["completion", "tools"]}
CALLS = tuple(
    {"tool_calls": [{"name": "read_file", "arguments": {"path": path}}]}
    for path in ("shop/stock.py", "shop/names.py", "shop/names.py", "README.md")
)
CONDITIONS = Conditions(gap_s=20.0)
CHAT_ONLY = {"models": [{"name": NAME, "capabilities": ["completion"]}]}


def probed(
    tmp_path: Path,
    replies: Sequence[Any] = GOOD,
    *,
    long: Sequence[Any] = (LONG,),
    conditions: Conditions = CONDITIONS,
    gpu: int = room_for(16384),
    **script: Any,
) -> tuple[Measured, list[int], list[str]]:
    """What was measured, the windows that were loaded, and the lines that were told."""
    told: list[str] = []
    whole = {**CHAT_ONLY, "replies": [*long, *replies], **script}
    with start_standin(whole | {"gpu_bytes": gpu}, tmp_path) as standin:
        server = Server(standin.url)
        measured = measure(server, NAME, KNOWN, conditions, told.append)
        return measured, loads_of(standin), told


class Brittle(Server):
    """A server whose driver fails at a large window, instead of moving a part to the CPU."""

    def load(self, name: str, num_ctx: int, *, keep_alive: str, limit_s: float) -> None:
        if num_ctx > 16384:
            raise ModelUnavailableError("cudaMalloc failed: out of memory")
        Server.load(self, name, num_ctx, keep_alive=keep_alive, limit_s=limit_s)


class TestWindow:
    def test_the_largest_that_lies_fully_on_the_gpu(self, tmp_path: Path) -> None:
        measured, loads, _ = probed(tmp_path)
        assert loads == [8192, 16384, 32768, 16384]
        assert measured.profile.num_ctx == 16384
        assert measured.gpu_share == 1.0
        assert measured.true_window is True

    def test_the_trained_context_is_the_end(self, tmp_path: Path) -> None:
        model = {"name": NAME, "context_length": 12000, "capabilities": ["completion"]}
        measured, loads, _ = probed(tmp_path, gpu=room_for(99999), models=[model])
        assert loads == [8192, 12000]
        assert measured.profile.num_ctx == 12000

    def test_a_load_that_fails_is_too_large(self, tmp_path: Path) -> None:
        told: list[str] = []
        with start_standin({**CHAT_ONLY, "replies": [LONG, *GOOD]}, tmp_path) as standin:
            measured = measure(Brittle(standin.url), NAME, KNOWN, CONDITIONS, told.append)
            assert loads_of(standin) == [8192, 16384, 16384]
        assert measured.profile.num_ctx == 16384
        assert any("out of memory" in line for line in told)

    def test_a_first_load_that_lacks_memory_is_tried_with_less(self, tmp_path: Path) -> None:
        class Full(Server):
            def load(self, name: str, num_ctx: int, *, keep_alive: str, limit_s: float) -> None:
                if num_ctx > 4096:
                    raise NoRoomError("cudaMalloc failed: out of memory")
                Server.load(self, name, num_ctx, keep_alive=keep_alive, limit_s=limit_s)

        told: list[str] = []
        with start_standin({**CHAT_ONLY, "replies": [LONG, *GOOD]}, tmp_path) as standin:
            measured = measure(Full(standin.url), NAME, KNOWN, CONDITIONS, told.append)
            assert loads_of(standin) == [4096]
        assert measured.profile.num_ctx == 4096
        assert any("out of memory" in line for line in told)

    def test_a_small_gpu_gets_a_small_window(self, tmp_path: Path) -> None:
        measured, loads, _ = probed(tmp_path, gpu=room_for(5000))
        assert loads == [8192, 4096]
        assert measured.profile.num_ctx == 4096

    def test_a_gpu_that_is_far_too_small_is_left_to_each_run(self, tmp_path: Path) -> None:
        measured, loads, _ = probed(tmp_path, gpu=2_000_000_000)
        assert loads == [8192]
        assert measured.profile.num_ctx == 0
        assert measured.gpu_share is not None
        assert 0.3 < measured.gpu_share < 0.5

    def test_no_gpu(self, tmp_path: Path) -> None:
        measured, loads, _ = probed(tmp_path, gpu=0)
        assert loads == [8192]
        assert (measured.profile.num_ctx, measured.gpu_share) == (0, 0.0)

    def test_a_window_that_is_smaller_than_said(self, tmp_path: Path) -> None:
        long = ({**LONG, "times": 1}, {**LONG, "prompt_eval_count": 8194})
        measured = probed(tmp_path, long=long)[0]
        assert measured.true_window is False
        assert measured.profile.num_ctx == 0

    def test_slow_reading_shortens_the_long_prompt(self, tmp_path: Path) -> None:
        # The stand-in says that it reads 1000 tokens in a second.
        slow = Conditions(gap_s=20.0, reading_s=5.0)
        measured, loads, told = probed(tmp_path, conditions=slow)
        # And runs find it loaded.
        assert loads[-1] == 8192
        assert measured.true_window is None
        # What was not seen to be true is not built on.
        assert measured.profile.num_ctx == 8192
        assert any(re.fullmatch(r"reading a prompt of about (49|50)\d\d tokens", t) for t in told)

    def test_fewer_tokens_than_the_text_has(self, tmp_path: Path) -> None:
        long = ({**LONG, "times": 1}, {**LONG, "prompt_eval_count": 6000})
        measured, _, told = probed(tmp_path, long=long)
        assert measured.true_window is False
        assert any("6000" in line for line in told)

    def test_the_first_prompt_fits_the_smallest_window(self, tmp_path: Path) -> None:
        model = {"name": NAME, "context_length": 2048, "capabilities": ["completion"]}
        measured, loads, told = probed(tmp_path, models=[model])
        assert loads == [2048]
        assert measured.true_window is True
        assert measured.profile.prompt_tps > 0
        assert not any("does not fit" in line for line in told)

    def test_a_model_that_says_nothing_leaves_it_open(self, tmp_path: Path) -> None:
        silent = {**LONG, "text": "", "thinking": ""}
        assert probed(tmp_path, long=(silent,))[0].true_window is None


class TestForms:
    def test_all_are_kept(self, tmp_path: Path) -> None:
        measured, _, told = probed(tmp_path)
        assert {form: tries.always for form, tries in measured.forms.items()} == {
            "whole": True,
            "search_replace": True,
            "json": True,
        }
        profile = measured.profile
        assert profile.source == "probe"
        assert profile.json_schema
        assert not profile.native_tools
        assert profile.whole_file_lines == KNOWN.whole_file_lines
        assert profile.reply_tps == pytest.approx(50, rel=0.01)
        # The stand-in has four characters to a token; we say rather too few.
        assert 3.5 < profile.chars_per_token < 4.0
        assert profile.prompt_tps == pytest.approx(1000, rel=0.01)
        assert "whole files: 2 of 2" in told

    def test_no_blocks(self, tmp_path: Path) -> None:
        bad = ("I would use min.", "shop/names.py\n<<<<<<< SEARCH\nno such line\n")
        measured, _, told = probed(tmp_path, (STOCK, NAMES, *bad, *DECISIONS))
        assert measured.profile.whole_file_lines == 200
        assert "SEARCH/REPLACE: 0 of 2: no edit in the reply" in told

    def test_no_whole_files(self, tmp_path: Path) -> None:
        lazy = "shop/stock.py\n```python\n# ... rest of the code\n```\n"
        measured, _, _ = probed(tmp_path, (lazy, BLOCKS[1], *BLOCKS, *DECISIONS))
        assert measured.profile.whole_file_lines == 0
        assert measured.forms["whole"].good == 0

    def test_neither(self, tmp_path: Path) -> None:
        measured, _, _ = probed(tmp_path, (*["I cannot."] * 4, *DECISIONS))
        assert not measured.profile.keeps_edits
        assert measured.answered
        assert probed(tmp_path)[0].profile.keeps_edits

    def test_nothing_but_errors(self, tmp_path: Path) -> None:
        broken = {"text": "a", "no_done": True, "times": None}
        measured, _, told = probed(tmp_path, (broken,), long=())
        assert not measured.answered
        assert measured.profile.reply_tps == 0
        (fault,) = {tries.fault for tries in measured.forms.values()}
        # The same words are told once.
        assert sum(fault.partition("; ")[0][:60] in line for line in told) == 1
        assert told[-1] == "JSON by a schema: 0 of 2: as before"

    def test_no_json(self, tmp_path: Path) -> None:
        measured, _, _ = probed(tmp_path, (*GOOD[:5], '{"next": "dance", "path": ""}'))
        assert not measured.profile.json_schema
        assert measured.forms["json"].fault == "JSON of another schema"

    def test_a_reply_that_fails_counts_as_not_kept(self, tmp_path: Path) -> None:
        broken = {"text": "a", "no_done": True, "times": 1}
        measured, _, _ = probed(tmp_path, (broken, NAMES, *BLOCKS, *DECISIONS))
        assert measured.forms["whole"].good == 1

    def test_tools_that_the_model_does_not_call(self, tmp_path: Path) -> None:
        garbled = {"text": '```json\n{"name": "read_file"}\n```', "times": None}
        measured, _, told = probed(tmp_path, (*GOOD, garbled), models=[TOOLS])
        assert not measured.profile.native_tools
        assert measured.forms["native"].good == 0
        assert any(line.startswith("native tools: 0 of 2") for line in told)

    def test_tools_that_work(self, tmp_path: Path) -> None:
        measured, _, told = probed(tmp_path, (*GOOD, *CALLS), models=[TOOLS])
        assert measured.profile.native_tools
        assert "native tools: 2 of 2" in told

    def test_tools_that_work_until_the_first_result(self, tmp_path: Path) -> None:
        replies = (*GOOD, CALLS[0], "I cannot.", CALLS[2], "I cannot.")
        measured, _, told = probed(tmp_path, replies, models=[TOOLS])
        assert not measured.profile.native_tools
        assert "native tools: 0 of 2: after a result: no call came back" in told

    def test_a_call_that_the_server_swallows(self, tmp_path: Path) -> None:
        swallowed = {
            "text": '<tool_call>\n{"name": "read_file", "arguments": {"path": }}\n</tool_call>',
            "times": None,
        }
        measured, _, told = probed(tmp_path, (*GOOD, swallowed), models=[TOOLS])
        assert not measured.profile.native_tools
        assert told[-1].startswith("native tools: 0 of 2: "), told

    def test_a_server_that_fails_at_its_own_tools(self, tmp_path: Path) -> None:
        failing = {"error": 500, "message": "failed to parse JSON: x", "times": None}
        measured, _, _ = probed(tmp_path, (*GOOD, failing), models=[TOOLS])
        assert not measured.profile.native_tools

    @pytest.mark.parametrize(
        "failing",
        [
            {"fault": "busy", "times": None},
            {"fault": "load_memory", "times": None},
            {"stall": 30, "times": None},
        ],
    )
    def test_a_server_with_too_much_to_do_says_nothing_of_the_tools(
        self, tmp_path: Path, failing: dict[str, Any]
    ) -> None:
        with pytest.raises(ModelUnavailableError):
            probed(tmp_path, (*GOOD, failing), models=[TOOLS], conditions=Conditions(gap_s=1.5))

    def test_a_template_that_fails_at_tools(self, tmp_path: Path) -> None:
        failing = {"error": 500, "message": "template: :3:14: executing", "times": None}
        measured, _, _ = probed(tmp_path, (*GOOD, failing), models=[TOOLS])
        assert not measured.profile.native_tools

    def test_a_model_that_thinks(self, tmp_path: Path) -> None:
        models = [{"name": NAME, "capabilities": ["completion", "thinking"]}]
        assert probed(tmp_path, models=models)[0].profile.thinks

    def test_a_server_that_dies_ends_the_probe(self, tmp_path: Path) -> None:
        with pytest.raises(ModelUnavailableError):
            probed(tmp_path, ({"text": STOCK, "cut": True, "times": None},))


class TestJudging:
    @pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"next": "read"}', '{"next": 1}'])
    def test_what_is_no_decision(self, text: str) -> None:
        assert json_tasks()[0].judge(ModelReply(text))

    def test_a_decision(self) -> None:
        assert json_tasks()[0].judge(ModelReply(json.dumps({"next": "edit", "path": "a"}))) == ""

    def test_an_edit_of_another_file(self) -> None:
        assert edit_tasks("whole")[0].judge(ModelReply(NAMES)) == "changed shop/names.py"

    def test_an_edit_in_the_other_form(self) -> None:
        assert "another form" in edit_tasks("whole")[0].judge(ModelReply(BLOCKS[0]))
        assert "another form" in edit_tasks("search_replace")[0].judge(ModelReply(STOCK))

    def test_an_edit_that_breaks_the_file(self) -> None:
        broken = STOCK.replace("    return min(prices)", "    return min(prices")
        assert edit_tasks("whole")[0].judge(ModelReply(broken))

    @pytest.mark.parametrize(
        ("call", "fault"),
        [
            (Call("read_file", {"path": "shop/stock.py"}), ""),
            (Call("read_file", {"path": "./shop/stock.py"}), ""),
            (Call("read_file", {"path": "stock.py"}), "asked for 'stock.py'"),
            (Call("read_file", {}), "path"),
            (Call("Show a file of the project.", {"path": "shop/stock.py"}), "read_file"),
        ],
    )
    def test_calls(self, call: Call, fault: str) -> None:
        found = call_task("shop/stock.py").judge(ModelReply("", calls=(call,)))
        assert fault in found
        assert bool(found) is bool(fault)

    def test_a_call_that_got_lost(self) -> None:
        judge = call_task("shop/stock.py").judge
        assert "lost" in judge(ModelReply(""))
        assert judge(ModelReply("I would read it.")) == "no call came back"

    def test_turns_alternate_after_a_call(self) -> None:
        task = call_task("shop/stock.py")
        second = call_task("shop/names.py", after_call(task, ModelReply("")))
        roles = [message.role for message in second.request.messages]
        assert roles == ["system", "user", "assistant", "user"]
        assert "Read shop/names.py" in second.request.messages[-1].content


def test_the_profile_is_the_family_s_but_for_what_was_measured(tmp_path: Path) -> None:
    profile = probed(tmp_path)[0].profile
    same = replace(
        profile,
        source="family",
        num_ctx=0,
        chars_per_token=KNOWN.chars_per_token,
        prompt_tps=0.0,
        reply_tps=0.0,
    )
    assert same == KNOWN
    assert isinstance(profile, Profile)
