"""Our tables in a PostgreSQL database: made, brought up to date, and looked over for damage."""

import secrets
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.databases.postgres_saver import in_turn, table_exists
from greenloop.checkpoints.databases.schema import POSTGRES_TYPES, SCHEMA_VERSION, steps_from
from greenloop.errors import UserError

if TYPE_CHECKING:
    import psycopg

VERSION_TABLE = "greenloop_schema"
OURS = ("threads", "events", "journal", "blobs", "packs")
LANGGRAPHS = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
TABLES = (*OURS, *LANGGRAPHS)


def prepare(connection: "psycopg.Connection[Any]", place: str) -> str:
    """Make the tables or bring them up to date, all steps or none; returns the database's own id.

    Raises:
        UserError: a newer greenloop made them, or tables of these names are somebody else's.
        StorageError: another process does not come to an end with it.
        psycopg.Error: the server fails.
    """
    found = _version(connection)
    if found is None or found[0] < SCHEMA_VERSION:
        with in_turn(connection):
            found = _version(connection) or (0, secrets.token_hex(8))
            if found[0] < SCHEMA_VERSION:
                _migrate(connection, place, *found)
    if found[0] > SCHEMA_VERSION:
        raise UserError(
            f"the database {place} was written by a newer greenloop (format {found[0]}, "
            f"this one knows {SCHEMA_VERSION}): update greenloop, or set another store"
        )
    return found[1]


def _version(connection: "psycopg.Connection[Any]") -> tuple[int, str] | None:
    if not table_exists(connection, VERSION_TABLE):
        return None
    row = connection.execute(f"SELECT version, id FROM {VERSION_TABLE}".encode()).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def _migrate(connection: "psycopg.Connection[Any]", place: str, version: int, name: str) -> None:
    foreign = [table for table in OURS if version == 0 and table_exists(connection, table)]
    if foreign:
        raise UserError(
            f"the database {place} has a table {foreign[0]!r} of another program: "
            "create a database for greenloop alone (createdb)"
        )
    with connection.transaction():
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} "
            "(version INTEGER NOT NULL, id TEXT NOT NULL)".encode()
        )
        for step in steps_from(version, POSTGRES_TYPES):
            for statement in step:
                connection.execute(statement.encode())
        connection.execute(f"DELETE FROM {VERSION_TABLE}".encode())
        connection.execute(
            f"INSERT INTO {VERSION_TABLE} VALUES (%s, %s)".encode(), (SCHEMA_VERSION, name)
        )


def find_damage(connection: "psycopg.Connection[Any]") -> str:
    """The first damage that shows, in one line; empty when none does.

    Every row of every table is read whole, and every index must be valid. Where the extension
    `amcheck` is there and may be used, it also compares indexes with their tables. What the
    server's disk changed inside a value shows only if the cluster has data checksums.

    Raises:
        psycopg.Error: a row cannot be read.
    """
    present = [table for table in TABLES if table_exists(connection, table)]
    missing = [table for table in OURS if table not in present]
    if missing:
        return f"the table {missing[0]} is missing"
    for table in present:
        # The text of a row takes all of its columns, those stored out of line too.
        connection.execute(f"SELECT sum(length(t::text)) FROM {table} AS t".encode())
    indexes = _indexes(connection, present)
    broken = [name for name, valid in indexes if not valid]
    if broken:
        return f"the index {broken[0]} is not valid: REINDEX INDEX {broken[0]} mends it"
    check = _amcheck(connection)
    for name, _ in indexes if check else ():
        connection.execute(f"SELECT {check}(%s::regclass, true)".encode(), (name,))
    return ""


def _indexes(connection: "psycopg.Connection[Any]", tables: list[str]) -> list[tuple[str, bool]]:
    rows = connection.execute(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index "
        "WHERE indrelid = ANY(%s::regclass[]) ORDER BY 1",
        (tables,),
    ).fetchall()
    return [(str(name), bool(valid)) for name, valid in rows]


def _amcheck(connection: "psycopg.Connection[Any]") -> str:
    """The function that compares an index with its table; empty when it cannot be used."""
    row = connection.execute(
        "SELECT p.oid::regproc::text FROM pg_extension e "
        "JOIN pg_proc p ON p.pronamespace = e.extnamespace AND p.proname = 'bt_index_check' "
        "WHERE e.extname = 'amcheck' AND p.pronargs = 2 "
        "AND has_function_privilege(p.oid, 'EXECUTE')"
    ).fetchone()
    return "" if row is None else str(row[0])
