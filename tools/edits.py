"""The edits that a model's reply can ask for, as records."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchReplace:
    """Replace some lines of a file; an empty `search` adds to the end or makes the file."""

    path: str
    """As the model wrote it; empty where it named none, and `search` must then find the file."""
    search: str
    """Whole lines, each with its `\\n`."""
    replace: str


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The complete new text of a file."""

    path: str
    text: str


Edit = SearchReplace | WholeFile
