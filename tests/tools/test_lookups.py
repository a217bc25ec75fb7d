from pathlib import Path

import pytest

from greenloop.tools.files import MAX_LISTED, Workspace
from greenloop.tools.lookups import Lookup, answer, parse_lookups


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("one = 1\ntwo = 2\nthree = 3\n")
    return Workspace(tmp_path)


@pytest.mark.parametrize(
    ("line", "lookup"),
    [
        ("READ src/a.py", Lookup("READ", "src/a.py")),
        ("READ: src/a.py", Lookup("READ", "src/a.py")),
        ("READ `src/a.py`", Lookup("READ", "src/a.py")),
        ("READ src/a.py:10-40", Lookup("READ", "src/a.py", 10, 40)),
        ("READ src/a.py:L10-L40  ", Lookup("READ", "src/a.py", 10, 40)),
        ("READ src/a.py:10-", Lookup("READ", "src/a.py", 10)),
        ("READ src/a.py:10", Lookup("READ", "src/a.py", 10, 10)),
        ("LIST src", Lookup("LIST", "src")),
        ("LIST", Lookup("LIST", ".")),
        ("GREP def total", Lookup("GREP", "def total")),
        ('GREP "def total"', Lookup("GREP", "def total")),
        ("  GREP x", Lookup("GREP", "x")),
    ],
)
def test_lookups_are_read(line: str, lookup: Lookup) -> None:
    assert parse_lookups(f"I must look first.\n{line}\nThen I edit.") == (lookup,)


@pytest.mark.parametrize(
    "line",
    [
        "read src/a.py",
        "Please READ src/a.py",
        "READ the file first",
        "READ",
        "READING src/a.py",
        "LIST all of the files",
        "```\nREAD src/a.py\nx = 1\n```",
        "```python\nREAD src/a.py\n```",
        "notes.txt\n```text\nREAD src/a.py and then go on\n```",
        "~~~~\nREAD a.py\n~~~\nREAD b.py\n~~~~",
    ],
)
def test_what_is_no_lookup(line: str) -> None:
    assert parse_lookups(line) == ()


@pytest.mark.parametrize("info", ["look", "tool", "", "bash", "text"])
def test_lookups_in_a_block_of_their_own(info: str) -> None:
    reply = f"I look.\n```{info}\nREAD src/a.py:1-8\n\nGREP def total\n```\nLIST src\n"
    found = (Lookup("READ", "src/a.py", 1, 8), Lookup("GREP", "def total"), Lookup("LIST", "src"))
    assert parse_lookups(reply) == found
    assert parse_lookups(f"```{info}\nREAD src/a.py\n") == (Lookup("READ", "src/a.py"),)


def test_five_different_lookups_at_most() -> None:
    reply = "\n".join(f"READ f{n // 2}.py" for n in range(20))
    assert [lookup.argument for lookup in parse_lookups(reply)] == [f"f{n}.py" for n in range(5)]


def test_lookups_go_on_after_a_fence() -> None:
    assert parse_lookups("```\nx\n```\nLIST src") == (Lookup("LIST", "src"),)


@pytest.mark.parametrize(
    ("lookup", "text"),
    [
        (Lookup("READ", "src/a.py", 2, 3), "   2| two = 2\n   3| three = 3"),
        (Lookup("LIST", "."), "src/\nsrc/a.py"),
        (Lookup("GREP", "= [13]"), "src/a.py:1: one = 1\nsrc/a.py:3: three = 3"),
        (Lookup("GREP", "zebra"), "nothing matches zebra"),
        (Lookup("READ", "a.py"), "no such file: a.py; near names: src/a.py"),
        (Lookup("READ", "src/a.py", 9), "src/a.py has 3 lines; there are no lines 9-"),
    ],
)
def test_answers(workspace: Workspace, lookup: Lookup, text: str) -> None:
    assert answer(workspace, lookup) == text


@pytest.mark.parametrize(
    ("lookup", "words"),
    [
        (Lookup("READ", "../secret"), "leaves the project"),
        (Lookup("READ", "src"), "is a folder"),
        (Lookup("LIST", "lib"), "no such file"),
        (Lookup("GREP", " "), "empty"),
    ],
)
def test_failures_are_said_in_words(workspace: Workspace, lookup: Lookup, words: str) -> None:
    assert words in answer(workspace, lookup)


def test_an_empty_file_and_an_empty_folder(workspace: Workspace) -> None:
    workspace.write("empty.py", "")
    (workspace.root / "bare").mkdir()
    assert answer(workspace, Lookup("READ", "empty.py")) == "empty.py is empty"
    assert answer(workspace, Lookup("LIST", "bare")) == "bare is empty"


def test_a_long_file_is_cut_in_the_middle(workspace: Workspace) -> None:
    workspace.write("long.py", "".join(f"x{n} = {n}\n" for n in range(1, 1001)))
    text = answer(workspace, Lookup("READ", "long.py"), limit_chars=500)
    assert len(text) <= 500
    assert text.startswith("   1| x1 = 1\n")
    assert text.endswith("1000| x1000 = 1000")
    assert "lines left out; READ a range" in text


def test_many_names_and_many_matches_say_so(workspace: Workspace) -> None:
    for n in range(MAX_LISTED):
        (workspace.root / f"f{n}").write_text("needle\n")
    assert "only 400 names are shown" in answer(workspace, Lookup("LIST", "."), 20_000)
    found = answer(workspace, Lookup("GREP", "needle"))
    assert found.endswith("more lines match; use a narrower pattern")
    assert len(found.splitlines()) == 51


def test_hidden_characters_are_shown(workspace: Workspace) -> None:
    workspace.write("odd.txt", "\x1b[31mred\u202e\n")
    assert answer(workspace, Lookup("READ", "odd.txt")) == "   1| red\\u202e"
