"""SEARCH/REPLACE blocks: applied by text alone, they give what the edit gives."""

import re

import pytest

from greenloop.tools.repair.edits import Edit, Splice
from greenloop.tools.repair.patch import blocks

BLOCK = re.compile(r"^(\S+)\n<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE$", re.S | re.M)


def applied(text: str, reply: str) -> str:
    for _, old, new in BLOCK.findall(reply):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("text", "splices"),
    [
        ("a = 1\nb = 2\n", [(4, 5, "3")]),
        ("x = 1\ny = 0\nx = 1\nz = 0\n", [(16, 17, "5")]),  # the line occurs twice
        ("def f():\n    pass\n", [(9, 9, "    g()\n")]),  # an insertion
        ("a\nb\na\nb\nc\n", [(4, 6, "")]),  # a deletion
        ("a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n", [(4, 5, "9"), (28, 29, "8")]),
        ("größe = 1\nb = 2\n", [(10, 11, "3")]),
    ],
)
def test_blocks_say_what_the_edit_does(text: str, splices: list[tuple[int, int, str]]) -> None:
    edit = Edit("m.py", tuple(Splice(*s) for s in splices), "test", 1.0, 1)
    reply = blocks(edit, text.encode())
    assert BLOCK.search(reply)
    assert applied(text, reply) == edit.apply(text.encode()).decode()


def test_two_distant_places_make_two_blocks() -> None:
    text = "".join(f"line{n} = {n}\n" for n in range(30))
    edit = Edit(
        "m.py", (Splice(0, 4, "LINE"), Splice(len(text) - 3, len(text) - 1, "0")), "t", 1, 1
    )
    assert len(BLOCK.findall(blocks(edit, text.encode()))) == 2
