"""Tells a call that takes long from one that hangs.

Nothing may come for a long time while an engine is at work: it gathers all of an image before its
first byte, and a command may be silent for hours. So it is not silence that ends a call: after a
while of it the engine is asked, beside the call, whether it is still there and at it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from livepush.shield import settle

QUIET = 10.0  # seconds without a byte until somebody is asked
T = TypeVar("T")


class OverError(TimeoutError):
    """The call's work has ended, but the call has not."""


class Vigil:
    """Over one call, on which nothing may move for `patience` seconds at most.

    `look` asks the engine whether it is still at what was called for, and raises where it does not
    answer; it is asked after `quiet` seconds without a byte, `QUIET` by default.
    """

    def __init__(
        self, patience: float, look: Callable[[], Awaitable[bool]], *, quiet: float | None = None
    ) -> None:
        self._patience = patience
        self._look = look
        self._quiet = quiet or QUIET
        self._misses = 0
        self._moved = time.monotonic()

    def moved(self) -> None:
        """Something has come, or gone out."""
        self._moved = time.monotonic()
        self._misses = 0

    async def over(self, work: asyncio.Task[T]) -> T:
        """Waits for `work`, a part of the call; it has ended when this returns.

        Raises what `look` does, and `TimeoutError` (`OverError`) for a call that hangs.
        """
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=self._quiet)
                if not work.done():
                    await self._asked()
            self.moved()
            return work.result()
        finally:
            if not work.done():
                work.cancel()
                await settle(work)

    async def _asked(self) -> None:
        silent = time.monotonic() - self._moved
        if silent < self._quiet:
            return
        if silent > self._patience:
            raise TimeoutError
        # What has just ended may still be on its way, so that one miss says nothing.
        self._misses = 0 if await self._look() else self._misses + 1
        if self._misses > 1:
            raise OverError
