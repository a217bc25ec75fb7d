"""Characters to a token, learned from what the server counts: every tokenizer has its own.

A guess that is too high lets a prompt be cut, one that is too low only wastes room; so what is
learned errs to the low side.
"""

LEAST, MOST = 2.0, 5.0
"""Bounds of what is believed; code and prose of current tokenizers lie between."""
_TELLING_TOKENS = 500
"""In shorter prompts the words that a chat template adds weigh too much."""
_MARGIN = 0.97
"""Of what was seen: the next prompt may be a little denser."""
_RISE = 0.125
"""Part of the way up to a higher value; down it goes at once."""


class Ratio:
    """Characters to a token of one model; near the lowest that was lately seen."""

    def __init__(self, start: float) -> None:
        self._value = min(MOST, max(LEAST, start))

    @property
    def value(self) -> float:
        """Characters to a token, rather too few."""
        return self._value

    def learn(self, chars: int, tokens: int) -> None:
        """Take in a prompt of so many characters that the server counted as so many tokens.

        Short prompts and counts too low to be of the whole prompt (some servers count only what
        they did not know yet) teach nothing.
        """
        if tokens < _TELLING_TOKENS or chars > tokens * MOST:
            return
        seen = max(LEAST, chars / tokens * _MARGIN)
        if seen < self._value:
            self._value = seen
        else:
            self._value += (seen - self._value) * _RISE
