"""A prompt's parts in the room there is: nothing is cut in silence, nothing is too large."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenloop.errors import ContextError
from greenloop.nodes.fitting import Part, fit, trim


def count(text: str) -> int:
    return -(-len(text) // 3)


def lines(number: int, first: int = 1) -> str:
    return "\n".join(f"line {n}" for n in range(first, first + number))


def test_what_fits_stays_as_it_is() -> None:
    parts = (Part("a", "one"), Part("b", "two"), Part("a", "three"), Part("c", ""))
    fitted = fit(parts, 100, count)
    assert fitted.slots == {"a": "one\n\nthree", "b": "two", "c": ""}
    assert fitted.untouched == parts


def test_the_least_important_gives_way_first() -> None:
    parts = (Part("a", lines(30), priority=2), Part("b", lines(60), priority=1))
    fitted = fit(parts, count(lines(30)) + 100, count)
    assert fitted.slots["a"] == lines(30)
    assert len(fitted.slots["b"]) < len(lines(60))
    assert fitted.untouched == parts[:1]


def test_a_shortened_file_says_which_lines_to_read() -> None:
    part = Part(
        "f", lines(100, 11), path="src/a.py", first=11, before="src/a.py\n```\n", after="\n```"
    )
    shown = trim(part, 80, count)
    assert count(shown) <= 80
    assert shown.startswith("src/a.py\n```\nline 11\n")
    assert shown.endswith("\nline 110\n```")
    mark = re.search(
        r"^\.\.\. (\d+) lines left out; READ src/a\.py:(\d+)-(\d+) to see them \.\.\.$", shown, re.M
    )
    assert mark is not None
    gone, first, last = map(int, mark.groups())
    assert last - first + 1 == gone
    assert f"line {first - 1}\n..." in shown
    assert f"...\nline {last + 1}\n" in shown


def test_the_beginning_alone_can_be_kept() -> None:
    shown = trim(Part("f", lines(100), path="a.py", ends=False), 40, count)
    assert shown.startswith("line 1\nline 2\n")
    assert shown.endswith("-100 to see them ...")


def test_a_line_longer_than_the_room_is_cut_with_a_mark() -> None:
    shown = trim(Part("f", "x" * 500_000), 60, count)
    assert count(shown) <= 60
    assert re.fullmatch(r"x+ \.\.\. \d+ characters left out \.\.\. x+", shown)


def test_a_part_that_may_go_is_named_where_it_stood() -> None:
    parts = tuple(
        Part("files", lines(50), priority=n, path=f"src/{n}.py", least=100 * (n == 2))
        for n in range(3)
    )
    fitted = fit(parts, 150, count)
    assert fitted.slots["files"].endswith("(left out: src/1.py, src/0.py; READ shows a file)")
    assert count(fitted.slots["files"]) <= 150


def test_many_long_names_are_counted_instead() -> None:
    parts = tuple(Part("files", lines(50), path=f"{'deep/' * 60}{n}.py") for n in range(9))
    assert fit(parts, 60, count).slots["files"] == "(9 files left out; LIST and READ show them)"


def test_what_must_stay_and_does_not_fit_is_an_error_with_a_cure() -> None:
    with pytest.raises(ContextError, match=r"raise num_ctx") as raised:
        fit((Part("a", "x" * 900, least=200),), 100, count)
    assert "\n" not in str(raised.value)


PARTS = st.builds(
    Part,
    slot=st.sampled_from(["a", "b"]),
    text=st.one_of(
        st.text(max_size=400),
        st.integers(1, 300).map(lines),
        st.integers(1, 3000).map("y".__mul__),
    ),
    priority=st.integers(0, 3),
    least=st.integers(0, 60),
    path=st.sampled_from(["", "src/a.py"]),
    before=st.sampled_from(["", "```\n"]),
    ends=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, max_size=5), st.integers(0, 1500))
def test_whatever_the_parts_they_fit_or_it_is_an_error(parts: list[Part], room: int) -> None:
    try:
        fitted = fit(parts, room, count)
    except ContextError:
        floor = sum(min(count(part.whole), part.least) for part in parts)
        assert room < floor + 45 * len(parts) + 40, "there was room enough for all that must stay"
        return
    shown = "\n\n".join(fitted.slots.values())
    assert sum(count(text) for text in fitted.slots.values()) <= room
    for part in parts:
        if part.text and part not in fitted.untouched:
            assert "left out" in shown
