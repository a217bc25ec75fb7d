"""Where threads are kept: what every database can do, and errors in words that help.

Statements are written once, with `?` for values, in what SQLite and PostgreSQL have in common.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

Value = str | int | float | bytes | None
Row = tuple[Any, ...]


class Database(Protocol):
    """The tables of threads, events, journal, blobs and packs, and LangGraph's checkpoints."""

    @property
    def place(self) -> str:
        """Where it is, for people: without passwords."""
        ...

    def execute(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """Run one statement; outside of `transaction` it is one of its own. Rows, if any.

        Raises:
            StorageError: the disk is full, the database damaged, gone or not writable.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All statements of the block, or none of them; blocks do not nest.

        Raises:
            StorageError: see `execute`.
        """
        ...

    def saver(self) -> AbstractContextManager["BaseCheckpointSaver[Any]"]:
        """A checkpointer that decodes nothing but our records and numbers each checkpoint.

        It has a connection of its own: LangGraph writes checkpoints from another thread.

        Raises:
            StorageError: see `execute`.
        """
        ...

    def hold(self, name: str, busy: str, *, shared: bool = False) -> AbstractContextManager[None]:
        """Hold a name, such as a thread's, against every other process that uses this database.

        A process that dies lets go of it.

        Args:
            name: what is held.
            busy: words for whoever is refused.
            shared: together with others who hold it so.

        Raises:
            ThreadError: somebody else holds it; the message is `busy`.
        """
        ...

    def is_held(self, name: str) -> bool:
        """Whether a living process holds the name."""
        ...

    def size(self) -> int:
        """Bytes that it takes on the disk."""
        ...

    def checkpoint_bytes(self) -> Mapping[str, int]:
        """Bytes that the checkpoints of each thread hold.

        Raises:
            StorageError: see `execute`.
        """
        ...

    def compact(self) -> None:
        """Give the room of deleted rows back to the disk.

        Raises:
            StorageError: see `execute`.
        """
        ...

    def damage(self) -> str:
        """What an integrity check finds, in one line; empty when all is in order."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
