"""What the search tries: byte-exact splices in one file, and how likely each is before a test."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Splice:
    """Bytes `start` to `end` of a file give way to `text`; equal offsets insert."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One candidate: a small change of one file."""

    path: str
    """Relative to the workspace, with forward slashes."""
    splices: tuple[Splice, ...]
    """In order, not overlapping."""
    operator: str
    """The family that made it, in words."""
    prior: float
    """How often such a change is the right one, between 0 and 1; only the order counts."""
    line: int
    """First line of the place, from 1."""

    def apply(self, data: bytes) -> bytes:
        """The file's bytes after the change."""
        for splice in sorted(self.splices, key=lambda s: (s.start, s.end), reverse=True):
            data = data[: splice.start] + splice.text.encode() + data[splice.end :]
        return data
