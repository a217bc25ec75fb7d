"""Showing each event once, although a node that waited for its user runs again from its start."""

from greenloop.checkpoints.events import Listener
from greenloop.state import Event


class Once:
    """Passes events on to a listener, but for those that a node repeats.

    A node that runs again meets what it met before, in the same order, from its journal.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._node = (-1, "")
        self._shown: list[tuple[str, str, str]] = []
        """Of the node at work, in order."""
        self._repeats: list[tuple[str, str, str]] = []
        """What it has still to repeat."""

    def __call__(self, event: Event) -> None:
        """Hear of one event."""
        if event.kind == "started":
            again = (event.step, event.node) == self._node
            self._node = (event.step, event.node)
            self._repeats, self._shown = (self._shown if again else []), []
        if (
            (event.step, event.node) != self._node
            or event.kind == "text"
            or not self._is_repeated(event)
        ):
            self._listener(event)

    def _is_repeated(self, event: Event) -> bool:
        key = (event.kind, event.text, event.ref)
        if self._repeats and event.kind == "note" and key not in self._repeats:
            return True  # that a reply is not asked for again: the user has seen it come
        self._shown.append(key)
        if self._repeats and key == self._repeats[0]:
            del self._repeats[0]
            return True
        self._repeats = []
        return False
