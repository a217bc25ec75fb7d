"""Several calls, thoughts, unknown tools, cut replies, invented answers, repetitions."""

import json

import pytest

from greenloop.tools.edits import SearchReplace, WholeFile
from greenloop.tools.reader.acts import as_edits, as_lookups
from greenloop.tools.reader.base import Call, Reading
from greenloop.tools.reader.read import read_calls, read_reply
from greenloop.tools.reader.registry import CODER, STANDARD


def call(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


A, B = call("read_file", path="a.py"), call("read_file", path="b.py")
WRITE_A = call("write_file", path="a.py", content="x = 1\n")
WRITE_B = call("write_file", path="b.py", content="y = 2\n")
RUN = call("run_command", command="pytest -q")
PIP = call("run_command", command="pip list")
DONE = call("finish", summary="done")
TODO = call("todo_write", todos=["x"])


def names(reading: Reading) -> list[str]:
    return [str(next(iter(c.arguments.values()))) for c in reading.calls]


@pytest.mark.parametrize(
    ("reply", "kept", "dropped"),
    [
        (A + B, ["a.py", "b.py"], 0),
        (f"{A}\n{B}\n", ["a.py", "b.py"], 0),
        (f"{A},\n{B}", ["a.py", "b.py"], 0),
        (f"[{A}, {B}]", ["a.py", "b.py"], 0),
        (f"```json\n{A}\n{B}\n```", ["a.py", "b.py"], 0),
        (f"1. First\n```json\n{A}\n```\n2. Second\n```json\n{B}\n```", ["a.py", "b.py"], 0),
        (f"<tool_call>{A}</tool_call>\n<tool_call>{B}</tool_call>", ["a.py", "b.py"], 0),
        (f"<tool_call>{A}\n{B}</tool_call>", ["a.py", "b.py"], 0),
        (f'{{"tool_calls": [{A}, {B}]}}', ["a.py", "b.py"], 0),
        (A * 5, ["a.py"], 0),
        (f"{A}\n\n{A}\n\n{B}\n\n{B}", ["a.py", "b.py"], 0),
        (A + B + A, ["a.py", "b.py", "a.py"], 0),
        (A + WRITE_A, ["a.py"], 1),
        (A + WRITE_A + RUN, ["a.py"], 2),
        (RUN + WRITE_A, ["pytest -q"], 1),
        (RUN + PIP, ["pytest -q", "pip list"], 0),
        (WRITE_A + WRITE_B, ["a.py", "b.py"], 0),
        (WRITE_A + RUN, ["a.py", "pytest -q"], 0),
        (WRITE_A + RUN + WRITE_B, ["a.py", "pytest -q"], 1),
        (RUN + DONE, ["pytest -q"], 1),
        (WRITE_A + DONE, ["a.py", "done"], 0),
        (TODO + WRITE_A, ["['x']", "a.py"], 0),
        (A + call("open_file", path="x"), ["a.py"], 1),
        (A + '{"name": "write_file", "arguments": {"path": "x", "content": "y', ["a.py"], 1),
        (f"{A}\n\nObservation: x = 1\n\n{B}", ["a.py"], 0),
        (f"{A}\n<tool_response>\nx = 1\n</tool_response>\n{B}", ["a.py"], 0),
        (f"{RUN}\n\nOutput:\n3 passed\n\n{PIP}", ["pytest -q"], 0),
        (f"{A}\nUser: thanks\n{RUN}", ["a.py"], 0),
        ('Action: read_file\nAction Input: {"path": "a.py"}\nObservation: x\nThought: now\n'
         'Action: read_file\nAction Input: {"path": "b.py"}', ["a.py"], 0),
        (f"{A}\nObservation: here\na.py\n```python\nx = 2\n```", ["a.py"], 1),
        (f"<think>{RUN}</think>{A}", ["a.py"], 0),
        (f"<think>I will call\n{RUN}\n</think>\n\n```json\n{A}\n```", ["a.py"], 0),
        (f"<thinking>{RUN}</thinking>{A}", ["a.py"], 0),
        (f"[THINK]{RUN}[/THINK]{A}", ["a.py"], 0),
        (f"I could run {RUN}\n</think>\n{A}", ["a.py"], 0),
        (f"<think>\nHm.\n{A}", ["a.py"], 0),
        (f"<think>\nHm. <tool_call>{A}</tool_call>", ["a.py"], 0),
        (f"</think>\n{A}", ["a.py"], 0),
        (f"<think></think>\n{A}\n<think>done?</think>", ["a.py"], 0),
        (f"<reasoning>{RUN}</reasoning>\n{A}", ["a.py"], 0),
    ],
)  # fmt: skip
def test_which_calls_are_kept(reply: str, kept: list[str], dropped: int) -> None:
    reading = read_reply(reply, STANDARD)
    assert (names(reading), reading.dropped, reading.edits) == (kept, dropped, ())


@pytest.mark.parametrize(
    ("reply", "calls"),
    [
        (f"<think>\nI could call\n{WRITE_A}\nbut I must look first", 0),
        (f"<think>\nNow <tool_call>{WRITE_A}</tool_call> or not?", 0),
        (f"<think>\nNow\n<tool_call>\n{WRITE_A}\n</tool_call>\n", 1),
    ],
)
def test_a_change_in_an_open_thought_counts_only_at_its_end(reply: str, calls: int) -> None:
    assert len(read_reply(reply, STANDARD).calls) == calls


def test_forgotten_braces_in_a_closed_envelope() -> None:
    bare = '{"name": "run_command", "arguments": {"command": "ls"'
    assert names(read_reply(f"<tool_call>\n{bare}\n</tool_call>", STANDARD)) == ["ls"]
    assert names(read_reply(f"```json\n{bare}\n```", STANDARD)) == ["ls"]
    assert read_reply(bare, STANDARD).calls == ()


def test_a_block_without_labels_hides_what_is_in_it() -> None:
    reading = read_reply(f"a.txt\n<<<<<<<\nx\n=======\n{RUN}\n>>>>>>>\n", STANDARD)
    assert (reading.calls, len(reading.edits)) == ((), 1)


def test_a_change_beside_a_refused_one_is_not_made() -> None:
    bad = call("write_file", path="path/to/b.py", content="x")
    reading = read_reply(WRITE_A + bad, STANDARD)
    assert reading.calls == ()
    assert reading.refusal is not None
    assert reading.refusal.reason == "placeholder_path"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("<think>Is it done?</think>\nIt is done.", "It is done."),
        ("</think>All good.", "All good."),
        ("hm, hm\n</think>\n\nAll good.", "All good."),
        (f"<think>{RUN}</think>I will not.", "I will not."),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Done.",
         "Done."),
        ("<thought>x</thought> Done.", "Done."),
    ],
)  # fmt: skip
def test_thoughts_are_no_words(reply: str, text: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.text, reading.calls, reading.refusal) == (text, (), None)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cat", "read_file"),
        ("open_file", "read_file"),
        ("view", "read_file"),
        ("create_file", "write_file"),
        ("str_replace_editor", "edit_file"),
        ("apply_patch", "edit_file"),
        ("bash", "run_command"),
        ("execute_command", "run_command"),
        ("ls", "list_dir"),
        ("grep", "search"),
        ("codebase_search", "search"),
        ("task_done", "finish"),
        ("mcp__fs__read_text", "read_file"),
        ("fly", "Available: read_file"),
        ("x" * 10_000, "Available"),
    ],
)
def test_unknown_tools_are_refused_with_a_hint(name: str, hint: str) -> None:
    refusal = read_reply(call(name, path="a.py"), STANDARD).refusal
    assert refusal is not None
    assert refusal.reason == "unknown_tool"
    assert hint in refusal.feedback
    assert len(refusal.feedback) < 300


@pytest.mark.parametrize(
    ("name", "hint"),
    [("run_command", "run for you"), ("finish", "the work ends"), ("todo_write", "plan is kept")],
)
def test_the_coder_is_told_what_happens_without_a_tool(name: str, hint: str) -> None:
    refusal = read_reply(call(name, command="pytest"), CODER).refusal
    assert refusal is not None
    assert refusal.reason == "unknown_tool"
    assert hint in refusal.feedback


@pytest.mark.parametrize(
    ("reply", "cut", "reason"),
    [
        (WRITE_A[:-8], False, "truncated"),
        (WRITE_A[:-8], True, "truncated"),
        (WRITE_A, True, "truncated"),
        (RUN, True, "truncated"),
        (f"```json\n{WRITE_A[:-5]}", True, "truncated"),
        ("I will now", True, "truncated"),
        ("a.py\n```python\nx = 1\n```\nb.py\n```python\ny =", True, "truncated"),
        ("a.py\n```python\nx = 1\n```", True, "truncated"),
        ("a.py\n```python\nx = 1\n", False, "truncated"),
        ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n", False, "truncated"),
        ('{"name": "read_file", "arguments": {"path": "src/a', False, "truncated"),
        ("x" * 60, True, "degenerate_repetition"),
        ("Let me see.\n" + "!" * 80, False, "degenerate_repetition"),
        ("Let me check the file again.\n" * 20, False, "degenerate_repetition"),
        ("and then " * 50, False, "degenerate_repetition"),
        ("The cause: " + "the list of " * 40 + "the", True, "degenerate_repetition"),
    ],
)
def test_cut_and_stuck_replies(reply: str, cut: bool, reason: str) -> None:
    reading = read_reply(reply, STANDARD, cut=cut)
    assert (reading.calls, reading.edits) == ((), ())
    assert reading.refusal is not None
    assert reading.refusal.reason == reason


def test_a_whole_look_may_be_taken_from_a_cut_reply() -> None:
    assert names(read_reply(f"{A}\nAnd now I", STANDARD, cut=True)) == ["a.py"]


@pytest.mark.parametrize("text", ["-" * 60, "Table:\n" + "| --- " * 20, "=" * 80 + "\nDone."])
def test_rules_and_tables_are_no_repetition(text: str) -> None:
    assert read_reply(text, STANDARD).refusal is None


def test_what_stands_inside_something_is_part_of_it() -> None:
    fenced = "Use it:\n\nsrc/a.py\n```python\nx = 1\n```\n"
    raw = f'{{"name": "write_file", "arguments": {{"path": "R.md", "content": "{fenced}"}}}}'
    reading = read_reply(raw, STANDARD)
    assert reading.edits == ()
    assert [c.arguments for c in reading.calls] == [{"path": "R.md", "content": fenced}]
    reading = read_reply(f"calls.json\n```json\n{RUN}\n```", STANDARD)
    assert (reading.calls, reading.edits) == ((), (WholeFile("calls.json", f"{RUN}\n"),))
    block = f"a.txt\n<<<<<<< SEARCH\nx\n=======\n{RUN}\n>>>>>>> REPLACE"
    reading = read_reply(block, STANDARD)
    assert (reading.calls, reading.edits) == ((), (SearchReplace("a.txt", "x\n", f"{RUN}\n"),))
    nested = call("write_file", path="a.txt", content=RUN)
    assert names(read_reply(nested, STANDARD)) == ["a.txt"]
    reading = read_reply(f"```diff\n--- a/c.json\n+++ b/c.json\n@@\n-x\n+{RUN}\n```", STANDARD)
    assert (reading.calls, len(reading.edits)) == ((), 1)


def test_edits_and_calls_in_one_reply_are_taken_from_the_first_on() -> None:
    block = "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"
    edits_first, calls_first = (
        read_reply(f"{block}\n{A}", CODER),
        read_reply(f"{A}\n{block}", CODER),
    )
    assert (len(edits_first.edits), edits_first.calls, edits_first.dropped) == (1, (), 1)
    assert (calls_first.edits, names(calls_first), calls_first.dropped) == ((), ["a.py"], 1)


def test_native_calls_are_held_against_the_tools_too() -> None:
    reading = read_calls([Call("ReadFile", {"file": "a.py", "start_line": "2"})], CODER)
    assert reading.calls == (Call("read_file", {"path": "a.py", "start_line": 2}),)
    refused = read_calls([Call("bash", {"command": "ls"})], CODER)
    assert refused.refusal is not None
    assert read_calls([], CODER) == Reading()


def test_acts() -> None:
    calls = [
        Call("read_file", {"path": "a.py", "start_line": 3, "end_line": 9}),
        Call("read_file", {"path": "a.py"}),
        Call("list_dir", {"path": "src"}),
        Call("search", {"pattern": "x y"}),
        Call("write_file", {"path": "a.py", "content": "x"}),
        Call("edit_file", {"path": "a.py", "old_string": "x", "new_string": "y"}),
        Call("edit_file", {"path": "a", "old_string": "x", "new_string": "y", "replace_all": True}),
    ]
    assert [str(lookup) for lookup in as_lookups(calls)] == [
        "READ a.py:3-9",
        "READ a.py",
        "LIST src",
        "GREP x y",
    ]
    assert as_edits(calls) == (
        WholeFile("a.py", "x"),
        SearchReplace("a.py", "x", "y", inline=True),
        SearchReplace("a", "x", "y", inline=True, every=True),
    )
