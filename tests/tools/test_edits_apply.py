from pathlib import Path

import pytest

from greenloop.errors import EditError
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edits import Edit, SearchReplace, WholeFile
from greenloop.tools.files import Workspace

CART = "def total(cart):\n    return sum(cart)\n\n\ndef count(cart):\n    return len(cart) + 1\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for path, text in {
        "src/cart.py": CART,
        "src/other.py": "x = 1\n",
        "tests/test_cart.py": "def test():\n    assert True\n",
        "conf.json": '{"a": 1}\n',
        "conf.toml": "a = 1\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return Workspace(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def is_test(path: str) -> bool:
    return path.startswith("tests/")


def apply(workspace: Workspace, *edits: Edit) -> tuple[str, ...]:
    return apply_edits(workspace, edits, is_test)


def tree(workspace: Workspace) -> dict[str, str]:
    return {path: workspace.read(path).text for path in workspace.walk()}


def test_several_edits_build_on_each_other(workspace: Workspace) -> None:
    changed = apply(
        workspace,
        SearchReplace("src/cart.py", "    return len(cart) + 1\n", "    return len(cart)\n"),
        SearchReplace("src/new.py", "", "y = 1\n"),
        SearchReplace("./src/cart.py", "    return len(cart)\n", "    return len(list(cart))\n"),
        SearchReplace("src/new.py", "y = 1\n", "y = 2\n"),
        WholeFile("src/other.py", "x = 2\n"),
    )
    assert changed == ("src/cart.py", "src/new.py", "src/other.py")
    assert workspace.read("src/cart.py").text == CART.replace("len(cart) + 1", "len(list(cart))")
    assert workspace.read("src/new.py").text == "y = 2\n"
    assert workspace.read("src/other.py").text == "x = 2\n"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (SearchReplace("src/other.py", "x = 9\n", "x = 2\n"), "is not in src/other.py"),
        (SearchReplace("src/othr.py", "x = 1\n", "x = 2\n"), "near names: src/other.py"),
        (SearchReplace("other.py", "x = 1\n", "x = 2\n"), "near names: src/other.py"),
        (WholeFile("tests/test_cart.py", "x = 1\n"), "tests are the judge"),
        (WholeFile("tests/new/test_x.py", "x = 1\n"), "tests are the judge"),
        (WholeFile("tests_link/test_cart.py", "x = 1\n"), "tests are the judge"),
        (WholeFile("tests_link/new/test_x.py", "x = 1\n"), "tests are the judge"),
        (WholeFile("one_test.py", "x = 1\n"), "tests are the judge"),
        (WholeFile("../x.py", "x = 1\n"), "leaves the project"),
        (WholeFile(".git/config", "x\n"), "inside .git"),
        (WholeFile("path/to/file.py", "x = 1\n"), "placeholder"),
        (WholeFile("path/to/cart.py", "x = 1\n"), "placeholder.*src/cart.py"),
        (WholeFile("filename.py", "x = 1\n"), "placeholder"),
        (SearchReplace("your_file.py", "x = 1\n", "x = 2\n"), "placeholder"),
        (WholeFile("src", "x = 1\n"), "is a folder"),
        (WholeFile("src/other.py", ""), "is empty"),
        (WholeFile("src/cart.py", "def other():\n    pass\n"), "drops total, count"),
        (WholeFile("src/other.py", "def f(:\n"), r"SyntaxError.*line 1: 'def f\(:'"),
        (WholeFile("src/other.py", "def f():\nx = 1\n"), r"line 2: 'x = 1'; indent"),
        (WholeFile("src/other.py", "return 1\n"), "'return' outside function"),
        (WholeFile("src/other.py", "x = '\0'\n"), "would not compile"),
        (WholeFile("src/other.py", "x = " + "(" * 500 + ")" * 500 + "\n"), "would not compile"),
        (WholeFile("src/other.py", "x = " + "-" * 100_000 + "1\n"), "would not compile"),
        (WholeFile("src/new.pyi", "def f(\n"), "SyntaxError"),
        (SearchReplace("src/cart.py", "    return sum(cart)\n", ""), "IndentationError"),
        (SearchReplace("src/cart.py", "", "  return\n"), "SEARCH is empty"),
        (WholeFile("conf.json", '{"a": }\n'), "no longer parse"),
        (WholeFile("conf.toml", "a = = 1\n"), "no longer parse"),
        (SearchReplace("", "absent\n", "x\n"), "has no path"),
        (SearchReplace("", "", "x\n"), "has no path"),
        (SearchReplace("", "    assert True\n", "x\n"), "has no path"),
    ],
)
def test_one_unfit_edit_and_nothing_is_written(
    workspace: Workspace, edit: Edit, message: str
) -> None:
    (workspace.root / "tests_link").symlink_to("tests")
    (workspace.root / "one_test.py").symlink_to("tests/test_cart.py")
    before = tree(workspace)
    with pytest.raises(EditError, match=message):
        apply(workspace, SearchReplace("src/new.py", "", "x = 1\n"), edit)
    assert tree(workspace) == before


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (SearchReplace("src/other.py", "x = 1\n", "x = 1\n"),),
        (WholeFile("src/cart.py", CART),),
        (
            SearchReplace("src/other.py", "x = 1\n", "x = 2\n"),
            SearchReplace("src/other.py", "x = 2\n", "x = 1\n"),
        ),
    ],
)
def test_an_edit_that_changes_nothing(workspace: Workspace, edits: tuple[Edit, ...]) -> None:
    with pytest.raises(EditError, match="changes nothing"):
        apply(workspace, *edits)


def test_only_files_that_changed_are_named(workspace: Workspace) -> None:
    same = SearchReplace("src/cart.py", "    return sum(cart)\n", "    return sum(cart)\n")
    changed = apply(workspace, same, WholeFile("src/other.py", "x = 2\n"))
    assert changed == ("src/other.py",)


def test_a_file_that_was_broken_must_compile_afterwards(workspace: Workspace) -> None:
    (workspace.root / "src" / "other.py").write_text("def f(:\n    return 1\n\ndef g(:\n    pass\n")
    with pytest.raises(EditError, match="line 4"):
        apply(workspace, SearchReplace("src/other.py", "def f(:\n", "def f():\n"))
    assert apply(
        workspace,
        SearchReplace("src/other.py", "def f(:\n", "def f():\n"),
        SearchReplace("src/other.py", "def g(:\n", "def g():\n"),
    )


def test_warnings_of_the_edited_code_are_not_ours(workspace: Workspace) -> None:
    assert apply(workspace, WholeFile("src/other.py", 'x = "\\d"\nif x is 1: pass\n'))


def test_data_files_that_were_broken_may_stay_so(workspace: Workspace) -> None:
    (workspace.root / "tsconfig.json").write_text("{// comment\n}\n")
    assert apply(workspace, WholeFile("tsconfig.json", "{// other comment\n}\n"))
    assert apply(workspace, WholeFile("conf.json", '{"a": 2}\n'))


def test_renaming_the_only_function_is_no_loss(workspace: Workspace) -> None:
    (workspace.root / "src" / "other.py").write_text("def f():\n    pass\n")
    assert apply(workspace, WholeFile("src/other.py", "def g():\n    pass\n"))
    (workspace.root / "src" / "other.py").write_text("def f():\n    pass\n\ndef h():\n    pass\n")
    assert apply(
        workspace, WholeFile("src/other.py", "from x import h\n\ndef f():\n    return 1\n")
    )


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.py", "def f():\n    pass\n\ndef h():\n    pass\n", "def f():\n    return h()\n"),
        (
            "a.py",
            "class A:\n    def f(self): ...\n    def g(self): ...\n",
            "class A:\n    def f(self): ...\n",
        ),
        ("a.js", "function a() {}\nexport const b = () => 1;\n", "function a() { return 1; }\n"),
        ("a.go", "func A() {}\nfunc (s *S) B() {}\n", "func A() { x() }\n"),
        ("a.txt", "".join(f"line {n}\n" for n in range(20)), "line 1\nline 2\n"),
    ],
)
def test_a_whole_file_that_lost_a_part_is_refused(
    workspace: Workspace, path: str, before: str, after: str
) -> None:
    workspace.write(path, before)
    with pytest.raises(EditError, match="drops") as caught:
        apply(workspace, WholeFile(path, after))
    assert caught.value.reason == "shrinks_file"


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "a.py",
            "def f(): ...\ndef g(): ...\n",
            "class A:\n    def f(self): ...\n    def g(self): ...\n",
        ),
        ("a.py", "def f(): ...\ndef g(): ...\n", "def f(): ...\ng = f\n"),
        ("a.js", "function a() {}\nfunction b() {}\n", "const a = 1, b = 2;\n"),
        ("a.txt", "".join(f"line {n}\n" for n in range(20)), "all\nnew\n"),
    ],
)
def test_a_whole_file_that_moves_its_parts_is_taken(
    workspace: Workspace, path: str, before: str, after: str
) -> None:
    workspace.write(path, before)
    assert apply(workspace, WholeFile(path, after)) == (path,)


def test_an_empty_search_makes_a_file_but_never_touches_one(workspace: Workspace) -> None:
    with pytest.raises(EditError, match="exists and SEARCH is empty"):
        apply(workspace, SearchReplace("src/other.py", "", "y = 2\n"))
    workspace.write("src/blank.py", "")
    assert apply(workspace, SearchReplace("src/blank.py", "", "y = 2\n")) == ("src/blank.py",)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("print('a')\n", "'a'", "'b'", "print('b')\n"),
        ("x = 1\ny = 2\n", "1\ny", "3\ny", "x = 3\ny = 2\n"),
        ("    return 1\n", "return 1", "return 2", "    return 2\n"),
        ('P = r"\\d"\n', 'r"\\\\d"', 'r"\\\\w"', 'P = r"\\w"\n'),
        ("a\nb\n", "a\\nb", "a\\nc", "a\nc\n"),
        ("  a\n  b\n", "a\nb", "a\nc", "  a\n  c\n"),
    ],
)
def test_inline_edits(workspace: Workspace, before: str, old: str, new: str, after: str) -> None:
    workspace.write("t.txt", before)
    apply(workspace, SearchReplace("t.txt", old, new, inline=True))
    assert workspace.read("t.txt").text == after


@pytest.mark.parametrize(
    ("before", "old", "new", "reason"),
    [
        ("x = 1\nx = 1\n", "x = 1", "x = 2", "ambiguous"),
        ("max = 10\n", "x = 1", "x = 2", "not_found"),
        ("x = 2000\n", "x = 1000", "x = 2000", "already_applied"),
        ("x = 1\n", "", "x = 2", "not_found"),
        ("x = 1\n", "x = 1", "x = 1", "noop_edit"),
    ],
)
def test_inline_edits_that_are_refused(
    workspace: Workspace, before: str, old: str, new: str, reason: str
) -> None:
    workspace.write("t.txt", before)
    with pytest.raises(EditError) as caught:
        apply(workspace, SearchReplace("t.txt", old, new, inline=True))
    assert (caught.value.reason, workspace.read("t.txt").text) == (reason, before)


def test_every_occurrence_only_when_asked(workspace: Workspace) -> None:
    workspace.write("t.txt", "x = 1\nx = 1\n")
    apply(workspace, SearchReplace("t.txt", "x = 1", "x = 2", inline=True, every=True))
    assert workspace.read("t.txt").text == "x = 2\nx = 2\n"


def test_a_block_that_was_sent_twice_is_applied_once(workspace: Workspace) -> None:
    edit = SearchReplace("src/other.py", "x = 1\n", "x = 2\n")
    assert apply(workspace, edit, edit) == ("src/other.py",)
    assert workspace.read("src/other.py").text == "x = 2\n"


def test_another_reading_of_a_hunk_is_tried_last(workspace: Workspace) -> None:
    edit = SearchReplace("src/other.py", " x = 1\n y\n", "z\n", others=(("x = 1\n", "x = 5\n"),))
    apply(workspace, edit)
    assert workspace.read("src/other.py").text == "x = 5\n"


def test_a_path_with_the_example_folder_finds_the_real_file(workspace: Workspace) -> None:
    assert apply(workspace, WholeFile("path/to/src/other.py", "x = 2\n")) == ("src/other.py",)


def test_a_file_that_is_called_like_a_placeholder_may_exist(workspace: Workspace) -> None:
    (workspace.root / "file.py").write_text("x = 1\n")
    assert apply(workspace, WholeFile("file.py", "x = 2\n")) == ("file.py",)


def test_a_block_without_path_goes_to_the_only_file_that_fits(workspace: Workspace) -> None:
    (workspace.root / "tests" / "copy.py").write_text("x = 1\n")
    (workspace.root / "image").write_bytes(b"\0")
    edit = SearchReplace("", "x = 1\n", "x = 2\n")
    assert apply(workspace, edit) == ("src/other.py",)
    (workspace.root / "src" / "other.py").write_text("x = 1\n")
    (workspace.root / "src" / "third.py").write_text("x = 1\n")
    with pytest.raises(EditError, match=r"occurs in src/other\.py, src/third\.py"):
        apply(workspace, edit)


def test_the_form_of_the_file_is_kept(workspace: Workspace) -> None:
    path = workspace.root / "src" / "dos.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\nz = 3")
    path.chmod(0o755)
    apply(workspace, SearchReplace("src/dos.py", "y = 2\n", "y = 5\n"))
    assert path.read_bytes() == b"\xef\xbb\xbfx = 1\r\ny = 5\nz = 3"
    apply(workspace, WholeFile("src/dos.py", "x = 7\ny = 5\nz = 3\n"))
    assert path.read_bytes() == b"\xef\xbb\xbfx = 7\r\ny = 5\nz = 3"
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_header_comment_with_the_path_survives(workspace: Workspace) -> None:
    (workspace.root / "src" / "other.py").write_text("# src/other.py\nx = 1\n")
    apply(workspace, WholeFile("src/other.py", "x = 2\n"))
    assert workspace.read("src/other.py").text == "# src/other.py\nx = 2\n"


def test_an_edit_through_a_link_is_named_by_its_target(workspace: Workspace) -> None:
    (workspace.root / "alias.py").symlink_to("src/other.py")
    changed = apply(
        workspace,
        SearchReplace("alias.py", "x = 1\n", "x = 2\n"),
        SearchReplace("src/other.py", "x = 2\n", "x = 3\n"),
    )
    assert changed == ("src/other.py",)
    assert (workspace.root / "alias.py").is_symlink()
    assert workspace.read("src/other.py").text == "x = 3\n"


def test_when_a_later_file_cannot_be_written_the_earlier_ones_stay(workspace: Workspace) -> None:
    (workspace.root / "src" / "cart.py").chmod(0o444)
    before = tree(workspace)
    with pytest.raises(EditError, match="read-only"):
        apply(
            workspace,
            WholeFile("src/other.py", "x = 2\n"),
            WholeFile("new/deep/x.py", "x = 2\n"),
            SearchReplace("src/cart.py", "    return sum(cart)\n", "    return 0\n"),
        )
    assert tree(workspace) == before
    assert "new" not in names(workspace.root)
