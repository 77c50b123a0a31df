"""A loop whose clock is simulated: where everybody waits for a time, it is that time at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio.to_thread
import pytest

T = TypeVar("T")


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Raises `RuntimeError` where nothing would ever happen any more."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self.now


class _Skipping(selectors.SelectSelector):
    """Waits for nothing, but lets the loop's clock go on."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("all wait for ever")
        self._loop.now += max(timeout, 0.0)
        return []


@contextmanager
def threadless() -> Iterator[None]:
    """What goes to a thread is done after a turn of the loop, so that all can be repeated."""

    async def run_sync(work: Callable[..., T], *args: object, **_: object) -> T:
        await asyncio.sleep(0)
        return work(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anyio.to_thread, "run_sync", run_sync)
        patch.setattr(asyncio, "to_thread", run_sync)
        yield
