"""What models put around a call: fences, tags, lists, prose."""

import pytest

from greenloop.tools.reader.base import Call
from greenloop.tools.reader.read import read_reply
from greenloop.tools.reader.registry import STANDARD

READ = Call("read_file", {"path": "src/cart.py"})
JSON = '{"name": "read_file", "arguments": {"path": "src/cart.py"}}'
ARGS = '{"path": "src/cart.py"}'


@pytest.mark.parametrize(
    "reply",
    [
        JSON,
        f"\n\n  {JSON}\n\n",
        f"{JSON}\n\nI am waiting for the file.",
        f"Let me look at it first.\n{JSON}",
        f"Let me look at it first: {JSON}",
        f"`{JSON}`",
        f"- {JSON}",
        f"> {JSON}",
        f"1. {JSON}",
        f"Tool call: {JSON}",
        f"**Call:** {JSON}",
        f"{JSON};",
        f"{JSON}}}",
        f"[{JSON}]",
        f"```json\n{JSON}\n```",
        f"```JSON\n{JSON}\n```",
        f"```\n{JSON}\n```\nThis shows the file.",
        f"~~~json\n{JSON}\n~~~",
        f"````json\n{JSON}\n````",
        f"```json\n{JSON}```",
        f"```json\n{JSON}",
        f"```json\n[{JSON}]\n```",
        f"   ```json\n   {JSON}\n   ```",
        f"I start here.\n\n```tool_call\n{JSON}\n```",
        f"```xml\n<tool_call>{JSON}</tool_call>\n```",
        f"```python\n{JSON}\n```",
        f"<tool_call>{JSON}</tool_call>",
        f"<tool_call>\n{JSON}\n",
        f"<tool_call>\n{JSON}\n<tool_call>",
        f"<tool_call>\n{JSON}\n</tools>",
        f"{JSON}\n</tool_call>",
        f"<tool_call>\n```\n{JSON}\n```\n</tool_call>",
        f"<tool_call>[{JSON}]</tool_call>",
        f"<tool_calls>\n{JSON}\n</tool_calls>",
        f"<tools>\n{JSON}\n</tools>",
        f"<function_call>\n{JSON}\n</function_call>",
        f"<function_call> {JSON}",
        f"<toolcall>{JSON}</toolcall>",
        f"<tool>{JSON}</tool>",
        f"[tool_call] {JSON} [/tool_call]",
        f"[TOOL_CALL]\n{JSON}\n[/TOOL_CALL]",
        f"[TOOL_REQUEST]\n{JSON}\n[END_TOOL_REQUEST]",
        f"[TOOL_CALLS][{JSON}]",
        f"[TOOL_CALLS]{JSON}</s>",
        f"[TOOL_CALLS]read_file[ARGS]{ARGS}",
        f"[TOOL_CALLS]read_file{ARGS}",
        f"<|tool_call|>{JSON}<|/tool_call|>",
        f"<|tool_call|>\n{JSON}",
        f"<|tool_call_begin|>{JSON}<|tool_call_end|>",
        f"<|tool_call_start|>[{JSON}]<|tool_call_end|>",
        f"<|python_tag|>{JSON}<|eom_id|>",
        '<|python_tag|>read_file(path="src/cart.py")',
        f"functools[{JSON}]",
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.read_file:0"
        f"<|tool_call_argument_begin|>{ARGS}<|tool_call_end|><|tool_calls_section_end|>",
        "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function"
        f"<\uff5ctool\u2581sep\uff5c>read_file\n```json\n{ARGS}\n```<\uff5ctool\u2581call\u2581end\uff5c>"
        "<\uff5ctool\u2581calls\u2581end\uff5c>",
        f"read_file {ARGS}",
        f"read_file: {ARGS}",
        f"read_file({ARGS})",
        f"functions.read_file\n{ARGS}",
        f"<tool_call>read_file\n{ARGS}\n</tool_call>",
        f'<tool_call name="read_file">{ARGS}</tool_call>',
        f"<read_file>{ARGS}</read_file>",
        f"<function=read_file>{ARGS}</function>",
        f"<function=read_file>{ARGS}",
        f'<function name="read_file">{ARGS}</function>',
        f"✿FUNCTION✿: read_file\n✿ARGS✿: {ARGS}\n✿RESULT✿:",
    ],
)
def test_one_call_in_many_envelopes(reply: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.calls, reading.edits, reading.refusal) == ((READ,), (), None)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (f"Let me look.\n\n```json\n{JSON}\n```", "Let me look."),
        (f"<think>hm</think>Right.\n{JSON}", "Right."),
        (JSON, ""),
    ],
)
def test_the_words_before_a_call_are_kept(reply: str, words: str) -> None:
    assert read_reply(reply, STANDARD).text.removesuffix("```json").strip() == words


@pytest.mark.parametrize(
    "reply",
    [
        f"You can call `read_file` with {ARGS} if you want.",
        f"A call such as {JSON} would show the file, but I do not need it.",
        f"I used {JSON} before. Now all is clear.",
        '{"answer": 42}',
        '```json\n{"answer": 42}\n```',
        "[1, 2, 3]",
        '{"name": "cart", "version": "1.0"}',
        '{"name": "Ann", "email": "ann@example.org"}',
        '{"result": "ok", "tool": null}',
        '{"note": "read_file could show this", "data": {"read_file": true}}',
        '{"search": {"took": 3, "hits": []}}',
        '{"list_dir": "is a tool", "search": "is one too"}',
        '{"type": "function", "function": {"name": "read_file", "description": "Reads.", '
        '"parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}}',
        "The tools are read_file, write_file and search.",
        "Use read_file(path) for this.",
        "I would call `write_file(path, content)` next.",
        "```python\ndef search(x):\n    return x\n```",
        "```python\nresult = compute(1)\nprint(result)\n```\nThis prints 1.",
        "See https://example.org/{id}/[x] for more.",
        "For example, one could send:\n"
        '{"name": "write_file", "arguments": {"path": "a.py", "content": "x = 1\\n"}}',
        'Do not run this: `run_command("rm -rf build")`',
        "The <search> element is new in HTML.",
        "Done. All tests pass.",
        "To run the tests, use:\n```bash\npytest\n```",
    ],
)
def test_what_asks_for_nothing(reply: str) -> None:
    reading = read_reply(reply, STANDARD)
    assert (reading.calls, reading.edits, reading.refusal) == ((), (), None)
    assert reading.text == reply.strip()
