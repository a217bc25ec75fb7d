"""The edits that a model's reply can ask for, as records."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchReplace:
    """Replace some lines of a file; an empty `search` makes a new file."""

    path: str
    """As the model wrote it; empty where it named none, and `search` must then find the file."""
    search: str
    """Whole lines, each with its `\\n`; any text where `inline` is set."""
    replace: str
    inline: bool = False
    """`search` is a piece of text that may begin and end within a line."""
    every: bool = False
    """Replace each occurrence; only where `inline` is set."""
    others: tuple[tuple[str, str], ...] = ()
    """Other readings of the same words (search, replace), tried where `search` is nowhere."""


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The complete new text of a file."""

    path: str
    text: str


Edit = SearchReplace | WholeFile
