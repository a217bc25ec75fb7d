"""JSON as small models write it: read without loss, or refused."""

import pytest

from greenloop.tools.reader.base import Call
from greenloop.tools.reader.loose import Failed, Loose, read_value
from greenloop.tools.reader.read import read_reply
from greenloop.tools.reader.registry import STANDARD


def write(path: str, content: str) -> Call:
    return Call("write_file", {"path": path, "content": content})


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": "x = 1\ny = 2\n"}}',
            write("b.py", "x = 1\ny = 2\n"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.txt", "content": "a\tb\n"}}',
            write("b.txt", "a\tb\n"),
        ),
        (
            "{'name': 'write_file', 'arguments': {'path': 'b.py', 'content': 'x = \"1\"\\n'}}",
            write("b.py", 'x = "1"\n'),
        ),
        (
            "{'name': 'write_file', 'arguments': {'path': 'b.py', 'content': \"it's\\n\"}}",
            write("b.py", "it's\n"),
        ),
        (
            '{name: "write_file", arguments: {path: "b.py", content: "x = 1\\n"}}',
            write("b.py", "x = 1\n"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": "x = 1\\n",},}',
            write("b.py", "x = 1\n"),
        ),
        (
            '{"name": "write_file", // make it\n"arguments": {"path": "b.py", # here\n'
            '"content": "# no // comment /* here */\\n"}}',
            write("b.py", "# no // comment /* here */\n"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": """x = "1"\ny = 2\n"""}}',  # noqa: E501
            write("b.py", 'x = "1"\ny = 2\n'),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": \'\'\'x = 1\n\'\'\'}}',
            write("b.py", "x = 1\n"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", '
            '"content": """def f():\n    """One."""\n    return 1\n"""}}',
            write("b.py", 'def f():\n    """One."""\n    return 1\n'),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.ts", "content": `let s = "a";\n`}}',
            write("b.ts", 'let s = "a";\n'),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.txt", "content": "a\\n"\n + "b\\n" + \'c\'}}',  # noqa: E501
            write("b.txt", "a\nb\nc"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": "P = \'\\d+\\.\\w\'\\n"}}',  # noqa: E501
            write("b.py", "P = '\\d+\\.\\w'\n"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": "x = 1\\n"}',
            write("b.py", "x = 1\n"),
        ),
        (
            '```json\n{"name": "write_file", "arguments": {"path": "b.py", "content": "x = 1\\n"}\n```',  # noqa: E501
            write("b.py", "x = 1\n"),
        ),
        (
            '<tool_call>{"name": "write_file", "arguments": {"path": "b.py", "content": "x\\n"}'
            "</tool_call>",
            write("b.py", "x\n"),
        ),
        (
            '{"name": "write_file", "arguments": {"path": "b.py", "content": "x\\n"}}}}',
            write("b.py", "x\n"),
        ),
        (
            '{{"name": "write_file", "arguments": {"path": "b.py", "content": "x\\n"}}}',
            write("b.py", "x\n"),
        ),
        (
            '{"name": "edit_file", "arguments": {"path": "b.py", "old_string": "x", '
            '"new_string": "y", "replace_all": True}}',
            Call(
                "edit_file",
                {"path": "b.py", "old_string": "x", "new_string": "y", "replace_all": True},
            ),
        ),
        (
            '{"name": “search”, "arguments": {"pattern": “def f”}}',
            Call("search", {"pattern": "def f"}),
        ),
        (
            '{\\"name\\": \\"search\\", \\"arguments\\": {\\"pattern\\": \\"x\\"}}',
            Call("search", {"pattern": "x"}),
        ),
        (
            "{&quot;name&quot;: &quot;search&quot;, &quot;arguments&quot;: {&quot;pattern&quot;: "
            "&quot;x&quot;}}",
            Call("search", {"pattern": "x"}),
        ),
        (
            '{"name": "search", "arguments": {"pattern": "\\bfoo\\s"}}',
            Call("search", {"pattern": "\\bfoo\\s"}),
        ),
        (
            '{"name": "search", "arguments": {"pattern": "print("hi")"}}',
            Call("search", {"pattern": 'print("hi")'}),
        ),
        ('{"name": "list_dir", "arguments": {"path": "src"', Call("list_dir", {"path": "src"})),
        ('{"name"= "list_dir", "arguments"= {"path": "src"}}', Call("list_dir", {"path": "src"})),
        (
            '{"name": "list_dir", "arguments": {"path": "src", "recursive": False}}',
            Call("list_dir", {"path": "src", "recursive": False}),
        ),
        ('{"name": "run_command", "arguments": {"command": "ls"}\n\nIt lists.', None),
    ],
)
def test_read_without_loss(reply: str, call: Call | None) -> None:
    call = call or Call("run_command", {"command": "ls"})
    assert read_reply(reply, STANDARD).calls == (call,)


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "write_file", "arguments": {"path": "b.py", "content": "print("a")\\n"}}',
        '{"name": "write_file", "arguments": {"path": "b.py", "content": "s = "a", "b"\\n"}}',
        "{'name': 'write_file', 'arguments': {'path': 'b.py', 'content': 'it's'}}",
        '{"name": "write_file", "arguments": {"path": "b.py", "path": "c.py", "content": "x"}}',
        '{"name": "write_file", "arguments": {"path": "b.py", "content": """a\\n"\nb"""}}',
        '{"name": "write_file", "arguments": {"path": "b.py", "content": x = 1}}',
        '{"name": "write_file", "arguments": {"path": "b.py", "content": "a\n print(\'\\n\')\n"}}',
        '{"name": "run_command", "arguments": {"command": "echo "hi""}}',
        '{"name": "write_file", "arguments": {"path": "b.py", "content": "x = \'\\b\'"}}',
    ],
)
def test_a_change_is_never_taken_from_doubtful_json(reply: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.calls, reading.edits) == ((), ())
    assert reading.refusal is not None
    assert reading.refusal.reason == "unfit"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, -2.5, 1e3, null, None]", [1, -2.5, 1000.0, None, None]),
        ("{'a': (1, 2)}", {"a": [1, 2]}),
        ("{a_b: {$c: [{}]}}", {"a_b": {"$c": [{}]}}),
        (r"['\x41\u0042\'\q']", ["AB'\\q"]),
        (r"['\ud83d\ude00']", ["😀"]),
        ("[r'\\n']", ["\\n"]),
        ("['a', ,'b',]", ["a", "b"]),
    ],
)
def test_values(text: str, value: object) -> None:
    read = read_value(text, 0)
    assert isinstance(read, Loose)
    assert (read.value, read.lossless, read.unclosed) == (value, True, ())


@pytest.mark.parametrize("text", ['{"a": "b', '{"a": ', '{"a"', "['x", "{'a': '''x''", "[`x"])
def test_a_value_that_is_cut(text: str) -> None:
    read = read_value(text, 0)
    assert isinstance(read, Failed)
    assert read.cut


@pytest.mark.parametrize("text", ["{1: 2}", "{a b}", "[f'x']", "[b'x']", "{" * 100, "{,:}"])
def test_a_value_that_is_none(text: str) -> None:
    assert isinstance(read_value(text, 0), Failed)
