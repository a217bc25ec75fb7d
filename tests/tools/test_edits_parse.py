import pytest

from greenloop.errors import EditError
from greenloop.tools.edit_parse import parse_edits
from greenloop.tools.edits import SearchReplace, WholeFile

BLOCK = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"
EDIT = SearchReplace("src/a.py", "old\n", "new\n")


@pytest.mark.parametrize(
    "reply",
    [
        f"src/a.py\n{BLOCK}",
        f"I fix it.\n\nsrc/a.py\n\n```python\n{BLOCK}```\nDone.",
        f"```\nsrc/a.py\n{BLOCK}```",
        f"```python\nsrc/a.py\n{BLOCK}```\n",
        f"```python:src/a.py\n{BLOCK}```",
        f"```python path=src/a.py\n{BLOCK}```",
        f'```python title="src/a.py"\n{BLOCK}```',
        f"```src/a.py\n{BLOCK}```",
        f"### src/a.py\n{BLOCK}",
        f"**src/a.py**\n{BLOCK}",
        f"**File:** `src/a.py`\n~~~python\n{BLOCK}~~~",
        f"### **File: `src/a.py`**:\n{BLOCK}",
        f"File path: src/a.py\n{BLOCK}",
        f"1. `src/a.py` (updated):\n{BLOCK}",
        f"- src/a.py\n{BLOCK}",
        f"Change `src/a.py` like this:\n```python\n{BLOCK}```",
        f"<think>\nother.py\n{BLOCK}</think>\nsrc/a.py\n{BLOCK}",
        f"Let me see: wrong.py\n</think>\nsrc/a.py\n{BLOCK}",
        f"src/a.py\n{BLOCK}".replace("\n", "\r\n"),
        f"src/a.py\n{BLOCK}".replace("<<<<<<<", "<<<<<").replace("=======", "========="),
        f"src/a.py\n{BLOCK}".replace("<<<<<<< SEARCH", "<<<<<<< HEAD").replace(
            "REPLACE", "updated"
        ),
        f"src/a.py\n```\n{BLOCK}".replace(">>>>>>> REPLACE", ">>>>>>> REPLACE```"),
        "src/a.py\n```\n" + BLOCK.replace(">>>>>>> REPLACE", "=======") + "```",
        "src/a.py\n"
        + BLOCK.replace("old", "```python\nold\n```").replace("new", "```py\nnew\n```"),
        "src/a.py\n" + BLOCK.replace("old", ":start_line:3\n-------\nold"),
        "src/a.py\n" + BLOCK.replace("old", ":start_line:3\n-------old"),
        "<<<<<<< SEARCH src/a.py\nold\n=======\nnew\n>>>>>>> REPLACE",
    ],
)
def test_search_replace_in_many_dresses(reply: str) -> None:
    assert parse_edits(reply) == (EDIT,)


def test_the_next_block_may_leave_the_path_out() -> None:
    second = BLOCK.replace("old", "x").replace("new", "y")
    expected = (EDIT, SearchReplace("src/a.py", "x\n", "y\n"))
    assert parse_edits(f"src/a.py\n{BLOCK}{second}") == expected
    assert parse_edits(f"src/a.py\n```\n{BLOCK}\n{second}```") == expected
    assert parse_edits(f"src/a.py\n```\n{BLOCK}```\nand also:\n```py\n{second}```") == expected


def test_blocks_for_several_files() -> None:
    reply = f"```\na.py\n{BLOCK}```\nb.py\n```\n{BLOCK}\nc.py\n{BLOCK}```\n"
    assert [edit.path for edit in parse_edits(reply)] == ["a.py", "b.py", "c.py"]


def test_a_block_without_any_path_is_left_to_the_files() -> None:
    assert parse_edits(BLOCK) == (SearchReplace("", "old\n", "new\n"),)


def test_empty_halves() -> None:
    assert parse_edits("a.py\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE") == (
        SearchReplace("a.py", "", "x\n"),
    )
    assert parse_edits("a.py\n<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE") == (
        SearchReplace("a.py", "x\n", ""),
    )


def test_a_heading_underlined_like_the_divider_needs_longer_markers() -> None:
    body = "Title\n=======\ntext"
    short = f"a.rst\n<<<<<<< SEARCH\n{body}\n=======\nx\n>>>>>>> REPLACE"
    with pytest.raises(EditError, match="nine characters"):
        parse_edits(short)
    long = f"a.rst\n<<<<<<<<< SEARCH\n{body}\n=========\nx\n>>>>>>>>> REPLACE"
    assert parse_edits(long) == (SearchReplace("a.rst", f"{body}\n", "x\n"),)


def test_fences_inside_a_block_are_content() -> None:
    old, new = "```sh\nls\n```\ntext\n", "```sh\nls -l\n```\ntext\n"
    reply = f"a.md\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE"
    assert parse_edits(reply) == (SearchReplace("a.md", old, new),)


@pytest.mark.parametrize(
    "reply",
    [
        "src/a.py\n```python\nx = 1\n```",
        "Here:\n\n### `src/a.py`\n\n```python\nx = 1\n```\nDone.",
        "```python path=src/a.py\nx = 1\n```",
        "```python src/a.py\nx = 1\n```",
        "```src/a.py\nx = 1\n```",
        "```python\n# src/a.py\nx = 1\n```",
        "```python\n# File: src/a.py\nx = 1\n```",
        "src/a.py\n```python\n# src/a.py\nx = 1\n```",
        "src/a.py\n~~~\nx = 1\n~~~",
        "src/a.py\n`````\nx = 1\n`````",
        "1. **src/a.py**\n   ```python\n   x = 1\n   ```",
    ],
)
def test_whole_file_in_many_dresses(reply: str) -> None:
    assert parse_edits(reply) == (WholeFile("src/a.py", "x = 1\n"),)


def test_the_comment_of_the_language_may_hold_the_path() -> None:
    for suffix, line in (("js", "// {}"), ("html", "<!-- {} -->"), ("css", "/* {} */")):
        path = f"web/a.{suffix}"
        assert parse_edits(f"```\n{line.format(path)}\nx\n```") == (WholeFile(path, "x\n"),)


def test_longer_and_named_fences_nest() -> None:
    inner = "# Use\n```python\nx = 1\n```\nend\n"
    assert parse_edits(f"a.md\n````markdown\n{inner}````") == (WholeFile("a.md", inner),)
    assert parse_edits(f"a.md\n```markdown\n{inner}```\nbye") == (WholeFile("a.md", inner),)
    blocks = f"```\n{BLOCK}```\n"
    assert parse_edits(f"a.md\n````\n{blocks}````") == (WholeFile("a.md", blocks),)


def test_several_whole_files_and_a_block() -> None:
    reply = f"a.py\n```\nx = 1\n```\n\nb.py\n```\ny = 2\n```\nsrc/a.py\n{BLOCK}"
    assert parse_edits(reply) == (WholeFile("a.py", "x = 1\n"), WholeFile("b.py", "y = 2\n"), EDIT)


def test_an_empty_whole_file() -> None:
    assert parse_edits("pkg/__init__.py\n```python\n```") == (WholeFile("pkg/__init__.py", ""),)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "All tests pass; nothing to do.",
        "Run this:\n```bash\npytest -q\n```",
        "READ src/a.py",
        'You can call `read` with {"path": "a.py"}.',
        "a == b and <b>bold</b> >>> x",
    ],
)
def test_no_edit_at_all(reply: str) -> None:
    assert parse_edits(reply) == ()


def test_examples_beside_an_edit_are_no_edits() -> None:
    reply = f"src/a.py\n{BLOCK}\nTry it:\n```python\nimport a\n```\n```bash\npytest\n```"
    assert parse_edits(reply) == (EDIT,)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("```python\nx = 1\n```", "has no path"),
        ("In `a.py` the function f is wrong:\n```python\nx = 1\n```", "has no path"),
        ("```python 3:9:src/a.py\nx = 1\n```", "has no path"),
        ("a.py\n```python\nx = 1\n", "not closed"),
        ("a.py\n<<<<<<< SEARCH\nold\n=======\nnew\n", "no >>>>>>> REPLACE"),
        ("a.py\n<<<<<<< SEARCH\nold\n", "no >>>>>>> REPLACE"),
        ("a.py\n```\n<<<<<<< SEARCH\nold\n=======\nnew\n```", "no >>>>>>> REPLACE"),
        (f"a.py\n<<<<<<< SEARCH\nold\n=======\nnew\n{BLOCK}", "no >>>>>>> REPLACE"),
        ("a.py\n<<<<<<< SEARCH\nold\nnew\n>>>>>>> REPLACE", "no ======= line"),
        ("a.py\n```\nold\n=======\nnew\n>>>>>>> REPLACE\n```", "lacks <<<<<<< SEARCH"),
        ("a.py\nold\n=======\nnew\n>>>>>>> REPLACE\n", "lacks its <<<<<<< SEARCH"),
        ("--- a.py\n+++ a.py\n@@\n+new\n", "only new lines"),
        ("```diff\n old\n```", "no \\+ or - line"),
        ("--- a/a.py\n+++ /dev/null\n@@\n-old\n", "not deleted or renamed"),
        ("diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n", "not deleted or renamed"),
        ("*** Begin Patch\n*** Delete File: a.py\n*** End Patch", "not deleted or renamed"),
        ("a.py\n```diff\n-old\n+# ... rest of code unchanged\n```", "leaves code out"),
    ],
)
def test_what_is_refused(reply: str, message: str) -> None:
    with pytest.raises(EditError, match=message):
        parse_edits(reply)


HUNK = "-old\n+new\n"


@pytest.mark.parametrize(
    "reply",
    [
        f"--- src/a.py\n+++ src/a.py\n@@\n{HUNK}",
        f"--- a/src/a.py\n+++ b/src/a.py\n@@ -7,9 +1,2 @@ def f():\n{HUNK}",
        f"Here it is:\n\n--- a/src/a.py\n+++ b/src/a.py\n@@\n{HUNK}\nThat is all.",
        f"```diff\n--- a/src/a.py\t2024-01-01\n+++ b/src/a.py\t2024-01-02\n@@ -1 +1 @@\n{HUNK}```",
        f"```\ndiff --git a/src/a.py b/src/a.py\nindex 1a..2b 100644\n--- a/src/a.py\n"
        f"+++ b/src/a.py\n@@ -1 +1 @@\n{HUNK}\\ No newline at end of file\n```",
        f"src/a.py\n```diff\n{HUNK}```",
        f"Change `src/a.py` so:\n```diff\n@@\n{HUNK}```",
        f"```patch\n--- src/a.py\n@@\n{HUNK}```",
        f"*** Begin Patch\n*** Update File: src/a.py\n@@\n{HUNK}*** End Patch",
        f"*** Begin Patch\n*** Update File: src/a.py\n@@ class A:\n{HUNK}*** End of File\n",
        f"```\n*** Begin Patch\n*** Update File: src/a.py\n{HUNK}*** End Patch\n```",
        f"```bash\napply_patch <<'EOF'\n*** Begin Patch\n*** Update File: src/a.py\n@@\n{HUNK}"
        "*** End Patch\n```",
    ],
)
def test_diffs_in_many_dresses(reply: str) -> None:
    assert [(e.path, e.search, e.replace) for e in blocks(reply)] == [
        ("src/a.py", "old\n", "new\n")
    ]


def test_a_diff_over_several_files_and_hunks() -> None:
    reply = (
        f"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n{HUNK}@@ -9 +9 @@\n x\n-y\n+z\n"
        f"--- a/b.py\n+++ b/b.py\n@@\n{HUNK}--- /dev/null\n+++ b/c.py\n@@ -0,0 +1,2 @@\n+one\n+two\n"  # noqa: E501
    )
    found = [(e.path, e.search, e.replace) for e in blocks(reply)]
    assert found == [
        ("a.py", "old\n", "new\n"),
        ("a.py", "x\ny\n", "x\nz\n"),
        ("b.py", "old\n", "new\n"),
        ("c.py", "", "one\ntwo\n"),
    ]


def test_a_patch_adds_a_file() -> None:
    reply = "*** Begin Patch\n*** Add File: pkg/c.py\n+one\n+\n+two\n*** End Patch"
    assert parse_edits(reply) == (SearchReplace("pkg/c.py", "", "one\n\ntwo\n"),)


def blocks(reply: str) -> list[SearchReplace]:
    return [edit for edit in parse_edits(reply) if isinstance(edit, SearchReplace)]


@pytest.mark.parametrize(
    ("above", "path"),
    [
        ("`my docs/read me.md`", "my docs/read me.md"),
        ("### `src/my file.py`:", "src/my file.py"),
        ("File: my file.py", "my file.py"),
        ('"my file.py"', "my file.py"),
    ],
)
def test_paths_with_blanks_when_something_sets_them_off(above: str, path: str) -> None:
    assert parse_edits(f"{above}\n```\nx\n```") == (WholeFile(path, "x\n"),)
    assert parse_edits(f"a.py\n{BLOCK}\n{above}\n{BLOCK}")[1].path == path


def test_a_path_with_blanks_in_the_info_string() -> None:
    assert parse_edits('```python path="my file.py"\nx\n```') == (WholeFile("my file.py", "x\n"),)


@pytest.mark.parametrize(
    "above",
    [
        "my file.py",
        "src/my file.py",
        "And now other.py:",
        "In my file.py the same:",
        "### Fix b.py",
    ],
)
def test_a_block_never_goes_to_the_file_before_when_another_is_named(above: str) -> None:
    with pytest.raises(EditError, match="unclear"):
        parse_edits(f"a.py\n{BLOCK}\n{above}\n{BLOCK}")


def test_a_block_whose_sentence_names_the_same_file_goes_there() -> None:
    first, second = parse_edits(f"src/a.py\n{BLOCK}\nAnd further down in a.py:\n{BLOCK}")
    assert first == second == EDIT


def test_a_file_under_an_unclear_path_is_refused() -> None:
    with pytest.raises(EditError, match="unclear"):
        parse_edits("a.py\n```\nx = 1\n```\nmy other.py\n```\ny = 2\n```")


def test_a_patch_file_may_be_written_whole() -> None:
    diff = "--- a/a.py\n+++ b/a.py\n"
    assert parse_edits(f"fix.patch\n```diff\n{diff}```") == (WholeFile("fix.patch", diff),)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", "# ... rest of code unchanged"),
        ("a.py", "    # ... existing code ..."),
        ("a.py", "# ..."),
        ("a.py", "# … other methods …"),
        ("a.py", "# rest of the code"),
        ("a.py", "# Rest of the code remains the same"),
        ("a.py", "# (rest of the implementation unchanged)"),
        ("a.py", "# keep existing code"),
        ("a.py", "# existing methods..."),
        ("a.py", "# [other functions remain unchanged]"),
        ("a.py", "# unchanged"),
        ("a.py", "# your existing code here"),
        ("a.js", "// unchanged"),
        ("a.js", "// ... other sections remain the same"),
        ("a.js", "  ..."),
        ("a.js", "/* ... existing styles ... */"),
        ("a.jsx", "{/* ... rest of the component ... */}"),
        ("a.html", "<!-- ... existing content ... -->"),
        ("a.sql", "-- ... remaining tables"),
        ("a.md", "<!-- ... rest of the file ... -->"),
    ],
)
def test_code_left_out_is_refused(path: str, line: str) -> None:
    with pytest.raises(EditError, match="leaves code out"):
        parse_edits(f"{path}\n```\nx\n{line}\n```")
    with pytest.raises(EditError, match="leaves code out"):
        parse_edits(f"{path}\n<<<<<<< SEARCH\nx\n=======\n{line}\n>>>>>>> REPLACE")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", "    def f(self) -> int: ..."),
        ("a.py", "    ..."),
        ("a.py", "x = [...]"),
        ("a.py", "# Loading the existing files..."),
        ("a.py", "# keep the existing connection open"),
        ("a.py", "# other imports"),
        ("a.py", "# rest of the line is the message"),
        ("a.py", "# the same as before, but sorted"),
        ("a.py", "# the file is unchanged when the write fails"),
        ("a.py", "# remaining lines"),
        ("a.py", "print('... rest of code ...')"),
        ("a.js", "const copy = {...rest, existing};"),
        ("a.js", "...args"),
        ("a.md", "## Unchanged"),
        ("a.md", "..."),
        ("a.yaml", "..."),
    ],
)
def test_code_that_only_resembles_an_elision(path: str, line: str) -> None:
    assert parse_edits(f"{path}\n```\nx\n{line}\n```") == (WholeFile(path, f"x\n{line}\n"),)


def test_an_elision_that_the_file_has_already_may_stay() -> None:
    reply = "a.py\n<<<<<<< SEARCH\n# ...\nx\n=======\n# ...\ny\n>>>>>>> REPLACE"
    assert parse_edits(reply) == (SearchReplace("a.py", "# ...\nx\n", "# ...\ny\n"),)


@pytest.mark.parametrize(
    "line",
    ["python", "and/or something", "os.path", "3.11", "etc.", "e.g.", "module.function", "/"],
)
def test_lines_that_are_no_paths(line: str) -> None:
    with pytest.raises(EditError, match="has no path"):
        parse_edits(f"{line}\n```python\nx = 1\n```")


@pytest.mark.parametrize(
    "path", ["Makefile", ".gitignore", "app/[id]/page.tsx", "src/LICENSE", "ä.py"]
)
def test_unusual_paths(path: str) -> None:
    assert parse_edits(f"{path}\n```\nx\n```") == (WholeFile(path, "x\n"),)
