"""Work that waits for the network, in this thread, and can be broken off from any other.

An event loop for the one piece of work: no thread is started, and none is left behind.
"""

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from greenloop.errors import CancelledError

_T = TypeVar("_T")


class Breakable:
    """Runs one coroutine at a time; `cancel` ends the one that runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of the work.

        Raises:
            CancelledError: `cancel` was called.
            BaseException: what the work raised; Ctrl-C ends the work first.
        """
        loop = asyncio.new_event_loop()
        # A context of its own: what runs around us would listen in by the one at hand.
        task = loop.create_task(work, context=contextvars.Context())
        with self._lock:
            self._running = loop, task
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError as error:
            raise CancelledError("the reply was broken off") from error
        finally:
            with self._lock:
                self._running = None
            _close(loop, task)

    def cancel(self) -> None:
        """End the work that runs; nothing if none does. From any thread."""
        with self._lock:
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)


def _close(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[Any]") -> None:
    """Let the work and what it left running close their connections."""
    try:
        left = {task, *asyncio.all_tasks(loop)} - {t for t in (task,) if t.done()}
        for other in left:
            other.cancel()
        if left:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
