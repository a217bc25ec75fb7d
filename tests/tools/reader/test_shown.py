"""Calls and edits that a reply only talks about are not carried out; real ones beside them are."""

import pytest

from greenloop.tools.reader.base import Reading
from greenloop.tools.reader.read import read_reply
from greenloop.tools.reader.registry import STANDARD

REMOVE = '{"name": "run_command", "arguments": {"command": "rm -rf build"}}'
TESTS = '{"name": "run_command", "arguments": {"command": "pytest -q"}}'
BLOCK = "<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE"


def _read(reply: str) -> Reading:
    return read_reply(reply, STANDARD)


@pytest.mark.parametrize(
    "reply",
    [
        f"If the tests fail, you can run:\n```json\n{REMOVE}\n```",
        f"{REMOVE}\n\nShould I?",
        f"```json\n{REMOVE}\n```\nWould you like me to run it?",
        f"{REMOVE}\n\nI would not run this command.",
        f"> {REMOVE}\n\nThat is what you wrote.",
        f"You wrote:\n```json\n{REMOVE}\n```",
        f"<tool_response>\n{REMOVE}\n</tool_response>\nDone.",
        f"Observation: {REMOVE}",
        f"Tool result:\n{REMOVE}",
        f"Here is an example of a tool call:\n<tool_call>\n{REMOVE}\n</tool_call>",
        "An example Action:\n\nAction: run_command\nAction Input: rm -rf build\n\nis wrong.",
        f"Create `calls.json`:\n```json\n{REMOVE}\n```",
        f"The file `calls.jsonl` should contain:\n```json\n{REMOVE}\n```",
        f"Your last message was:\n```json\n{REMOVE}\n```\nIt is not valid.",
        f"The log says:\n```\n{REMOVE}\n```\nso it failed.",
        f"I already ran:\n{REMOVE}",
        f"Avoid this:\n{REMOVE}",
        'The tests use:\n```python\nrun_command("rm -rf build")\n```',
        'Add this to `conftest.py`:\n```python\nrun_command("rm -rf build")\n```',
        "Make sure to install it first:\n```bash\npip install x\n```",
        "You'll need to run:\n```bash\npip install x\n```",
        "## Usage\n\n```bash\npython app.py\n```",
        "```\n$ pytest -q\n3 passed\n```\nAll tests pass.",
    ],
)
def test_a_command_that_is_only_shown_is_not_run(reply: str) -> None:
    reading = _read(reply)
    assert not reading.calls
    assert not reading.edits


@pytest.mark.parametrize(
    "reply",
    [
        TESTS,
        f"You asked me to run the tests, so I do:\n{TESTS}",
        f"I'll run the tests so that you can see the result.\n\n```json\n{TESTS}\n```",
        f"{TESTS}\n\nWould you like me to do anything else?",
        f"{TESTS}\n\nI will not change any other file.",
        f"My previous call was no valid JSON; here it is again:\n{TESTS}",
        f"Instead of guessing, I run the tests:\n{TESTS}",
        f"<tool_call>\n{TESTS}\n</tool_call>\nShall we go on after that?",
        "Thought: the format of the output matters.\nAction: run_command\nAction Input: pytest -q",
        "THOUGHT: run the tests.\n\n```bash\npytest -q\n```",
        "Now I run the tests:\n```bash\npytest -q\n```",
    ],
)
def test_a_command_that_is_asked_for_is_run(reply: str) -> None:
    assert [dict(call.arguments) for call in _read(reply).calls] == [{"command": "pytest -q"}]


@pytest.mark.parametrize(
    "reply",
    [
        f"For example, an edit looks like this:\n\na.py\n```python\n{BLOCK}\n```",
        f"Here is an example of a block:\n\na.py\n{BLOCK}",
        f"Tool result:\na.py\n{BLOCK}",
        f"Do not change it like this:\n\na.py\n{BLOCK}",
        f"Your attempt was:\n\na.py\n{BLOCK}\n\nIt is right.",
        f"<think>I could do this:\na.py\n{BLOCK}\nbut that is wrong.",
    ],
)
def test_an_edit_that_is_only_shown_is_none(reply: str) -> None:
    assert not _read(reply).edits


@pytest.mark.parametrize(
    "reply",
    [
        f"The new code looks like this:\n\na.py\n```python\n{BLOCK}\n```\nShall I go on?",
        f"I add an example to the docs:\n\na.py\n{BLOCK}",
        f"<think>I do this:\na.py\n{BLOCK}",
        f"Observation: x is 1.\n\nSo it must be 2.\n\na.py\n{BLOCK}",
    ],
)
def test_an_edit_that_is_meant_is_one(reply: str) -> None:
    assert [edit.path for edit in _read(reply).edits] == ["a.py"]


@pytest.mark.parametrize(
    "between",
    [
        "\n```output\n3 passed\n```\n",
        "<|im_end|>\n<|im_start|>user\ngo on<|im_end|>\n",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n",
        "\n[INST] go on [/INST]\n",
    ],
)
def test_calls_after_an_invented_turn_are_not_run(between: str) -> None:
    calls = _read(f"{TESTS}{between}{REMOVE}").calls
    assert [dict(call.arguments) for call in calls] == [{"command": "pytest -q"}]


@pytest.mark.parametrize("command", ["...", "<command>", "your command here", "command"])
def test_a_command_from_an_example_is_refused(command: str) -> None:
    reply = TESTS.replace("pytest -q", command)
    refusal = _read(reply).refusal
    assert refusal is not None
    assert refusal.reason == "placeholder_path"


def test_a_backslash_before_a_real_line_break_in_a_written_text_is_refused() -> None:
    reply = '{"name": "write_file", "arguments": {"path": "a.py", "content": "a = 1\\\nb = 2\n"}}'
    refusal = _read(reply).refusal
    assert refusal is not None
    assert refusal.reason == "unfit"


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "read_file<|channel|>commentary", "arguments": {"path": "a.py"}}',
        'Action 1: read_file\nAction Input 1: {"path": "a.py"}',
        '<x:function_calls><x:invoke name="read_file"><x:parameter name="path">a.py'
        "</x:parameter></x:invoke></x:function_calls>",
    ],
)
def test_a_look_is_read_through_leaked_tokens_numbers_and_prefixes(reply: str) -> None:
    reading = _read(reply)
    assert [(c.tool, dict(c.arguments)) for c in reading.calls] == [("read_file", {"path": "a.py"})]


@pytest.mark.parametrize(
    "reply",
    [
        "<execute_command>\n<command>pytest -q</command>\n</execute_command>",
        "<write_to_file>\n<path>a.py</path>\n<content>\nx\n</content>\n</write_to_file>",
    ],
)
def test_tags_of_another_agents_tools_are_refused_by_name(reply: str) -> None:
    refusal = _read(reply).refusal
    assert refusal is not None
    assert refusal.reason == "unknown_tool"


@pytest.mark.parametrize(
    ("tool", "name", "sent", "meant"),
    [
        ("write_file", "content", "if 1 &lt; 2:\\n    pass\\n", "if 1 < 2:\n    pass\n"),
        ("write_file", "content", "x = '&lt;'\\n", "x = '&lt;'\n"),
        ("run_command", "command", "cd a &amp;&amp; ls 2&gt;&amp;1", "cd a && ls 2>&1"),
        ("run_command", "command", "grep '&amp;' a.html", "grep '&amp;' a.html"),
    ],
)
def test_entities_are_resolved_only_where_they_cannot_be_meant(
    tool: str, name: str, sent: str, meant: str
) -> None:
    path = '"path": "a.py", ' if tool == "write_file" else ""
    reply = f'{{"name": "{tool}", "arguments": {{{path}"{name}": "{sent}"}}}}'
    assert [call.arguments[name] for call in _read(reply).calls] == [meant]
