"""An edit changes the bytes it means and no others."""

import codecs
from pathlib import Path

import pytest

from greenloop.errors import EditError
from greenloop.tools.encoding import decode, encode
from greenloop.tools.files import Workspace

UTF16 = codecs.BOM_UTF16_LE + "héllo word\r\nend\r\n".encode("utf-16-le")
UTF16_BIG = codecs.BOM_UTF16_BE + "héllo word\n".encode("utf-16-be")


@pytest.mark.parametrize(
    ("data", "encoding", "newline", "bom"),
    [
        (b"plain word\n", "utf-8", "\n", False),
        ("grüße word\n".encode(), "utf-8", "\n", False),
        (codecs.BOM_UTF8 + b"a word\n", "utf-8", "\n", True),
        (UTF16, "utf-16-le", "\r\n", True),
        (UTF16_BIG, "utf-16-be", "\n", True),
        ("caf\xe9 word\n".encode("latin-1"), "cp1252", "\n", False),
        (b"control \x81 word\n", "latin-1", "\n", False),
        ("# coding: koi8-r\n# привет word\n".encode("koi8-r"), "koi8-r", "\n", False),
        (b"dos word\r\nend\r\n", "utf-8", "\r\n", False),
        (b"old mac word\rend\r", "utf-8", "\r", False),
        (b"no word at end", "utf-8", "\n", False),
        (b"mixed\r\nword\nlone\rcr\r\nend", "utf-8", "\r\n", False),
        (b"\n\r\n\r word\r\n\n", "utf-8", "\n", False),
    ],
)
def test_one_word_edited_leaves_all_other_bytes(
    tmp_path: Path, data: bytes, encoding: str, newline: str, bom: bool
) -> None:
    path = tmp_path / "f.txt"
    path.write_bytes(data)
    workspace = Workspace(tmp_path)
    file = workspace.read("f.txt")
    assert (file.encoding, file.newline, file.bom) == (encoding, newline, bom)
    assert "\r" not in file.text
    workspace.edit("f.txt", "word", "term")
    coded = "utf-8" if encoding == "koi8-r" else encoding
    assert path.read_bytes() == data.replace("word".encode(coded), "term".encode(coded))


def test_writing_the_same_text_changes_no_byte(tmp_path: Path) -> None:
    data = b"a\r\nb\nc\r\r\nd\n\n\re"
    (tmp_path / "f.txt").write_bytes(data)
    workspace = Workspace(tmp_path)
    workspace.write("f.txt", workspace.read("f.txt").text)
    assert (tmp_path / "f.txt").read_bytes() == data


def test_new_lines_get_the_most_frequent_end(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(b"a\r\nb\r\nc\nd\n" + b"e\r\n")
    workspace = Workspace(tmp_path)
    workspace.write("f.txt", "new\na\nb\nc\nnew\nd\ne\nlast\n")
    expected = b"new\r\na\r\nb\r\nc\nnew\r\nd\ne\r\nlast\r\n"
    assert (tmp_path / "f.txt").read_bytes() == expected


def test_a_new_file_is_utf8_with_plain_newlines(tmp_path: Path) -> None:
    Workspace(tmp_path).write("f.txt", "grüße\r\nend")
    assert (tmp_path / "f.txt").read_bytes() == "grüße\nend".encode()


def test_a_character_the_encoding_lacks_is_refused(tmp_path: Path) -> None:
    data = "caf\xe9\n".encode("latin-1")
    (tmp_path / "f.txt").write_bytes(data)
    with pytest.raises(EditError, match=r"cp1252.*u2192"):
        Workspace(tmp_path).write("f.txt", "a → b\n")
    with pytest.raises(EditError, match="utf-8"):
        Workspace(tmp_path).write("new.txt", "\ud800")
    assert (tmp_path / "f.txt").read_bytes() == data


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"text\x00text",
        b"\xff\xfe\x00\x00a\x00\x00\x00",  # UTF-32
        codecs.BOM_UTF16_LE + b"odd",
        b"\xff\xd8\xff\xe0\x10JFIF\x01",
        codecs.BOM_UTF8 + b"\xff",
    ],
)
def test_binary(data: bytes) -> None:
    assert decode(data) is None


def test_an_unknown_or_false_declaration_is_passed_over() -> None:
    for name in (b"no-such-codec", b"hex", b"utf-8", b"utf-16"):
        form = decode(b"# -*- coding: " + name + b" -*-\ncaf\xe9\n")
        assert form is not None
        assert form.encoding == "cp1252"


@pytest.mark.parametrize("size", [0, 1, 2, 255])
def test_every_text_file_survives_the_round_trip(size: int) -> None:
    for data in (bytes(range(0x20, 0x20 + size % 200)), b"\r\n" * size, b"\xe9\r" * size):
        form = decode(data)
        assert form is not None
        assert encode(form.text, form) == data
