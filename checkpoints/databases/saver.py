"""LangGraph's checkpointers, set up to be strict and to number what they keep."""

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from greenloop.checkpoints.cipher import Cipher
from greenloop.errors import StorageError
from greenloop.state import CHECKPOINTED

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
    from langgraph.checkpoint.serde.base import SerializerProtocol

NUMBER = "super_step"
"""Key, in a checkpoint's metadata, of its number: the super-steps that had finished then."""

_WRITTEN = ("msgpack", "bytes", "bytearray", "null", "empty")
"""Kinds of record that LangGraph writes with our settings."""
_FOREIGN = "greenloop never writes that, so somebody else did; it was not loaded"


def serde(cipher: Cipher) -> "SerializerProtocol":
    """Decodes nothing but our own records.

    The default decoder imports and calls whatever class a checkpoint names, so the list of
    allowed classes is explicit.
    """
    return cipher.serde(_strict()(allowed_msgpack_modules=CHECKPOINTED))


@cache
def _strict() -> type[Any]:
    """LangGraph's codec, which refuses in words what it would else pass on as plain values."""
    from langgraph.checkpoint.serde.event_hooks import (  # noqa: PLC0415
        register_serde_event_listener,
    )
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer  # noqa: PLC0415

    refused = threading.local()

    def note(event: Any) -> None:
        if "blocked" in event["kind"]:
            refused.name = f"{event['module']}.{event['name']}"

    register_serde_event_listener(note)

    class Strict(JsonPlusSerializer):
        """Knows msgpack and bytes; JSON would bring LangChain's own objects to life."""

        def with_msgpack_allowlist(self, extra_allowlist: Any) -> "Strict":
            """Itself: LangGraph's compiler would add the classes of the live objects."""
            return self

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            if "+" in data[0]:
                raise StorageError(
                    "a checkpoint is encrypted: set GREENLOOP_STORE_KEY to the store's key"
                )
            if data[0] not in _WRITTEN:
                raise StorageError(f"a checkpoint is of the kind {data[0]!r}: {_FOREIGN}")
            refused.name = ""
            try:
                value = super().loads_typed(data)
            except ValueError as error:
                raise StorageError(
                    f"a checkpoint is damaged ({error}): `greenloop doctor` looks at the store"
                ) from error
            if refused.name:
                raise StorageError(f"a checkpoint names the class {refused.name}: {_FOREIGN}")
            return value

    return Strict


@cache
def numbered(saver: type[Any]) -> type[Any]:
    """A saver's class that writes the number of each checkpoint beside it."""

    class Numbered(saver):  # type: ignore[misc]
        """Finds a checkpoint by its number without decoding the others."""

        def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            number = checkpoint["channel_values"].get("events", 0)
            return super().put(config, checkpoint, {**metadata, NUMBER: number}, new_versions)

    return Numbered


def find_checkpoint(
    saver: "BaseCheckpointSaver[Any]", thread: str, number: int
) -> "CheckpointTuple | None":
    """The last checkpoint of that number in a thread, or None."""
    config: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    found = next(saver.list(config, filter={NUMBER: number}, limit=1), None)
    if found is not None:
        return found
    # Kept before checkpoints were numbered: there are few such threads, and they are short.
    return next(
        (
            each
            for each in saver.list(config)
            if NUMBER not in each.metadata
            and each.checkpoint["channel_values"].get("events", 0) == number
        ),
        None,
    )
