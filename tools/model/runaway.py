"""A reply that only repeats itself, noticed while it comes: small models do so to the end."""

REPEATS = 30
"""So many times the same is no answer; also where Ollama itself gives up on equal tokens."""
_LEAST_RUN = 600
"""Characters; rulers of dashes and rows of zeros are shorter."""
_BLANKS = 400
"""Characters of nothing but space; a grammar that allows space may never stop it."""
_LONGEST_PERIOD = 200
"""Characters of a sequence that is looked for; longer ones are found by their lines."""
_TAIL = REPEATS * _LONGEST_PERIOD + _LONGEST_PERIOD
_KEY = 24
"""Characters at the end whose last occurrence tells the period."""
_EVERY = 32
"""Characters between two looks."""


class Runaway:
    """Watches the text of a reply.

    What repeats itself in the prompt may do so in the reply, which often copies a file.
    """

    def __init__(self, prompt: str = "") -> None:
        self._prompt = prompt
        self._tail = ""
        self._unseen = 0
        self._blanks = 0
        self._line = ""
        """The line that is being written."""
        self._last = ""
        self._same = 0

    def hears(self, piece: str) -> str:
        """What repeats itself, now that this piece has come; empty while nothing does."""
        self._tail = (self._tail + piece)[-_TAIL:]
        self._unseen += len(piece)
        words = piece.rstrip()
        self._blanks = len(piece) - len(words) + (0 if words else self._blanks)
        if self._blanks >= _BLANKS:
            return "blanks"
        if self._repeats_lines(piece):
            return "the same line"
        if self._unseen >= _EVERY:
            self._unseen = 0
            if self._repeats_words():
                return "the same words"
        return ""

    def _repeats_lines(self, piece: str) -> bool:
        *ended, rest = (self._line + piece).split("\n")
        self._line = rest
        for line in map(str.rstrip, ended):
            if not line:
                continue
            self._same = self._same + 1 if line == self._last else 1
            self._last = line
            if self._same >= REPEATS and "\n".join([line] * REPEATS) not in self._prompt:
                return True
        return False

    def _repeats_words(self) -> bool:
        tail = self._tail
        if len(tail) < _LEAST_RUN:
            return False
        # In a text of period p, what stands at the end stands p characters before it too.
        before = tail.rfind(tail[-_KEY:], 0, len(tail) - 1)
        period = len(tail) - _KEY - before
        if before < 0 or period > _LONGEST_PERIOD:
            return False
        run = max(REPEATS * period, _LEAST_RUN)
        if len(tail) < run + period:
            return False
        repeated = tail[-run:]
        return repeated == tail[-run - period : -period] and repeated not in self._prompt
