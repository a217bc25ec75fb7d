"""Whatever a reply holds: no exception, no delay, and no change that nobody asked for."""

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenloop.errors import EditError
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edits import Edit
from greenloop.tools.files import Workspace
from greenloop.tools.lookups import parse_lookups
from greenloop.tools.reader.acts import as_edits
from greenloop.tools.reader.base import Reading, Tool
from greenloop.tools.reader.read import read_reply
from greenloop.tools.reader.registry import CODER, STANDARD

CONTENT = 'def f(a):\n    """One."""\n    return "a" + \'b\' + str(a)\n'
WRITE = {"path": "f.py", "content": CONTENT}
JSON = json.dumps({"name": "write_file", "arguments": WRITE})
WHOLE_CALLS = [
    JSON,
    json.dumps({"name": "write_file", "arguments": WRITE}, indent=2),
    json.dumps({"name": "write_file", "arguments": json.dumps(WRITE)}),
    json.dumps({"tool": "write_file", **WRITE}),
    json.dumps({"write_file": WRITE}),
    json.dumps([{"name": "write_file", "arguments": {"content": CONTENT, "path": "f.py"}}]),
    str({"name": "write_file", "arguments": WRITE}),
    f"```json\n{JSON}\n```",
    f"<tool_call>\n{JSON}\n</tool_call>",
    '{"name": "write_file", "arguments": {"path": "f.py", "content": `' + CONTENT + "`}}",
    f"<write_file>\n<path>f.py</path>\n<content>\n{CONTENT}</content>\n</write_file>",
    f"<function=write_file>\n<parameter=path>\nf.py\n</parameter>\n<parameter=content>\n{CONTENT}"
    "</parameter>\n</function>",
    f'<invoke name="write_file"><parameter name="path">f.py</parameter>'
    f'<parameter name="content">{CONTENT}</parameter></invoke>',
    f"write_file(path='f.py', content={CONTENT!r})",
    f"```tool_code\nwrite_file('f.py', {CONTENT!r})\n```",
    f"Action: write_file\nAction Input: {json.dumps(WRITE)}",
    f"<|channel|>commentary to=functions.write_file<|message|>{json.dumps(WRITE)}<|call|>",
    f"f.py\n```python\n{CONTENT}```",
    f"f.py\n<<<<<<< SEARCH\n=======\n{CONTENT}>>>>>>> REPLACE",
]


def changes(reading: Reading) -> tuple[object, ...]:
    """What a reading would change."""
    calls = [c for c in reading.calls if c.tool in ("write_file", "edit_file", "run_command")]
    return (*(as_edits(calls) or calls), *reading.edits)


@pytest.mark.parametrize("reply", WHOLE_CALLS)
def test_no_beginning_of_a_change_is_carried_out(reply: str) -> None:
    whole = changes(read_reply(reply, STANDARD))
    assert len(whole) == 1
    for end in range(len(reply)):
        for cut in (False, True):
            found = changes(read_reply(reply[:end], STANDARD, cut=cut))
            assert found in ((), whole), reply[:end]
            assert not (cut and found), reply[:end]


FRAGMENTS = st.sampled_from(
    """{ } [ ] " ' ` , : \\ \\n \\" <think> </think> <tool_call> </tool_call> <tools> ``` ```json
    ```python ```diff ```bash <function=write_file> <parameter=path> <parameter=content> </parameter>
    </function> <write_file> <path> </path> <content> </content> </write_file> <invoke
    name="write_file"> Action: write_file read_file run_command "name" "arguments" "path" "content"
    "command" {"name": {"path": "a.py"} write_file( read_file("a.py") run_command("ls") ) = # // /*
    <<<<<<< ======= >>>>>>> SEARCH REPLACE --- +++ @@ - + a.py src/b.py *** Begin Patch End Update
    File: Add <|channel|> <|message|> to=functions.run_command [TOOL_CALLS] <|python_tag|> x = 1
    Observation: READ LIST GREP ... \"\"\" ''' $ """.split()  # noqa: E501, SIM905
)
SPACES = st.sampled_from(["", " ", "\n", "\n\n", "    "])
SPLICED = st.lists(st.tuples(FRAGMENTS, SPACES), max_size=40).map(
    lambda parts: "".join(word + space for word, space in parts)
)
REPLIES = st.one_of(st.text(max_size=400), SPLICED)


def applied(edits: tuple[Edit, ...]) -> None:
    """Carry edits out in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a.py").write_text("x = 1\n\n\ndef f():\n    return x\n")
        try:
            apply_edits(Workspace(root), edits, lambda _path: False)
        except EditError as error:
            assert str(error)


@settings(max_examples=250, deadline=None)
@given(reply=REPLIES, cut=st.booleans())
@example(reply="{" * 2000, cut=False)
@example(reply="<write_file>" * 200, cut=False)
@example(reply="\ud800", cut=False)
@example(reply="a.py\n```\n\x00\n```", cut=False)
def test_nothing_is_raised_but_what_edits_raise(reply: str, cut: bool) -> None:
    parse_lookups(reply)
    for tools in (STANDARD, CODER):
        reading = read_reply(reply, tools, cut=cut)
        assert not (cut and changes(reading))
        applied(reading.edits or as_edits(reading.calls))


@settings(max_examples=150, deadline=None)
@given(reply=st.text(alphabet=st.characters(exclude_characters="`<>-*{[("), max_size=300))
def test_prose_changes_nothing(reply: str) -> None:
    assert changes(read_reply(reply, CODER)) == ()


@settings(max_examples=100, deadline=None)
@given(content=st.text(max_size=200).filter(lambda text: not set(text) & set("\b\f\0\x07\x0b\r")))
def test_a_sound_call_keeps_every_character(content: str) -> None:
    reply = json.dumps({"name": "write_file", "arguments": {"path": "a.bin", "content": content}})
    for dressed in (reply, f"```json\n{reply}\n```", f"<tool_call>{reply}</tool_call>"):
        reading = read_reply(dressed, CODER)
        if reading.calls:
            (call,) = reading.calls
            taken = call.arguments["content"]
            assert taken == content or "\\n" in content or "```" in content or "~~~" in content
        else:
            assert reading.refusal is not None


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "[",
        '{"a":',
        '{"a":[',
        "{'",
        '{"',
        "{“",
        '{"name": "write_file", ',
        "<write_file>",
        "<write_file><path>",
        "<tool_call>",
        "<tool_call>[",
        "<tool_call>f(",
        "<think>",
        "</think>",
        "```\n",
        "```a\n",
        "~~~json\n{\n",
        "a.py\n```\n",
        "<<<<<<< SEARCH\n",
        "=======\n",
        "--- a\n+++ b\n",
        "@@\n",
        "*** Begin Patch\n",
        "Action: read_file\n",
        "Action: read_file[",
        "read_file(",
        "read_file('",
        "to=functions.a ",
        "{/*",
        "\\",
        "\n",
        " ",
        " \t",
        "word ",
        "- ",
        "READ a.py\n",
        "{&quot;",
        '{\\"',
        "a/",
        "`a` ",
        "**",
        "# ... ",
        "1| ",
        "<a><b>",
        "<function=read_file><parameter=path>",
        "<arg_key>",
        "f<arg_key>a</arg_key><arg_value>",
        'x = """',
    ],
)
def test_long_replies_are_read_quickly(unit: str) -> None:
    reply = unit * (100_000 // len(unit))
    started = time.perf_counter()
    read_reply(reply, STANDARD)
    read_reply(f'{{"name": "write_file", "arguments": {{"content": "{reply}', CODER)
    parse_lookups(reply)
    assert time.perf_counter() - started < 20


def test_a_megabyte_is_read() -> None:
    content = "x = 1\n" * 170_000
    reply = json.dumps({"name": "write_file", "arguments": {"path": "a.py", "content": content}})
    (call,) = read_reply(reply, CODER).calls
    assert call.arguments["content"] == content
    (edit,) = read_reply(f"a.py\n```python\n{content}```", CODER).edits
    assert edit.path == "a.py"


@pytest.mark.parametrize("reply", ["", " \n\n\t\n", "\r\n"])
@pytest.mark.parametrize("tools", [CODER, STANDARD])
def test_an_empty_reply_is_refused_by_name(reply: str, tools: tuple[Tool, ...]) -> None:
    refusal = read_reply(reply, tools).refusal
    assert refusal is not None
    assert refusal.reason == "empty"
