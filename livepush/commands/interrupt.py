"""Ctrl-C and its kind: the first ends a command in good order, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

import anyio

from livepush.cause import ungrouped

KILLED = 130

_TOLD = 0.2  # seconds for whoever is there to be told

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(work: Callable[[], Awaitable[int]], *, stopping: Callable[[], None]) -> int:
    """Runs `work` in an event loop of its own; its exit code, 0 when the first signal ended it.

    That signal calls `stopping` and cancels `work`, which cleans up; the second ends the process
    with 130. Raises what `work` raises, out of the groups that its tasks have made of it.
    """
    with ungrouped():
        return asyncio.run(_until_signalled(work, stopping))


async def _until_signalled(work: Callable[[], Awaitable[int]], stopping: Callable[[], None]) -> int:
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def stop() -> None:
            for number in _SIGNALS:
                # By the interpreter, not the loop: a loop that hangs must not keep it alive.
                loop.remove_signal_handler(number)
                signal.signal(number, lambda *_: os._exit(KILLED))
            scope.cancel()
            # It may wait for somebody who has stopped reading, and that is not waited for.
            telling = threading.Thread(target=stopping, daemon=True)
            telling.start()
            telling.join(_TOLD)

        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
        return await work()
    return 0
