"""Calls that are not JSON: tags, Python, ReAct, harmony, shell."""

import pytest

from greenloop.tools.reader.base import Call
from greenloop.tools.reader.read import read_reply
from greenloop.tools.reader.registry import CODER, STANDARD

RUN = Call("run_command", {"command": "pytest -q"})
CODE = "def f(a):\n    return a < 1 and '<b>' or a & 2\n"
WRITE = Call("write_file", {"path": "lib/f.py", "content": CODE})


@pytest.mark.parametrize(
    "reply",
    [
        "<tool_call>\n<function=run_command>\n<parameter=command>\npytest -q\n</parameter>\n"
        "</function>\n</tool_call>",
        "<function=run_command><parameter=command>pytest -q</parameter></function>",
        "<function=run_command>\n<parameter=command>\npytest -q\n</function>",
        "<function=run_command>\n<parameter=command>\npytest -q\n</tool_call>",
        '<function name="run_command"><parameter name="command">pytest -q</parameter></function>',
        '<invoke name="run_command">\n<parameter name="command">pytest -q</parameter>\n</invoke>',
        '<function_calls>\n<invoke name="run_command">\n<parameter name="command">pytest -q'
        "</parameter>\n</invoke>\n</function_calls>",
        '<minimax:tool_call>\n<invoke name="run_command">\n<parameter name="command">pytest -q'
        "</parameter>\n</invoke>\n</minimax:tool_call>",
        "<run_command>\n<command>pytest -q</command>\n</run_command>",
        "I run them.\n\n<run_command>\n<command>\npytest -q\n</command>\n</run_command>\nWait.",
        "<run_command><cmd>pytest -q</cmd></run_command>",
        '<run_command command="pytest -q"/>',
        '<run_command command="pytest -q"></run_command>',
        '<run_command>{"command": "pytest -q"}</run_command>',
        '<tool_call><name>run_command</name><arguments>{"command": "pytest -q"}</arguments>'
        "</tool_call>",
        "<tool_use>\n<tool_name>run_command</tool_name>\n<parameters>\n<command>pytest -q</command>\n"  # noqa: E501
        "</parameters>\n</tool_use>",
        "<tool_call>run_command\n<arg_key>command</arg_key>\n<arg_value>pytest -q</arg_value>\n"
        "</tool_call>",
        '<tool name="run_command"><param name="command">pytest -q</param></tool>',
        '<tool_call>run_command(command="pytest -q")</tool_call>',
        '[run_command(command="pytest -q")]',
        '<|tool_call_start|>[run_command(command="pytest -q")]<|tool_call_end|>',
        '```tool_code\nrun_command(command="pytest -q")\n```',
        '```tool_code\nprint(default_api.run_command(command="pytest -q"))\n```',
        '```python\nrun_command("pytest -q")\n```',
        '```\nresult = run_command("pytest -q")\nprint(result)\n```'.replace("print(result)\n", ""),
        'run_command("pytest -q")',
        "run_command(command='pytest -q')",
        'print(run_command("pytest -q"))',
        'await run_command("pytest -q")',
        'out = run_command("pytest" + " -q")',
        'I run the tests.\n\nrun_command("pytest -q")\n',
        '<code>\nrun_command("pytest -q")\n</code>',
        '<execute>run_command("pytest -q")</execute>',
        'Thought: test.\nAction: run_command\nAction Input: {"command": "pytest -q"}\nPAUSE',
        "Thought: test.\nAction: run_command\nAction Input: pytest -q",
        'Action: run_command\nAction Input: "pytest -q"\nObservation: 1 passed',
        "Action: run_command\nAction Input: command: pytest -q",
        "Action: run_command[pytest -q]\nObservation: 1 passed",
        'Action: run_command("pytest -q")',
        'Action: run_command {"command": "pytest -q"}',
        '**Action:** `run_command`\n**Action Input:** {"command": "pytest -q"}',
        'Action: run_command\nAction Input:\n```json\n{"command": "pytest -q"}\n```',
        'Action:\n```json\n{"action": "run_command", "action_input": {"command": "pytest -q"}}\n```',  # noqa: E501
        'Action: ```json\n[{"tool_name": "run_command", "parameters": {"command": "pytest -q"}}]\n```',  # noqa: E501
        'Tool: run_command\nArguments: {"command": "pytest -q"}',
        "TOOL_NAME: run_command\nBEGIN_ARG: command\npytest -q\nEND_ARG",
        "```tool\nTOOL_NAME: run_command\nBEGIN_ARG: command\npytest -q\nEND_ARG\n```",
        "<|channel|>commentary to=functions.run_command <|constrain|>json<|message|>"
        '{"command": "pytest -q"}<|call|>',
        "<|channel|>analysis<|message|>I test.<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.run_command<|message|>{"command": "pytest -q"}',
        "<|start|>assistant to=functions.run_command<|channel|>commentary json<|message|>"
        '{"command": "pytest -q"}<|call|>',
        'commentary to=run_command json{"command": "pytest -q"}',
        "```bash\npytest -q\n```",
        "I run the tests:\n```sh\n$ pytest -q\n```",
        "```console\n$ pytest -q\n1 passed\n```",
        "```mswea_bash_command\npytest -q\n```",
        "THOUGHT: test\n\n```\npytest -q\n```",
    ],
)
def test_a_command_in_many_syntaxes(reply: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.calls, reading.edits, reading.refusal) == ((RUN,), (), None)


@pytest.mark.parametrize(
    "reply",
    [
        f"<write_file>\n<path>lib/f.py</path>\n<content>\n{CODE}</content>\n</write_file>",
        f"<write_file>\n  <path>lib/f.py</path>\n  <content>\n{CODE}  </content>\n</write_file>",
        f"<write_file>\n<content>\n{CODE}</content>\n<path>lib/f.py</path>\n</write_file>",
        f"<write_file><file_path>lib/f.py</file_path><content>{CODE}</content></write_file>",
        f'<write_file path="lib/f.py">\n<content>\n{CODE}</content>\n</write_file>',
        f"<write_file>\n<path>lib/f.py</path>\n<content><![CDATA[\n{CODE}]]></content>\n</write_file>",
        f"<tool_call>\n<function=write_file>\n<parameter=path>\nlib/f.py\n</parameter>\n"
        f"<parameter=content>\n{CODE}</parameter>\n</function>\n</tool_call>",
        f"<function=write_file>\n<parameter=path>\nlib/f.py\n<parameter=content>\n{CODE}</function>",
        f'<invoke name="write_file"><parameter name="path">lib/f.py</parameter>'
        f'<parameter name="content">{CODE}</parameter></invoke>',
        f"<tool_call>write_file\n<arg_key>path</arg_key><arg_value>lib/f.py</arg_value>"
        f"<arg_key>content</arg_key><arg_value>\n{CODE}</arg_value></tool_call>",
        f'write_file("lib/f.py", """{CODE}""")',
        f"write_file(path='lib/f.py', content={CODE!r})",
        f"```tool_code\nwrite_file(content={CODE!r}, path='lib/f.py')\n```",
        f"write_file('lib/f.py', content={CODE!r})",
    ],
)
def test_a_file_in_many_syntaxes(reply: str) -> None:
    assert read_reply(reply, STANDARD).calls == (WRITE,)


@pytest.mark.parametrize(
    ("reply", "calls"),
    [
        (
            "<tool_call>\n<function=read_file>\n<parameter=path>\na.py\n</parameter>\n"
            "<parameter=start_line>\n5\n</parameter>\n",
            [Call("read_file", {"path": "a.py", "start_line": 5})],
        ),
        (
            "<start_function_call>call:read_file{path:<escape>a.py<escape>}<end_function_call>",
            [Call("read_file", {"path": "a.py"})],
        ),
        (
            '<|tool_call>call:read_file{path:<|"|>a.py<|"|>}<tool_call|>',
            [Call("read_file", {"path": "a.py"})],
        ),
        (
            '1. read_file("a.py")\n2. read_file("b.py")',
            [Call("read_file", {"path": "a.py"}), Call("read_file", {"path": "b.py"})],
        ),
        (
            '<write_file path="a.py">\nx = 1 < 2\n</write_file>',
            [Call("write_file", {"path": "a.py", "content": "x = 1 < 2\n"})],
        ),
        (
            "```bash\ncat > a.py <<EOF\nx = 1\nEOF\n```",
            [Call("run_command", {"command": "cat > a.py <<EOF\nx = 1\nEOF"})],
        ),
        ("<read_file>a.py</read_file>", [Call("read_file", {"path": "a.py"})]),
        (
            "<list_dir><path>.</path><recursive>true</recursive></list_dir>",
            [Call("list_dir", {"path": ".", "recursive": True})],
        ),
        (
            "<todo_write><todos>['a', 'b']</todos></todo_write>",
            [Call("todo_write", {"todos": ["a", "b"]})],
        ),
        (
            "<run_command><command>a &amp;&amp; b &gt; c</command></run_command>",
            [Call("run_command", {"command": "a && b > c"})],
        ),
        (
            "<run_command><command>a && b &amp; c</command></run_command>",
            [Call("run_command", {"command": "a && b &amp; c"})],
        ),
        (
            "<write_file><path>a.html</path><content><p>&lt;</p></content></write_file>",
            [Call("write_file", {"path": "a.html", "content": "<p>&lt;</p>"})],
        ),
        (
            "<write_file><path>a.html</path><content>\n<content>x</content>\n</content></write_file>",
            [Call("write_file", {"path": "a.html", "content": "<content>x</content>\n"})],
        ),
        (
            "<edit_file><path>a.py</path><old_string>\n  x\n</old_string><new_string>\n  y\n"
            "</new_string></edit_file>",
            [Call("edit_file", {"path": "a.py", "old_string": "  x", "new_string": "  y"})],
        ),
        (
            'read_file("a.py", 3, end_line=9)',
            [Call("read_file", {"path": "a.py", "start_line": 3, "end_line": 9})],
        ),
        (
            '[read_file(path="a.py"), list_dir(path=".")]',
            [Call("read_file", {"path": "a.py"}), Call("list_dir", {"path": "."})],
        ),
        (
            'read_file("a.py")\nread_file("b.py")',
            [Call("read_file", {"path": "a.py"}), Call("read_file", {"path": "b.py"})],
        ),
        ("Action: read_file\nAction Input: path=a.py", [Call("read_file", {"path": "a.py"})]),
        (
            "Action: read_file\nAction Input: path: a.py\nstart_line: 4",
            [Call("read_file", {"path": "a.py", "start_line": 4})],
        ),
        ("Action: read_file[a.py]", [Call("read_file", {"path": "a.py"})]),
        ("Action: search[def total]", [Call("search", {"pattern": "def total"})]),
        ("search(pattern=r'\\d+')", [Call("search", {"pattern": "\\d+"})]),
        ("<function=search>{'pattern': 'x',}</function>", [Call("search", {"pattern": "x"})]),
        (
            "<|python_tag|>search(pattern='x', path='src')",
            [Call("search", {"pattern": "x", "path": "src"})],
        ),
    ],
)
def test_other_syntaxes(reply: str, calls: list[Call]) -> None:
    assert list(read_reply(reply, STANDARD).calls) == calls


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("```bash\nls\n```\nthen\n```bash\npwd\n```", "more_than_one_action"),
        ("```sh\npytest\n```\n```\nls -la\n```", "more_than_one_action"),
        ("```bash\nimport os\nprint(os.getcwd())\n```", "not_a_shell_command"),
        ("```\nfrom a import b\n\nfor x in b:\n    print(x)\n```", "not_a_shell_command"),
        ("Run:\n```\ndef f():\n    return 1\n\nprint(f())\n```", "not_a_shell_command"),
        ("<write_file><path>a.py</path><content>\nx = 1\n", "truncated"),
        ("<write_file><path>a.py</path><content>\nx = 1\n</content>\n", "truncated"),
        (
            "<function=write_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=content>\nx",
            "truncated",
        ),
        (
            "<function=write_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=content>\nx\n"
            "</parameter>",
            "truncated",
        ),
        ("<function=read_file>\n<parameter=path>\nsrc/a", "truncated"),
        ('<function=run_command>{"command": "rm -rf', "truncated"),
        ('write_file("a.py", "x = 1', "truncated"),
        ('write_file("a.py", "x = 1"', "truncated"),
        ('Action: write_file\nAction Input: {"path": "a.py", "content": "x', "truncated"),
        ("<tool_call>edit(path='a.py')</tool_call>", "unknown_tool"),
        ("```tool_code\nopen_file(path='a.py')\n```", "unknown_tool"),
        ("<function=bash><parameter=command>ls</parameter></function>", "unknown_tool"),
        (
            '<invoke name="str_replace"><parameter name="path">a</parameter></invoke>',
            "unknown_tool",
        ),
        ("Action: open_file\nAction Input: a.py", "unknown_tool"),
        ("<read_file></read_file>", "missing_required"),
        ("read_file()", "missing_required"),
    ],
)
def test_what_is_refused(reply: str, reason: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.calls, reading.edits) == ((), ())
    assert reading.refusal is not None
    assert reading.refusal.reason == reason


@pytest.mark.parametrize(
    "reply",
    [
        "```python\nimport os\nos.remove('a')\n```\nThis removes the file.",
        "```python\ndata = read_file(name)\nprint(data)\n```",
        "x = search(y)",
        "```js\nread_file('a.py')\nlet x = 1\n```",
        "```\n3 passed in 0.1s\n```",
        "Action: none",
        "Action: I should look at the code.",
        "Final Answer: it works",
        "The output was:\n```\n$ ls\na.py\n```",
        "Done. You can run it with:\n```bash\npython a.py\n```",
        "Use the `<read_file>` tag.",
    ],
)
def test_code_and_prose_that_only_resemble_calls(reply: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.calls, reading.edits, reading.refusal) == ((), (), None)


def test_shell_blocks_are_no_calls_for_who_cannot_run_commands() -> None:
    reading = read_reply("```bash\npytest\n```", CODER)
    assert (reading.calls, reading.edits, reading.refusal) == ((), (), None)
