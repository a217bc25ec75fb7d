"""Small fixed tasks that show which formats a model keeps; judged by the readers that runs use.

What is judged is the form, not the cleverness: an edit must be readable, fit the file and leave it
sound. Nothing that the model writes is run.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from greenloop.errors import EditError
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edit_parse import BLOCK_RECIPE, FILE_RECIPE
from greenloop.tools.edits import Edit, SearchReplace, WholeFile
from greenloop.tools.files import Workspace
from greenloop.tools.model.base import Brief, Message, ModelReply, ModelRequest, Schema
from greenloop.tools.reader.base import Parameter, Tool
from greenloop.tools.reader.read import read_calls, read_reply

Form = Literal["whole", "search_replace", "json", "native"]

Judge = Callable[[ModelReply], str]
"""What is wrong with a reply, for a person; empty when it is as asked."""

TOOL = Tool(
    "read_file",
    "Show a file of the project.",
    (Parameter("path", about="relative to the project"),),
)
DECISION: Schema = {
    "type": "object",
    "properties": {
        "next": {"type": "string", "enum": ["read", "edit", "stop"]},
        "path": {"type": "string"},
    },
    "required": ["next", "path"],
}

_FILES = {
    "shop/stock.py": (
        "def total(prices):\n    result = 0\n    for price in prices:\n        result += price\n"
        "    return result\n\n\ndef cheapest(prices):\n    return max(prices)\n"
    ),
    "shop/names.py": (
        '"""Names as they are shown."""\n\n\ndef greet(name):\n    return "Hello " + name\n\n\n'
        "def initials(first, last):\n    return first[0] + last[1]\n"
    ),
}
_WISHES = {
    "shop/stock.py": "cheapest must return the lowest price, not the highest.",
    "shop/names.py": "initials must return the first letter of both names.",
}
_FORMATS: Mapping[Form, str] = {
    "whole": f"You are a careful programmer. To change a file, {FILE_RECIPE}:\n\n"
    "shop/vat.py\n```python\nRATE = 0.19\n```\n\nWrite every line; leave nothing out.",
    "search_replace": f"You are a careful programmer. To change a file, {BLOCK_RECIPE}:\n\n"
    "shop/cart.py\n<<<<<<< SEARCH\n    return total\n=======\n    return round(total, 2)\n"
    ">>>>>>> REPLACE\n\nCopy the SEARCH lines exactly. Do not write the whole file.",
}


@dataclass(frozen=True, slots=True)
class Task:
    """A request, and what its reply must be like."""

    form: Form
    request: ModelRequest
    judge: Judge


def edit_tasks(form: Literal["whole", "search_replace"]) -> tuple[Task, ...]:
    """Two changes to make in that form."""
    return tuple(
        Task(form, _asked(_FORMATS[form], _edit_prompt(path)), _edit_judge(form, path))
        for path in _FILES
    )


def json_tasks() -> tuple[Task, ...]:
    """Two decisions to make as JSON."""
    system = "You decide what a programmer does next. Answer with one JSON object."
    cases = (
        "The test of shop/stock.py fails. Nobody has looked into the file yet.",
        "All tests pass and nothing is left to do in shop/names.py.",
    )
    ask = 'What comes next: read, edit or stop, and which path? JSON with "next" and "path".'
    return tuple(
        Task("json", _asked(system, f"{case}\n{ask}", schema=DECISION), _is_decision)
        for case in cases
    )


def call_task(path: str, before: tuple[Message, ...] = ()) -> Task:
    """A file to be read by a tool of the server; `before` are earlier turns."""
    system = "You are a careful programmer. Use the tools; never guess what a file holds."
    ask = f"Read {path} with the tool."
    return Task("native", _asked(system, ask, before=before, tools=(TOOL,)), _call_judge(path))


def after_call(task: Task, reply: ModelReply) -> tuple[Message, ...]:
    """The turns of a call and its result, as a run writes them into the conversation."""
    said = reply.text.strip() or "I read the file."
    shown = "\n\n".join(f"{path}\n```\n{text}```" for path, text in _FILES.items())
    result = Message("user", f"{TOOL.name} shows:\n\n{shown}")
    return (*task.request.messages[1:], Message("assistant", said), result)


def _asked(
    system: str,
    user: str,
    *,
    before: tuple[Message, ...] = (),
    tools: tuple[Tool, ...] = (),
    schema: Schema | None = None,
) -> ModelRequest:
    messages = [Message("system", system), *before]
    if messages[-1].role == "user":
        # Many chat templates insist on turns that alternate.
        user = f"{messages.pop().content}\n\n{user}"
    messages.append(Message("user", user))
    return ModelRequest(
        "coder", tuple(messages), Brief(Path(), "probe"), seed=1, tools=tools, schema=schema
    )


def _edit_prompt(path: str) -> str:
    return f"{path}\n```python\n{_FILES[path]}```\n\n{_WISHES[path]}"


def _edit_judge(form: Form, path: str) -> Judge:
    wanted = WholeFile if form == "whole" else SearchReplace

    def judge(reply: ModelReply) -> str:
        reading = read_reply(reply.text, (TOOL,))
        if reading.refusal is not None:
            return " ".join(reading.refusal.feedback.split())
        if not reading.edits:
            return "no edit in the reply"
        if not all(isinstance(edit, wanted) for edit in reading.edits):
            return "another form of edit than asked for"
        try:
            with tempfile.TemporaryDirectory(prefix="greenloop-probe-") as folder:
                changed = _apply(Path(folder), reading.edits)
        except EditError as error:
            return " ".join(str(error).split())
        return "" if changed == (path,) else f"changed {', '.join(changed)}"

    return judge


def _apply(folder: Path, edits: Sequence[Edit]) -> tuple[str, ...]:
    workspace = Workspace(folder)
    workspace.write_all(_FILES)
    return apply_edits(workspace, edits, lambda _: False)


def _is_decision(reply: ModelReply) -> str:
    try:
        found = json.loads(reply.text)
    except ValueError:
        return "no JSON"
    if not isinstance(found, dict):
        return "no JSON object"
    good = found.get("next") in ("read", "edit", "stop") and isinstance(found.get("path"), str)
    return "" if good else "JSON of another schema"


def _call_judge(path: str) -> Judge:
    def judge(reply: ModelReply) -> str:
        if not reply.calls:
            return "no call came back" if reply.text.strip() else "the call got lost: empty reply"
        reading = read_calls(reply.calls, (TOOL,))
        if not reading.calls:
            feedback = reading.refusal.feedback if reading.refusal else "unreadable"
            return " ".join(feedback.split())
        given = str(reading.calls[0].arguments["path"])
        return "" if given.removeprefix("./") == path else f"asked for {given!r:.80}, not {path!r}"

    return judge
