import pytest

from greenloop.tools.text import clip, printable

LINES = "\n".join(f"line {n}" for n in range(1, 101))


def test_short_text_is_not_clipped() -> None:
    assert clip("a\nb\n", 4) == "a\nb\n"


def test_clip_keeps_head_and_tail_and_counts_the_rest() -> None:
    clipped = clip(LINES, 200)
    kept = clipped.split("\n")
    at = next(i for i, line in enumerate(kept) if line.startswith("..."))
    assert kept[0] == "line 1"
    assert kept[-1] == "line 100"
    assert kept[at] == f"... {100 - (len(kept) - 1)} lines left out ..."
    assert kept[:at] + kept[at + 1 :] == [line for line in LINES.split("\n") if line in set(kept)]


@pytest.mark.parametrize("limit", [0, 1, 5, 30, 31, 60, 200, 500, 890])
def test_clip_never_exceeds_its_limit(limit: int) -> None:
    for text in (LINES, "x" * 1000, "x" * 1000 + "\nend", "start\n" + "y" * 1000):
        assert len(clip(text, limit)) <= limit


def test_clip_cuts_through_a_line_that_does_not_fit() -> None:
    clipped = clip("a" * 100 + "b" * 100, 21)
    assert clipped == "a" * 10 + "…" + "b" * 10


def test_clip_uses_the_given_mark() -> None:
    assert clip(LINES, 40, "[{n} more]") == "line 1\nline 2\n[97 more]\nline 100"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("\x1b(Bascii", "ascii"),
        ("cut \x1b[31", "cut \\x1b[31"),
        ("bell\x07 nul\x00 del\x7f", "bell\\x07 nul\\x00 del\\x7f"),
        ("c1\x85", "c1\\x85"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("line\u2028sep", "line\\u2028sep"),
        ("dos\r\nend\rover", "dos\nend\\x0dover"),
        ("Grüße, 世界 🙂 é", "Grüße, 世界 🙂 é"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_printable_can_always_be_encoded() -> None:
    everything = "".join(map(chr, range(0x11000)))
    assert printable(everything).encode("utf-8")
    assert not any(ord(char) < 0x20 and char not in "\n\t" for char in printable(everything))
