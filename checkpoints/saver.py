"""LangGraph's SQLite checkpointer, set up to be quick, strict and safe."""

import sqlite3
from typing import TYPE_CHECKING

from greenloop.state import CHECKPOINTED

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite import SqliteSaver


def open_saver(connection: sqlite3.Connection) -> "SqliteSaver":
    """A saver that decodes nothing but our own records.

    The default decoder imports and calls whatever class a checkpoint names, so the list of
    allowed classes is explicit.
    """
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer  # noqa: PLC0415
    from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415

    saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=CHECKPOINTED))
    saver.setup()
    return saver
