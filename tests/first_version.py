"""A data folder as the first version of greenloop left it, made of one of today."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from greenloop.checkpoints.blobs import BlobStore
from greenloop.checkpoints.databases.schema import MIGRATIONS, SQLITE_TYPES
from greenloop.graph.storage import DATABASE

_EVENTS = "thread, step, seq, node, kind, text, sender, receiver, ref, tokens, at"
_THREADS = (
    "thread, repo, task, model, test_cmd, settings, status, base_tree, graph_version, "
    "state_version, created, updated"
)


def make_first_version(data: Path) -> None:
    """Turn the database of a data folder into one of format 1.

    Then events named snapshots in their text or in a blob, the start was no event of its own,
    checkpoints had no number in their metadata, and there was no journal.
    """
    today = data / DATABASE
    blobs = BlobStore(data / "blobs")
    with closing(sqlite3.connect(today)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(today, data / "today.db")
    for path in data.glob(f"{DATABASE}*"):
        path.unlink()
    with closing(sqlite3.connect(today)) as made, made:
        for statement in MIGRATIONS[0]:
            made.execute(statement.format(**SQLITE_TYPES))
        made.execute("PRAGMA user_version = 1")
        made.execute("ATTACH ? AS today", (str(data / "today.db"),))
        made.execute(f"INSERT INTO threads SELECT {_THREADS} FROM today.threads")
        rows = made.execute(f"SELECT {_EVENTS}, tree FROM today.events WHERE kind <> 'moved'")
        for *row, tree in rows.fetchall():
            if row[4] in ("finished", "undo"):
                row[5] = tree
            elif row[4] in ("saved", "theirs"):
                row[8] = blobs.put(tree)
            made.execute(f"INSERT INTO events VALUES ({', '.join('?' * 11)})", row)
        for table in ("checkpoints", "writes"):
            ((statement,),) = made.execute(
                "SELECT sql FROM today.sqlite_schema WHERE name = ?", (table,)
            )
            made.execute(statement)
            made.execute(f"INSERT INTO {table} SELECT * FROM today.{table}")
        for name, metadata in made.execute("SELECT checkpoint_id, metadata FROM checkpoints"):
            kept = {k: v for k, v in json.loads(metadata).items() if k != "super_step"}
            made.execute(
                "UPDATE checkpoints SET metadata = ? WHERE checkpoint_id = ?",
                (json.dumps(kept).encode(), name),
            )
    (data / "today.db").unlink()
