"""Chunks: exact ranges, qualified names, and windows where there is no structure."""

import pytest

from greenloop.tools.retrieval.base import Chunk
from greenloop.tools.retrieval.chunks import chunk_file, document

MODULE = '''\
"""Carts."""

import os

LIMIT = 3


# Prices are in cents.
@cache
@other(
    1
)
def price(item):
    def inner():
        return 1
    return inner()


class Cart:
    """Holds items."""

    size: int = 0

    @property
    def total(self):
        return 0

    rate = 2

    class Line:
        async def load(self):
            pass


if LIMIT:
    def fallback():
        pass
else:
    fallback = None

MAIN = price
'''


def ranges(chunks: list[Chunk]) -> list[tuple[int, int, str]]:
    return [(c.start, c.end, c.name) for c in chunks]


def test_python_is_cut_along_its_syntax() -> None:
    assert ranges(chunk_file("cart.py", MODULE)) == [
        (1, 5, ""),
        (8, 16, "price"),
        (19, 22, "Cart"),
        (24, 26, "Cart.total"),
        (28, 28, "Cart"),
        (30, 30, "Cart.Line"),
        (31, 32, "Cart.Line.load"),
        (35, 35, ""),
        (36, 37, "fallback"),
        (38, 41, ""),
    ]


@pytest.mark.parametrize("path", ["cart.py", "cart.js", "cart.md"])
def test_every_line_that_is_not_blank_is_in_just_one_chunk(path: str) -> None:
    lines = MODULE.split("\n")
    chunks = chunk_file(path, MODULE)
    covered = [n for c in chunks for n in range(c.start, c.end + 1) if lines[n - 1].strip()]
    assert covered == [n for n, line in enumerate(lines, 1) if line.strip()]
    assert all(c.text == "\n".join(lines[c.start - 1 : c.end]) for c in chunks)


@pytest.mark.parametrize(
    "text",
    ["def f(:\n    pass\n", "x = '\0'\n", "(" * 5000, "def f():\n\tpass\n        pass\n"],
    ids=["syntax", "nul", "nested", "indent"],
)
def test_python_that_does_not_parse_becomes_windows(text: str) -> None:
    broken = text + "y = 1\n" * 100
    chunks = chunk_file("broken.py", broken)
    assert len(chunks) == 2
    assert {c.name for c in chunks} == {""}
    assert "\n".join(c.text for c in chunks) == broken.rstrip("\n")


def test_code_that_compiles_with_warnings_is_cut_like_any_other() -> None:
    assert ranges(chunk_file("old.py", 'def f():\n    return "\\d" is 1\n')) == [(1, 2, "f")]


def test_form_feeds_do_not_shift_lines() -> None:
    text = "a = 1\n\x0c\ndef f():\n    return '\x1c \u2028'\n"
    assert ranges(chunk_file("feed.py", text)) == [(1, 1, ""), (3, 4, "f")]


def test_long_functions_are_cut_into_even_windows() -> None:
    text = "def long():\n" + "    work()\n" * 120
    chunks = chunk_file("long.py", text)
    assert ranges(chunks) == [(1, 41, "long"), (42, 82, "long"), (83, 121, "long")]
    at_limit = "def long():\n" + "    work()\n" * 119
    assert ranges(chunk_file("long.py", at_limit)) == [(1, 120, "long")]


def test_markdown_is_cut_at_headings_outside_of_code() -> None:
    text = (
        "intro\n# Shop #\nwords\n## Install\n```sh\n# no heading\n```\n### Linux\nx\n"
        "## Use\ny\n#hashtag\n"
    )
    assert ranges(chunk_file("README.md", text)) == [
        (1, 1, ""),
        (2, 3, "Shop"),
        (4, 7, "Shop > Install"),
        (8, 9, "Shop > Install > Linux"),
        (10, 12, "Shop > Use"),
    ]


def test_other_text_is_cut_into_windows() -> None:
    chunks = chunk_file("data.txt", "line\n" * 130)
    assert ranges(chunks) == [(1, 44, ""), (45, 88, ""), (89, 130, "")]


@pytest.mark.parametrize("path", ["a.py", "a.md", "a.txt"])
@pytest.mark.parametrize("text", ["", "\n \n\t\n"])
def test_blank_files_have_no_chunks(path: str, text: str) -> None:
    assert chunk_file(path, text) == []


def test_document_names_place_signature_and_summary() -> None:
    text = '@cached\ndef price(\n    item,\n):\n    """Price in cents.\n\n    More.\n    """\n'
    chunk = Chunk("shop/money.py", 3, 10, "Till.price", text)
    head = ["shop/money.py", "Till.price", "def price(", "Price in cents."]
    assert document(chunk) == "\n".join([*head, text])


def test_document_repeats_nothing_that_the_text_begins_with() -> None:
    chunk = Chunk("a.py", 1, 2, "f", "def f():\n    return 1")
    assert document(chunk) == "a.py\nf\ndef f():\n    return 1"
    assert document(Chunk("a.txt", 1, 1, "", "word")) == "a.txt\nword"
