"""The tokenizer that documents and questions share."""

import pytest

from greenloop.tools.retrieval.tokens import STOP_WORDS, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drop_entry", ["drop", "entri", "dropentry"]),
        ("dropEntry", ["drop", "entri", "dropentry"]),
        ("parseHTTPHeader_v2", ["pars", "http", "head", "v", "2", "parsehttpheaderv2"]),
        ("__init__", ["init"]),
        ("sha256", ["sha", "256", "sha256"]),
        ("MAX_SIZE", ["max", "siz", "maxsize"]),
        ("größeMessen", ["grösse", "messen", "grössemessen"]),
        ("ﬁle", ["fil"]),
        ("日本語 текст", ["日本語", "текст"]),
        ("a+b == 'c'", ["a", "b", "c"]),
        ("\ud800 🛒 \0", []),
        ("", []),
    ],
)
def test_identifiers_are_split_and_kept_whole(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    "forms",
    [
        ["remove", "removes", "removed", "removing", "remover"],
        ["parse", "parser", "parsing", "parses"],
        ["entry", "entries"],
        ["class", "classes"],
        ["match", "matches", "matched"],
        ["run", "running", "runner"],
        ["validate", "validation"],
        ["connect", "connection", "connected", "connector"],
    ],
)
def test_forms_of_a_word_share_their_stem(forms: list[str]) -> None:
    assert len({tuple(tokens(form)) for form in forms}) == 1


@pytest.mark.parametrize(("one", "other"), [("string", "stred"), ("bus", "bu"), ("this", "thi")])
def test_short_words_are_left_alone(one: str, other: str) -> None:
    assert tokens(one) != tokens(other)


def test_stop_words_are_in_the_form_of_tokens() -> None:
    assert set(tokens("There these have of the WERE")) <= STOP_WORDS


def test_tokens_are_bounded() -> None:
    assert [len(token) for token in tokens("x" * 10_000)] == [64]
