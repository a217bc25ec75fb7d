"""How models arrange a call and its arguments."""

import json

import pytest

from greenloop.tools.reader.base import Call
from greenloop.tools.reader.read import read_calls, read_reply
from greenloop.tools.reader.registry import STANDARD

LINES = {"path": "a.py", "start_line": 3, "end_line": 9}
READ = Call("read_file", LINES)


@pytest.mark.parametrize(
    "shape",
    [
        {"name": "read_file", "args": LINES},
        {"name": "read_file", "params": LINES},
        {"name": "read_file", "input": LINES},
        {"name": "read_file", "kwargs": LINES},
        {"name": "read_file", "tool_args": LINES},
        {"tool": "read_file", "arguments": LINES},
        {"tool": "read_file", "parameters": LINES},
        {"tool": "read_file", **LINES},
        {"tool_name": "read_file", "tool_args": LINES},
        {"function": "read_file", "arguments": LINES},
        {"function_name": "read_file", "function_args": LINES},
        {"action": "read_file", "action_input": LINES},
        {"thought": "I look.", "action": "read_file", "args": LINES},
        {"action": {"name": "read_file", "args": LINES}},
        {"tool": {"name": "read_file", "arguments": LINES}},
        {"function": {"name": "read_file", "arguments": LINES}},
        {"function": {"name": "read_file"}, "arguments": LINES},
        {"type": "function", "function": {"name": "read_file", "arguments": json.dumps(LINES)}},
        {"id": "call_1", "type": "function", "name": "read_file", "arguments": LINES},
        {"function_call": {"name": "read_file", "arguments": LINES}},
        {"tool_call": {"name": "read_file", "arguments": LINES}},
        {
            "role": "assistant",
            "tool_calls": [{"function": {"name": "read_file", "arguments": LINES}}],
        },
        {
            "tool_calls": [
                {"type": "function", "function": {"name": "read_file", "arguments": LINES}}
            ]
        },
        {"tools": [{"name": "read_file", "arguments": LINES}]},
        {"read_file": LINES},
        {"name": "read_file", "arguments": json.dumps(LINES)},
        {"name": "read_file", "arguments": [LINES]},
        {"name": "read_file", "arguments": {"arguments": LINES}},
        {"name": "read_file", "arguments": {"input": LINES}},
        {"name": "read_file", "arguments": {"name": "read_file", "arguments": LINES}},
        {"name": "tool_call", "arguments": {"name": "read_file", "arguments": LINES}},
        {"name": "read_file", "parameters": {"type": "object", "properties": LINES}},
        {
            "name": "read_file",
            "arguments": {k: {"type": "x", "value": v} for k, v in LINES.items()},
        },
        {"name": "tools.read_file", "arguments": LINES},
        {"name": "default_api.read_file", "arguments": LINES},
        {"name": "functions::read_file", "arguments": LINES},
        {"name": "functions.read_file:0", "arguments": LINES},
        {"name": "ReadFile", "arguments": LINES},
        {"name": "readFile", "arguments": LINES},
        {"name": "READ_FILE", "arguments": LINES},
        {"name": "read-file", "arguments": LINES},
        {"name": "Read File", "arguments": LINES},
        {"name": "read_file()", "arguments": LINES},
        {"name": "read_file", "arguments": {"file": "a.py", "start": "3", "end": "9"}},
        {
            "name": "read_file",
            "arguments": {"filePath": "a.py", "startLine": 3.0, "endLine": "9.0"},
        },
        {"name": "read_file", "arguments": {"filename": " a.py\n", "line_start": 3, "line_end": 9}},
        {"name": "read_file", "arguments": {"target_file": "`a.py`", "from_line": 3, "to_line": 9}},
        {"name": "read_file", "arguments": {**LINES, "encoding": "utf-8", "limit": None}},
    ],
)
def test_one_call_in_many_shapes(shape: dict[str, object]) -> None:
    assert read_reply(json.dumps(shape), STANDARD).calls == (READ,)
    assert read_reply(str(shape), STANDARD).calls == (READ,)


def written(content: object, path: str = "a.py") -> object:
    reply = {"name": "write_file", "arguments": {"path": path, "content": content}}
    calls = read_reply(json.dumps(reply), STANDARD).calls
    return calls[0].arguments["content"] if calls else None


@pytest.mark.parametrize(
    ("path", "content", "text"),
    [
        ("a.json", {"b": [1]}, '{\n  "b": [\n    1\n  ]\n}\n'),
        ("a.json", ["é"], '[\n  "é"\n]\n'),
        ("a.py", ["import os", "", "x = 1"], "import os\n\nx = 1\n"),
        ("a.py", ["x = 1\n", "y = 2\n"], "x = 1\ny = 2\n"),
        ("a.txt", 42, "42"),
        ("a.py", "import os\\n\\nprint(os.name)\\n", "import os\n\nprint(os.name)\n"),
        ("a.py", 'if x:\\n\\ty = \\"1\\"\\n', 'if x:\n\ty = "1"\n'),
        ("a.py", 'print("a\\nb\\n")', 'print("a\\nb\\n")'),
        ("a.py", "x = '\\\\n'\ny = 1\n", "x = '\\\\n'\ny = 1\n"),
        ("a.js", "let a = 1;\\nlet b = 2;\\n", "let a = 1;\nlet b = 2;\n"),
        ("a.json", '{\\n  "a": 1\\n}', '{\n  "a": 1\n}'),
        ("a.py", "```py\nx = 1\n```", "x = 1\n"),
        ("a.js", "```\nlet a;\n```\n", "let a;\n"),
        ("a.md", "```sh\nls\n```", "```sh\nls\n```"),
        ("a.py", "x = '''\n```\n'''\n", "x = '''\n```\n'''\n"),
        ("a.txt", "", ""),
        ("a.py", "1| import os\n2|     x\n", "import os\n    x\n"),
        ("a.txt", "1| one\n3| two\n", "1| one\n3| two\n"),
    ],
)
def test_contents(path: str, content: object, text: str) -> None:
    assert written(content, path) == text


@pytest.mark.parametrize("text", ["let a = '\\n'; let b = '\\n'", "a\\nb\\nc"])
def test_written_breaks_that_could_mean_anything_are_refused(text: str) -> None:
    assert written(text, "a.js") is None


@pytest.mark.parametrize(
    ("name", "given", "arguments"),
    [
        ("run_command", {"cmd": "ls"}, {"command": "ls"}),
        ("run_command", {"script": "ls", "timeout": "30"}, {"command": "ls", "timeout": 30}),
        ("run_command", {"command": ["ls", "-l", "a b"]}, {"command": "ls -l 'a b'"}),
        ("run_command", {"command": ["bash", "-lc", "ls | wc"]}, {"command": "ls | wc"}),
        ("run_command", {"command": "```bash\nls\n```"}, {"command": "ls"}),
        ("run_command", {"command": "$ ls"}, {"command": "ls"}),
        ("run_command", "ls -la", {"command": "ls -la"}),
        ("run_command", ["ls -la"], {"command": "ls -la"}),
        ("list_dir", {"directory": "src"}, {"path": "src"}),
        ("list_dir", {"path": ".", "recursive": "False"}, {"path": ".", "recursive": False}),
        ("list_dir", {"path": ".", "recursive": 1}, {"path": ".", "recursive": True}),
        ("list_dir", {"path": ".", "recursive": None}, {"path": "."}),
        ("list_dir", {"path": ["src"]}, {"path": "src"}),
        ("search", {"query": "x", "directory": "src"}, {"pattern": "x", "path": "src"}),
        ("search", {"regex": "x+"}, {"pattern": "x+"}),
        ("search", {"pattern": 42}, {"pattern": "42"}),
        ("todo_write", {"todos": '["a", "b"]'}, {"todos": ["a", "b"]}),
        ("todo_write", {"todos": "['a', 'b']"}, {"todos": ["a", "b"]}),
        ("todo_write", {"tasks": [{"content": "a"}]}, {"todos": [{"content": "a"}]}),
        ("todo_write", {"todos": "- [ ] a\n- [x] b"}, {"todos": ["a", "b"]}),
        ("todo_write", {"todos": {"content": "a"}}, {"todos": [{"content": "a"}]}),
        ("finish", {"message": "done"}, {"summary": "done"}),
        ("finish", "done", {"summary": "done"}),
        ("write_file", {"file_path": "a", "text": "x"}, {"path": "a", "content": "x"}),
        (
            "write_file",
            {"path": "a", "content": "x", "overwrite": True},
            {"path": "a", "content": "x"},
        ),
        (
            "edit_file",
            {"path": "a", "oldText": "x", "newText": "y"},
            {"path": "a", "old_string": "x", "new_string": "y"},
        ),
        (
            "edit_file",
            {"file": "a", "find": "x", "replacement": "", "all": "true"},
            {"path": "a", "old_string": "x", "new_string": "", "replace_all": True},
        ),
        (
            "edit_file",
            {"path": "a", "edits": [{"search": "x", "replace": "y"}]},
            {"path": "a", "old_string": "x", "new_string": "y"},
        ),
        (
            "edit_file",
            {"edits": {"path": "a", "old_str": "x", "new_str": "y"}},
            {"path": "a", "old_string": "x", "new_string": "y"},
        ),
    ],
)
def test_arguments(name: str, given: object, arguments: dict[str, object]) -> None:
    reply = json.dumps({"name": name, "arguments": given})
    assert read_reply(reply, STANDARD).calls == (Call(name, arguments),)


def test_several_edits_in_one_call_are_several_calls() -> None:
    edits = json.dumps([{"old_text": "a", "new_text": "b"}, {"old": "c", "new": "d"}])
    reading = read_calls([Call("edit_file", {"path": "a.py", "edits": edits})], STANDARD)
    assert [(c.arguments["old_string"], c.arguments["new_string"]) for c in reading.calls] == [
        ("a", "b"),
        ("c", "d"),
    ]


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("read_file", {}, "missing_required"),
        ("read_file", None, "missing_required"),
        ("read_file", {"path": ""}, "missing_required"),
        ("read_file", {"path": None}, "missing_required"),
        ("write_file", {"path": "a.py"}, "missing_required"),
        ("write_file", {"content": "x"}, "missing_required"),
        ("write_file", "x = 1", "missing_required"),
        ("edit_file", {"path": "a", "old_string": "x"}, "missing_required"),
        ("edit_file", {"path": "a", "content": "x"}, "missing_required"),
        ("run_command", {"command": " "}, "missing_required"),
        ("read_file", {"path": "C:\new\table.py"}, "unfit"),
        ("write_file", {"path": "a\nb.py", "content": "x"}, "unfit"),
        ("read_file", {"path": ["a.py", "b.py"]}, "unfit"),
        ("run_command", {"command": {"a": 1}}, "unfit"),
        ("run_command", {"command": "ls", "timeout": "soon"}, "unfit"),
        ("run_command", {"command": "ls", "cwd": "sub"}, "unfit"),
        ("write_file", {"path": "a", "content": "x", "mode": "a"}, "unfit"),
        ("write_file", {"path": "a", "content": "x", "append": True}, "unfit"),
        ("write_file", {"path": "a", "content": "x", "line": 3}, "unfit"),
        ("write_file", {"path": "a", "file_path": "b", "content": "x"}, "unfit"),
        (
            "edit_file",
            {"path": "a", "old_string": "x", "new_string": "y", "replace_all": "?"},
            "unfit",
        ),
        ("write_file", {"path": "a.py", "content": "x\n# ... rest of the code\n"}, "elided_code"),
        (
            "edit_file",
            {"path": "a.py", "old_string": "x", "new_string": "# ... existing code ..."},
            "elided_code",
        ),
        ("read_file", {"path": "chemin/vers/le/fichier.py"}, "placeholder_path"),
        ("read_file", {"path": "ruta/al/archivo.py"}, "placeholder_path"),
        ("read_file", {"path": "pfad/zur/datei.py"}, "placeholder_path"),
        ("read_file", {"path": "/path/to/file"}, "placeholder_path"),
        ("read_file", {"path": "<path>"}, "placeholder_path"),
        ("read_file", {"path": "{file_path}"}, "placeholder_path"),
        ("read_file", {"path": "{{filename}}.py"}, "placeholder_path"),
        ("read_file", {"path": "your_file.py"}, "placeholder_path"),
        ("read_file", {"path": "src/your-file.py"}, "placeholder_path"),
        ("read_file", {"path": "your/file.py"}, "placeholder_path"),
        ("read_file", {"path": "filename.ext"}, "placeholder_path"),
        ("write_file", {"path": "a.py", "content": "<file content>"}, "placeholder_path"),
        ("write_file", {"path": "a.py", "content": "Your code here"}, "placeholder_path"),
        ("write_file", {"path": "a.txt", "content": "contenu du fichier"}, "placeholder_path"),
        ("run_command", {"command": "cat path/to/file.py"}, "placeholder_path"),
        ("run_command", {"command": "python <your_file>"}, "placeholder_path"),
    ],
)
def test_what_is_refused(name: str, given: object, reason: str) -> None:
    reading = read_reply(json.dumps({"name": name, "arguments": given}), STANDARD)
    assert reading.calls == ()
    assert reading.refusal is not None
    assert reading.refusal.reason == reason
    assert len(reading.refusal.feedback) < 200


@pytest.mark.parametrize(
    "path", ["src/path_tools.py", "paths/to.py", "docs/file.md", "app/[id]/page.tsx", "namefile.py"]
)
def test_real_paths_that_only_resemble_examples(path: str) -> None:
    assert read_calls([Call("read_file", {"path": path})], STANDARD).refusal is None


@pytest.mark.parametrize("text", ["code", "x = text", "content = 1\n", "Contents\n========\n"])
def test_real_texts_that_only_resemble_examples(text: str) -> None:
    call = Call("write_file", {"path": "a.txt", "content": text})
    assert read_calls([call], STANDARD).calls == (call,)
