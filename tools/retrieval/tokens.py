"""Words for keyword search: identifiers split into their parts and lightly stemmed."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["STOP_WORDS", "tokens"]

_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*")
_LOWER, _UPPER = "a-zß-öø-ÿ", "A-ZÀ-ÖØ-Þ"
_PART = re.compile(
    rf"[{_UPPER}]+(?![{_LOWER}])|[{_UPPER}]?[{_LOWER}]+|\d+|[^\W\d_{_LOWER}{_UPPER}]+"
)
_LONGEST = 64
"""Characters kept of a token: beyond it stands data, not a word."""


def tokens(text: str) -> list[str]:
    """Tokens in order: each part of each identifier, and a compound identifier also as a whole.

    Documents and questions must both go through here. `parseHTTPHeader_v2` gives `pars`, `http`,
    `head`, `v`, `2` and `parsehttpheaderv2`. Words are compatibility-composed (Unicode NFKC) and
    folded in case. Every token consists of letters and digits only.
    """
    return [token[:_LONGEST] for word in _WORD.findall(_plain(text)) for token in _split(word)]


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _split(word: str) -> Iterator[str]:
    parts = _PART.findall(word)
    for part in parts:
        yield stem(part.casefold())
    if len(parts) > 1:
        yield word.replace("_", "").casefold()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A common beginning for the forms of an English word: `removes`, `removing`, `remove`.

    A few suffix rules after Harman's S-stemmer (1991) and Porter's steps 1b and 4 (1980); wrong
    stems do little harm as they are wrong in the same way on both sides.
    """
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    word = _singular(word)
    for suffix, shortest in (("ing", 3), ("ed", 3), ("er", 3), ("or", 4)):
        rest = word.removesuffix(suffix)
        if rest != word and len(rest) >= shortest and re.search("[aeiouy]", rest):
            word = rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest
            break
    else:
        if word.endswith(("tion", "sion")) and len(word) > 6:
            word = word[:-3]
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return f"{word[:-1]}i" if word.endswith("y") else word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


_FUNCTION_WORDS = """
a an and are as at be but by can do does for from has have how i if in into is it its me my not of
on or our should so that the their them then there these they this to was we were what when where
which who why will with would you your
"""

STOP_WORDS = frozenset(stem(word) for word in _FUNCTION_WORDS.split())
"""English function words as tokens; in a question they say nothing about code."""
