"""Work that waits can be broken off whenever it has begun to begin."""

import asyncio
import threading
import time

import pytest

from greenloop.errors import CancelledError, ConfigError
from greenloop.tools.model.breakable import Breakable


async def wait_long() -> str:
    await asyncio.sleep(60)
    return "never"


async def speak() -> str:
    return "said"


def test_a_cancel_while_the_work_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    breakable, loop_of = Breakable(), asyncio.new_event_loop

    def cancelled_meanwhile() -> asyncio.AbstractEventLoop:
        breakable.cancel()
        return loop_of()

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "new_event_loop", cancelled_meanwhile)
        with pytest.raises(CancelledError):
            breakable.run(wait_long())
    assert breakable.run(speak()) == "said"


def test_a_cancel_of_nothing_is_of_no_consequence() -> None:
    breakable = Breakable()
    breakable.cancel()
    assert breakable.run(speak()) == "said"
    breakable.cancel()
    assert breakable.run(speak()) == "said"


def test_a_cancel_of_what_runs() -> None:
    breakable = Breakable()
    timer = threading.Timer(0.1, breakable.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        breakable.run(wait_long())
    timer.join()
    assert time.monotonic() - began < 30


def test_inside_an_event_loop_it_says_what_to_do() -> None:
    async def run_in_it() -> None:
        Breakable().run(speak())

    with pytest.raises(ConfigError, match="from inside an event loop"):
        asyncio.run(run_in_it())
