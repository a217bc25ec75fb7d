"""Work that waits for the network, in this thread, and can be broken off from any other.

An event loop for the one piece of work: no thread is started, and none is left behind.
"""

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from greenloop.errors import CancelledError, ConfigError

_T = TypeVar("_T")


class Breakable:
    """Runs one coroutine at a time; `cancel` ends the one that runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._cancelled = False
        """A cancel came while the work was being prepared."""
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of the work.

        Raises:
            CancelledError: `cancel` was called.
            ConfigError: this thread runs an event loop already.
            BaseException: what the work raised; Ctrl-C ends the work first.
        """
        _refuse_in_a_loop(work)
        with self._lock:
            self._busy, self._cancelled = True, False
        loop = asyncio.new_event_loop()
        # A context of its own: what runs around us would listen in by the one at hand.
        task = loop.create_task(work, context=contextvars.Context())
        with self._lock:
            self._running = loop, task
            if self._cancelled:
                task.cancel()
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError as error:
            raise CancelledError("the reply was broken off") from error
        finally:
            with self._lock:
                self._busy, self._running = False, None
            _close(loop, task)

    def cancel(self) -> None:
        """End the work that runs or is about to; nothing if none does. From any thread."""
        with self._lock:
            self._cancelled = self._busy
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)


def _refuse_in_a_loop(work: Coroutine[Any, Any, Any]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    work.close()
    raise ConfigError(
        "a provider's model cannot be asked from inside an event loop: ask it from a thread of "
        "its own, as by asyncio.to_thread"
    )


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
