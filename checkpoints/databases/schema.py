"""The tables, as the steps that lead from each version of them to the next.

Steps are never edited, only added. They are written for SQLite and PostgreSQL alike: words in
braces are the types that each calls its own way.
"""

from collections.abc import Mapping

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS threads (
            thread TEXT PRIMARY KEY,
            repo TEXT NOT NULL,
            task TEXT NOT NULL,
            model TEXT NOT NULL,
            test_cmd TEXT NOT NULL,
            settings TEXT NOT NULL,
            status TEXT NOT NULL,
            base_tree TEXT NOT NULL,
            graph_version INTEGER NOT NULL,
            state_version INTEGER NOT NULL,
            created {real} NOT NULL,
            updated {real} NOT NULL
        )""",
        """CREATE TABLE IF NOT EXISTS events (
            thread TEXT NOT NULL,
            step INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            node TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            sender TEXT NOT NULL,
            receiver TEXT NOT NULL,
            ref TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            at {real} NOT NULL,
            PRIMARY KEY (thread, step, seq)
        ) {keyed}""",
    ),
    (
        "ALTER TABLE events ADD COLUMN tree TEXT NOT NULL DEFAULT ''",
        "UPDATE events SET tree = text, text = '' WHERE kind IN ('finished', 'undo')",
        "ALTER TABLE threads ADD COLUMN store TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE threads ADD COLUMN parent TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE threads ADD COLUMN parent_step INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE journal (
            thread TEXT NOT NULL,
            step INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            request TEXT NOT NULL,
            ref TEXT NOT NULL,
            PRIMARY KEY (thread, step, ordinal)
        ) {keyed}""",
        """CREATE TABLE blobs (
            ref TEXT PRIMARY KEY,
            data {bytes} NOT NULL,
            at {real} NOT NULL DEFAULT 0
        )""",
        """CREATE TABLE packs (
            store TEXT NOT NULL,
            number INTEGER NOT NULL,
            part INTEGER NOT NULL,
            data {bytes} NOT NULL,
            PRIMARY KEY (store, number, part)
        )""",
    ),
)
"""Step i leads from version i to version i + 1; version 0 is an empty database."""

SCHEMA_VERSION = len(MIGRATIONS)

SQLITE_TYPES = {"real": "REAL", "bytes": "BLOB", "keyed": "WITHOUT ROWID"}
POSTGRES_TYPES = {"real": "DOUBLE PRECISION", "bytes": "BYTEA", "keyed": ""}


def steps_from(version: int, types: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The statements of each step that is still to be made, in a dialect's own types."""
    return [tuple(statement.format(**types) for statement in step) for step in MIGRATIONS[version:]]
