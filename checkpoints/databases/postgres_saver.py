"""LangGraph's checkpointer for PostgreSQL, with no text of ours in the clear or refused."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.cipher import Cipher
from greenloop.checkpoints.databases.saver import numbered, serde
from greenloop.errors import StorageError

if TYPE_CHECKING:
    import psycopg
    from langgraph.checkpoint.base import BaseCheckpointSaver

_TURN_S = 60.0
"""How long to wait while another process makes or changes the tables."""
_TURN = 0x677265656E6C6F6F
"""Key of the lock for that: the bytes of `greenloo`."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text on its way into a checkpoint."""

    value: str


@cache
def _sealing(saver: type[Any]) -> Any:
    """The saver's class, but one that passes texts through the codec too.

    It writes them into a JSON column otherwise: in the clear whatever the cipher, and refused
    by the server when they hold a NUL.
    """

    class Sealing(saver):  # type: ignore[misc]
        """Keeps texts where it keeps records."""

        def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            values = {
                name: _Text(value) if isinstance(value, str) else value
                for name, value in checkpoint["channel_values"].items()
            }
            kept = {**checkpoint, "channel_values": values}
            return super().put(config, kept, metadata, new_versions)

        def _dump_blobs(self, thread: str, space: str, values: Any, versions: Any) -> Any:
            texts = {k: v.value if isinstance(v, _Text) else v for k, v in values.items()}
            return super()._dump_blobs(thread, space, texts, versions)

    return Sealing


def make_saver(connection: "psycopg.Connection[Any]", cipher: Cipher) -> "BaseCheckpointSaver[Any]":
    """A saver on the connection, whose rows must be dictionaries; its tables are made if needed."""
    from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415

    made = numbered(_sealing(PostgresSaver))(connection, serde=serde(cipher))
    saver: BaseCheckpointSaver[Any] = made
    if not _is_current(connection, made.MIGRATIONS):
        with in_turn(connection):
            made.setup()
    return saver


def _is_current(connection: "psycopg.Connection[Any]", migrations: list[str]) -> bool:
    if not table_exists(connection, "checkpoint_migrations"):
        return False
    row = connection.execute("SELECT max(v) AS last FROM checkpoint_migrations").fetchone()
    return row is not None and row["last"] == len(migrations) - 1


def table_exists(connection: "psycopg.Connection[Any]", name: str) -> bool:
    """Whether statements would find that table."""
    return bool(
        connection.execute(
            "SELECT FROM pg_class WHERE oid = to_regclass(%s) AND relkind IN ('r', 'p')", (name,)
        ).rowcount
    )


@contextmanager
def in_turn(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """One process at a time, for the making of tables.

    Asked again and again instead of waited for: LangGraph makes indexes CONCURRENTLY, which waits
    for every statement that is under way, such as one that waits for a lock (PostgreSQL manual,
    "Building Indexes Concurrently").

    Raises:
        StorageError: another process takes longer than a minute.
    """
    end = time.monotonic() + _TURN_S
    attempt = "SELECT FROM (SELECT pg_try_advisory_lock(%s) AS got) AS attempt WHERE got"
    while not connection.execute(attempt, (_TURN,)).rowcount:
        if time.monotonic() > end:
            raise StorageError(
                "another process is changing the database's tables and does not come to an end: "
                "stop it, then try again"
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_TURN,))
