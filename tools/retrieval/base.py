"""The retriever protocol: a question in words or identifiers, chunks of code as the answer."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file that stands by itself: a function, a class head, a section."""

    path: str
    """Relative to the workspace, with forward slashes."""
    start: int
    """First line, counted from 1."""
    end: int
    """Last line, inclusive."""
    name: str
    """Qualified name, for example `Cart.total`; empty for a file's remainder."""
    text: str
    """The exact lines."""

    @property
    def key(self) -> str:
        """Identity within one index."""
        return f"{self.path}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a question; a larger score is better, comparable in one answer only."""

    chunk: Chunk
    score: float


class Retriever(Protocol):
    """Finds chunks. All implementations are safe to close and reopen at any time."""

    name: str

    def refresh(self) -> int:
        """Bring the index up to date with the files; returns how many files were read anew."""
        ...

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The k best chunks, best first; an empty list for an empty query or index."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
