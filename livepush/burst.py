"""Many changes in a row: some of them may have been lost on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

_MANY = 1000  # with that many paths in a row the kernel's queue may have overflowed
_EVENTS = 16  # of the kernel's to a path, so fewer are many where its queue is short
_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
_CALM = 0.25  # s; when no change for so long ends the row
_LONGEST = 2.0  # s; a row does not end by itself where something is written all the time


class Burst:
    """Counts changes in the running event loop, and calls `doubt` after each row of many."""

    def __init__(self, doubt: Callable[[], None]) -> None:
        self._doubt = doubt
        self._many = _many()
        self._count = 0
        self._began = 0.0
        self._calm: asyncio.TimerHandle | None = None

    def add(self, count: int) -> None:
        """That many changes have come just now."""
        loop = asyncio.get_running_loop()
        if self._calm is None:
            self._began = loop.time()
        else:
            self._calm.cancel()
        self._count += count
        if self._count >= self._many and loop.time() - self._began > _LONGEST:
            self._end()
        else:
            self._calm = loop.call_later(_CALM, self._end)

    def close(self) -> None:
        """Doubts nothing from now on."""
        if self._calm is not None:
            self._calm.cancel()

    def _end(self) -> None:
        count, self._count, self._calm = self._count, 0, None
        if count >= self._many:
            self._doubt()


def _many() -> int:
    try:
        return max(1, min(_MANY, int(_QUEUE.read_text()) // _EVENTS))
    except (OSError, ValueError):
        return _MANY  # another system, or one that does not tell
