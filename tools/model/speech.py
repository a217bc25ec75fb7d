"""A reply as it comes, without the thoughts that a reasoning model writes before it."""

from greenloop.tools.model.base import OnText

_THINK, _THOUGHT = "<think>", "</think>"


class Speech:
    """The words of a reply as they come, without the thoughts that it may begin with."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self._said: list[str] = []
        self._held: str | None = ""
        """What may be the beginning of thoughts, or is among them; None once words came."""
        self.thought = False

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(self._said)

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet."""
        return not self._said

    @property
    def thinking(self) -> int:
        """Characters of the thoughts that go on; 0 when none do."""
        return len(self._held) if self.thought and self._held else 0

    def hear(self, piece: str) -> str:
        """Take the next piece; what of it was said."""
        if self._held is not None:
            piece = self._past_thoughts(self._held + piece)
        if piece:
            self._said.append(piece)
            if self._on_text is not None:
                self._on_text(piece)
        return piece

    def finish(self) -> None:
        """Say what was held back in case it became a thought."""
        if self._held and not self.thought:
            held, self._held = self._held, None
            self.hear(held)

    def _past_thoughts(self, held: str) -> str:
        """The words in what was held; empty while there are none."""
        self._held = held
        if not self.thought:
            start = held.lstrip()
            if not start.startswith(_THINK):
                if _THINK.startswith(start):
                    return ""
                self._held = None
                return held
            self.thought = True
        _, closed, words = held.partition(_THOUGHT)
        if not closed or not words.strip():
            return ""
        self._held = None
        return words.lstrip()
