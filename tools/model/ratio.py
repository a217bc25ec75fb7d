"""Characters to a token, learned from what the server counts: every tokenizer has its own.

A guess that is too high lets a prompt be cut, one that is too low only wastes room; so what is
learned errs to the low side. Only ASCII is learned: of other scripts each character counts as a
token, or as several, and no vocabulary of today's needs more for living scripts.
"""

import math

LEAST, MOST = 1.0, 5.0
"""Bounds of what is believed; code and prose of current tokenizers lie between."""
_RARE = 3
"""Tokens of a character beyond the basic plane, such as an emoji: it is four bytes of UTF-8."""
_FEWEST_FOREIGN = 0.5
"""Tokens of a character of another script at the least, in vocabularies made for that script."""
_TELLING_TOKENS = 500
"""In shorter prompts the words that a chat template adds weigh too much."""
_MARGIN = 0.97
"""Of what was seen: the next prompt may be a little denser."""
_RISE = 0.125
"""Part of the way up to a higher value; down it goes at once."""
_LITTLE = 0.125
"""Part of a prompt's tokens; with more of other scripts in it than that, it only lowers."""


def estimate(text: str, chars_per_token: float) -> int:
    """Tokens of a text, rather too many.

    Args:
        text: in any script.
        chars_per_token: of its ASCII.
    """
    plain, foreign = _parts(text)
    return math.ceil(plain / chars_per_token) + foreign


def fewest(text: str) -> int:
    """Tokens of a text at the least: no tokenizer of today's makes fewer."""
    plain = len(text.encode("ascii", "ignore"))
    return int(plain / MOST + (len(text) - plain) * _FEWEST_FOREIGN)


def _parts(text: str) -> tuple[int, int]:
    """Characters of ASCII, and tokens of the others."""
    if text.isascii():
        return len(text), 0
    plain = len(text.encode("ascii", "ignore"))
    rare = len(text.encode("utf-16-le", "surrogatepass")) // 2 - len(text)
    return plain, len(text) - plain + rare * (_RARE - 1)


class Ratio:
    """ASCII characters to a token of one model; near the lowest that was lately seen."""

    def __init__(self, start: float) -> None:
        self._value = min(MOST, max(LEAST, start))

    @property
    def value(self) -> float:
        """Characters to a token, rather too few."""
        return self._value

    def tokens(self, text: str) -> int:
        """Tokens of a text, rather too many."""
        return estimate(text, self._value)

    def learn(self, text: str, tokens: int) -> None:
        """Take in a prompt that the server counted as so many tokens.

        Short prompts and counts too low to be of the whole prompt (some servers count only what
        they did not know yet) teach nothing.
        """
        plain, foreign = _parts(text)
        left = tokens - foreign
        if left < _TELLING_TOKENS or plain > left * MOST:
            return
        seen = max(LEAST, plain / left * _MARGIN)
        if seen < self._value:
            self._value = seen
        elif foreign <= tokens * _LITTLE:
            self._value += (seen - self._value) * _RISE
