"""LangGraph's own conformance suite, held against each database's checkpointer.

The suite is asynchronous and ours is not, so a thin adapter hands each call on. LangGraph lists
what a saver may leave out: copying a thread, deleting by run, and pruning.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.report import CapabilityReport
from stores import address, postgres_server, storage

from greenloop.graph.storage import Storage

__all__ = ["address", "postgres_server", "storage"]

BASE = ("put", "put_writes", "get_tuple", "list", "delete_thread")


class Adapter(BaseCheckpointSaver[Any]):
    """The asynchronous face of a saver."""

    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
        super().__init__(serde=saver.serde)
        self.saver = saver

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self.saver.get_next_version(current, channel)

    async def aput(self, *args: Any) -> Any:
        return self.saver.put(*args)

    async def aput_writes(self, *args: Any, **options: Any) -> None:
        self.saver.put_writes(*args, **options)

    async def aget_tuple(self, config: Any) -> Any:
        return self.saver.get_tuple(config)

    async def alist(self, config: Any, **options: Any) -> AsyncIterator[Any]:
        for found in self.saver.list(config, **options):
            yield found

    async def adelete_thread(self, thread_id: str) -> None:
        self.saver.delete_thread(thread_id)


class Pruning(Adapter):
    """That of a saver which can prune."""

    async def aprune(self, thread_ids: Any, *, strategy: str = "keep_latest") -> None:
        self.saver.prune(thread_ids, strategy=strategy)


def examine(saver: BaseCheckpointSaver[Any]) -> CapabilityReport:
    can_prune = type(saver).prune is not BaseCheckpointSaver.prune

    @checkpointer_test(name="greenloop")
    async def ours() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
        yield (Pruning if can_prune else Adapter)(saver)

    return asyncio.run(validate(ours))


def test_langgraphs_suite(storage: Storage) -> None:
    with storage.database.saver() as saver:
        report = examine(saver)
    failures = {name: result.failures for name, result in report.results.items() if result.failures}
    assert failures == {}
    passed = [name for name, result in report.results.items() if result.passed]
    assert passed == [*BASE, "prune"] if "postgres" in storage.database.place else list(BASE)
    assert all(report.results[name].tests_passed for name in passed)
