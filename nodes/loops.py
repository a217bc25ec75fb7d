"""Noticing that a coder goes round in circles: what it repeats, within a step and over rounds."""

import hashlib
from collections.abc import Iterable, Sequence

from greenloop.tools.edits import Edit
from greenloop.tools.lookups import Lookup

_REMEMBERED = 40
"""Fingerprints kept over rounds."""
_DIGITS = 16
"""Hexadecimal digits of a fingerprint of text; 64 bits."""

SAME_REPLY = "You sent this reply before, word for word, and it did not help."
SAME_LOOK = "You have seen this already, further above."
SAME_EDIT = "You sent this edit before and it was refused then too."
SAME_REJECTED = "The user has rejected this very change before."
SAME_TREE = "This edit brings the files back to a state that was tested before and was not good."
_NAMES = {
    SAME_REPLY: "a reply",
    SAME_LOOK: "a look",
    SAME_EDIT: "a refused edit",
    SAME_REJECTED: "a change that the user rejected",
    SAME_TREE: "a state of the files",
}
ELSE = "Do something else: another place, another cause, or a smaller edit."


def named(what: str) -> str:
    """What is repeated, for a person, from the words for the model."""
    return next((name for words, name in _NAMES.items() if what.startswith(words)), "itself")


class Watch:
    """What was said, seen and tried so far.

    Args:
        tried: fingerprints from the rounds before, of trees and of refused edits.
    """

    def __init__(self, tried: Iterable[str] = ()) -> None:
        self._tried = list(tried)
        self._said: set[str] = set()
        self._seen: set[Lookup] = set()

    @property
    def tried(self) -> tuple[str, ...]:
        """To be kept for the next round; the oldest are forgotten."""
        return tuple(self._tried[-_REMEMBERED:])

    def same_reply(self, text: str) -> bool:
        """Whether this step had the very same reply; blanks aside. Notes it."""
        key = " ".join(text.split())
        again = key in self._said
        self._said.add(key)
        return again

    def same_look(self, lookups: Sequence[Lookup]) -> bool:
        """Whether all of it has been shown in this step. Notes it."""
        again = set(lookups) <= self._seen
        self._seen.update(lookups)
        return again

    def same_edit(self, refused: Sequence[Edit]) -> bool:
        """Whether these edits were refused before, in this round or another. Notes it."""
        return self._again(hashlib.sha256(repr(refused).encode()).hexdigest()[:_DIGITS])

    def note_rejected(self, change: str) -> None:
        """Note a change that the user rejected, by its fingerprint."""
        self._again(change)

    def had(self, fingerprint: str) -> bool:
        """Whether this change was rejected, or this tree tested, in this round or another."""
        return fingerprint in self._tried

    def same_tree(self, tree: str) -> bool:
        """Whether the files were tested in this state before. Notes it."""
        return self._again(tree)

    def _again(self, key: str) -> bool:
        again = key in self._tried
        if not again:
            self._tried.append(key)
        return again
