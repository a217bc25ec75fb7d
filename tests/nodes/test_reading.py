"""What replies ask for, in the prompt's own forms and in others that models fall into."""

import pytest

from greenloop.nodes.ask import Answer
from greenloop.nodes.reading import LOOKING, as_text, read
from greenloop.tools.edits import WholeFile
from greenloop.tools.lookups import Lookup
from greenloop.tools.reader.base import Call

READ = Lookup("READ", "a.py", 1, 20)
GREP = Lookup("GREP", "def x")


@pytest.mark.parametrize(
    "reply",
    [
        "```look\nREAD a.py:1-20\nGREP def x\n```",
        "I have to see it first.\n\n```look\nREAD a.py:1-20\nGREP def x\n```\n",
        "```look\nREAD a.py:1-20\nGREP def x\n",
        "READ a.py:1-20\nGREP def x",
        as_text((READ, GREP)),
    ],
)
def test_a_look(reply: str) -> None:
    assert read(Answer(reply)).lookups == (READ, GREP)


EDIT = "a.py\n```python\nx = 1\n```\n"


def test_an_edit_written_before_the_answer_to_a_look_is_left_out() -> None:
    wish = read(Answer(f"```look\nREAD b.py\n```\n{EDIT}"))
    assert [str(look) for look in wish.lookups] == ["READ b.py"]
    assert wish.left_out
    assert not wish.edits


def test_a_look_after_an_edit_is_of_no_matter() -> None:
    wish = read(Answer(f"{EDIT}```look\nREAD b.py\n```\n"))
    assert wish.edits == (WholeFile("a.py", "x = 1\n"),)
    assert not wish.lookups


def test_a_call_written_as_text() -> None:
    reply = '{"name": "read_file", "arguments": {"path": "a.py", "start_line": 1, "end_line": 20}}'
    assert read(Answer(reply)).lookups == (READ,)
    assert read(Answer(f"```json\n{reply}\n```")).lookups == (READ,)


def test_calls_through_the_server() -> None:
    call = Call("search", {"pattern": "def x"})
    assert read(Answer(calls=(call,))).lookups == (GREP,)


def test_what_cannot_be_carried_out_comes_with_a_recipe() -> None:
    assert "holds no edit" in read(Answer("It is the comma.")).refusal
    assert "no path" in read(Answer("```python\nx = 1\n```")).refusal
    assert read(Answer(calls=(Call("fly", {}),))).refusal


def test_only_looking_is_offered_through_a_server() -> None:
    assert {tool.name for tool in LOOKING} == {"read_file", "list_dir", "search"}
