from difflib import ndiff

import pytest

from greenloop.errors import EditError
from greenloop.tools.edit_match import MAX_SHOWN, replace_once

FILE = """\
class Cart:
    def total(self):
        result = 0
        for item in self.items:
            result += item.price
        return result

    def count(self):
        return len(self.items)
"""


def replaced(search: str, replace: str, text: str = FILE) -> list[str]:
    """Lines taken and given, as in `- old`, `+ new`."""
    after = replace_once("a.py", text, search, replace)
    return [line for line in ndiff(text.split("\n"), after.split("\n")) if line[0] in "-+"]


def test_exact_lines() -> None:
    taken = replaced("        result = 0\n", "        result = Decimal(0)\n")
    assert taken == ["-         result = 0", "+         result = Decimal(0)"]


def test_only_whole_lines_match() -> None:
    with pytest.raises(EditError, match="is not in"):
        replace_once("a.py", "total = 1\n", "total\n", "sum\n")


def test_deleting_lines() -> None:
    assert replace_once("a.py", "a\nb\nc\n", "b\n", "") == "a\nc\n"
    assert replace_once("a.py", "a\n", "a\n", "") == ""


@pytest.mark.parametrize("end", ["", "\n"])
def test_the_final_newline_stays_as_it_was(end: str) -> None:
    assert replace_once("a.py", f"a\nb{end}", "b\n", "c\n") == f"a\nc{end}"
    assert replace_once("a.py", f"a\nb{end}", "b", "c") == f"a\nc{end}"


def test_trailing_blanks_do_not_count_and_unchanged_lines_keep_them() -> None:
    assert replace_once("a.py", "x = 1   \ny = 2\n", "x = 1\ny = 2 \n", "x = 1\ny = 3\n") == (
        "x = 1   \ny = 3\n"
    )


def test_too_little_indentation() -> None:
    taken = replaced(
        "for item in self.items:\n    result += item.price\n",
        "for item in self.items:\n    if item:\n        result += item.price\n",
    )
    assert taken == [
        "+             if item:",
        "-             result += item.price",
        "+                 result += item.price",
    ]


def test_too_much_indentation() -> None:
    taken = replaced(
        "            return len(self.items)\n", "            return sum(1 for _ in self.items)\n"
    )
    assert taken[-1] == "+         return sum(1 for _ in self.items)"


def test_a_replacement_that_leaves_no_room_for_the_shift_is_refused() -> None:
    with pytest.raises(EditError, match="is not in"):
        replace_once("a.py", "  a\n", "      a\n", "  b\n")


def test_uneven_indentation_is_not_guessed_at() -> None:
    with pytest.raises(EditError, match="nearest lines"):
        replace_once("a.py", FILE, "for item in self.items:\nresult += item.price\n", "pass\n")


def test_spaces_for_tabs_and_tabs_for_spaces() -> None:
    tabs = "def f():\n\tif x:\n\t\treturn 1\n"
    after = replace_once(
        "a.py",
        tabs,
        "    if x:\n        return 1\n",
        "    if x:\n        if y:\n            return 2\n",
    )
    assert after == "def f():\n\tif x:\n\t\tif y:\n\t\t\treturn 2\n"
    spaces = "def f():\n  if x:\n    return 1\n"
    after = replace_once(
        "a.py", spaces, "\tif x:\n\t\treturn 1\n", "\tif x:\n\t\tif y:\n\t\t\treturn 2\n"
    )
    assert after == "def f():\n  if x:\n    if y:\n      return 2\n"


def test_blank_lines_at_the_edges() -> None:
    assert replace_once("a.py", "a\nb\nc\n", "\nb\n\n", "\nB\n\n") == "a\nB\nc\n"
    assert replace_once("a.py", "a\nb\nc\n", "\nb\n", "\n\nB\n") == "a\n\nB\nc\n"


@pytest.mark.parametrize("gutter", ["{:>4}| ", "{:>6}\t", "{}:", "{} | "])
def test_a_gutter_of_line_numbers(gutter: str) -> None:
    search = "".join(f"{gutter.format(n)}{line}\n" for n, line in enumerate("ab", start=2))
    replace = f"{gutter.format(2)}a\n{gutter.format(3)}B\nnew\n"
    assert replace_once("a.py", "x\na\nb\ny\n", search, replace) == "x\na\nB\nnew\ny\n"


def test_a_gutter_only_in_the_replacement() -> None:
    assert replace_once("a.py", "a\nb\n", "b\n", "2 | B\n") == "a\nB\n"


def test_text_that_looks_like_a_gutter_is_kept_where_the_file_has_it() -> None:
    assert replace_once("a.txt", "1 | a\n2 | b\n", "2 | b\n", "2 | B\n") == "1 | a\n2 | B\n"
    assert replace_once("a.py", "d = {\n1: 2,\n}\n", "1: 2,\n", "1: 3,\n") == "d = {\n1: 3,\n}\n"


def test_ambiguous_lines_are_counted_and_placed() -> None:
    with pytest.raises(EditError, match=r"occurs 2 times in a.py \(at lines 1, 3\)"):
        replace_once("a.py", "x\ny\nx\n", "x\n", "z\n")
    with pytest.raises(EditError, match="occurs 2 times"):
        replace_once("a.py", "  x\n    x\n", "x\n", "z\n")


def test_an_exact_place_wins_over_similar_ones() -> None:
    assert replace_once("a.py", "  x\nx\nx \n", "x\n", "z\n") == "  x\nz\nx \n"


def test_nearest_lines_are_shown_verbatim() -> None:
    search = "        for item in items:\n            result += item.price\n"
    with pytest.raises(EditError) as caught:
        replace_once("a.py", FILE, search, "pass\n")
    shown = str(caught.value).split("\n")[1:]
    assert "        for item in self.items:" in shown
    assert "            result += item.price" in shown
    assert all(line in FILE.split("\n") for line in shown)


def test_nearest_lines_without_any_equal_line() -> None:
    with pytest.raises(EditError, match=r"\n        return len\(self.items\)"):
        replace_once("a.py", FILE, "return len(self.item)\n", "pass\n")


def test_at_most_twelve_lines_are_shown() -> None:
    text = "".join(f"line {n}\n" for n in range(100))
    search = "".join(f"line {n}\n" for n in range(20, 60)) + "other\n"
    with pytest.raises(EditError) as caught:
        replace_once("a.py", text, search, "x\n")
    assert len(str(caught.value).split("\n")) == MAX_SHOWN + 1


def test_nothing_like_it() -> None:
    with pytest.raises(EditError, match="copy the lines to replace exactly"):
        replace_once("a.py", FILE, "zzzzqqqq\n", "x\n")
    with pytest.raises(EditError, match="is not in"):
        replace_once("a.py", "", "zzzz\n", "x\n")


def test_an_edit_made_before_is_recognised() -> None:
    with pytest.raises(EditError, match="already contains the REPLACE text"):
        replace_once("a.py", FILE, "return len(items)\n", "        return len(self.items)\n")


def test_an_empty_search_is_refused() -> None:
    with pytest.raises(EditError, match="is empty"):
        replace_once("a.py", FILE, " \n", "x\n")
