"""SEARCH/REPLACE with dots for the lines that stay, Cline's markers, and where a document ends."""

import pytest

from greenloop.errors import EditError
from greenloop.tools.edit_match import replace_once
from greenloop.tools.edit_parse import parse_edits
from greenloop.tools.edits import SearchReplace, WholeFile

TEXT = "x = 1\ny = 2\nz = 3\nx = 9\n"


def test_pieces_around_dots_are_replaced_one_by_one() -> None:
    new = replace_once("a.py", TEXT, "x = 1\n...\nz = 3\n", "x = 5\n...\nz = 6\n")
    assert new == "x = 5\ny = 2\nz = 6\nx = 9\n"


def test_dots_at_the_end_keep_what_follows() -> None:
    assert replace_once("a.py", TEXT, "y = 2\n...\n", "y = 5\n...\n") == TEXT.replace("2", "5")


@pytest.mark.parametrize(
    ("search", "replace", "reason"),
    [
        ("z = 3\n...\nx = 1\n", "z = 4\n...\nx = 1\n", "not_found"),
        ("x = 1\n...\nz = 3\n", "x = 5\nz = 6\n", "not_found"),
        ("x = 1\n...\nq = 3\n", "x = 5\n...\nq = 6\n", "not_found"),
        ("...\n", "...\nq = 6\n", "not_found"),
    ],
)
def test_dots_that_do_not_fit_are_refused(search: str, replace: str, reason: str) -> None:
    with pytest.raises(EditError) as caught:
        replace_once("a.py", TEXT, search, replace)
    assert caught.value.reason == reason


def test_a_piece_that_occurs_twice_is_ambiguous() -> None:
    with pytest.raises(EditError) as caught:
        replace_once("a.py", "a\nb\na\nc\n", "a\n...\nc\n", "a2\n...\nc\n")
    assert caught.value.reason == "ambiguous"


def test_markers_of_dashes_and_pluses() -> None:
    reply = "a.py\n------- SEARCH\nx = 1\n=======\nx = 2\n+++++++ REPLACE"
    assert parse_edits(reply) == (SearchReplace("a.py", "x = 1\n", "x = 2\n"),)


@pytest.mark.parametrize("word", ["updated", "new version of the"])
def test_an_announced_change_is_a_whole_file_also_where_code_may_be_shown(word: str) -> None:
    reply = f"Here is the {word} `a.py`:\n\n```python\nx = 2\n```"
    assert parse_edits(reply, examples=True) == (WholeFile("a.py", "x = 2\n"),)


def test_a_file_that_is_only_shown_is_no_edit() -> None:
    assert parse_edits("Here is the complete `a.py`:\n```python\nx\n```", examples=True) == ()


def test_a_document_whose_end_is_unclear_is_refused() -> None:
    reply = "README.md\n```markdown\n# Hi\n\n```\ncode\n```\n\nMore\n```"
    with pytest.raises(EditError, match=r"unclear where README\.md ends"):
        parse_edits(reply)


def test_a_file_with_text_right_below_its_fence_and_more_fences_is_refused() -> None:
    reply = "a.js\n```js\nconst t = `\n```\nhi\n```\n`;\n```"
    with pytest.raises(EditError, match=r"unclear where a\.js ends"):
        parse_edits(reply)


def test_files_with_bare_fences_right_below_each_other() -> None:
    reply = "a.js\n```\nx\n```\nb.md\n```\ny\n```\n\nc.md\n```\nz\n```"
    assert [edit.path for edit in parse_edits(reply)] == ["a.js", "b.md", "c.md"]


def test_a_document_with_blocks_of_a_language_ends_where_its_fence_does() -> None:
    reply = "README.md\n```markdown\n# Hi\n\n```python\nx\n```\n```\n\na.py\n```python\ny\n```"
    assert parse_edits(reply) == (
        WholeFile("README.md", "# Hi\n\n```python\nx\n```\n"),
        WholeFile("a.py", "y\n"),
    )
