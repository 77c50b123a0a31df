"""Ctrl-C and its kind: the first ends a command in good order, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import anyio

from livepush.errors import LivepushError

KILLED = 130

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(work: Callable[[], Awaitable[int]], *, stopping: Callable[[], None]) -> int:
    """Runs `work` in an event loop of its own; its exit code, 0 when the first signal ended it.

    That signal calls `stopping` and cancels `work`, which cleans up; the second ends the process
    with 130. Raises what `work` raises, out of the groups that its tasks have made of it.
    """
    try:
        return asyncio.run(_until_signalled(work, stopping))
    except BaseExceptionGroup as group:  # an exit can be among what the task groups gathered
        raise _cause(group) from None


async def _until_signalled(work: Callable[[], Awaitable[int]], stopping: Callable[[], None]) -> int:
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def stop() -> None:
            for number in _SIGNALS:
                # By the interpreter, not the loop: a loop that hangs must not keep it alive.
                loop.remove_signal_handler(number)
                signal.signal(number, lambda *_: os._exit(KILLED))
            scope.cancel()
            stopping()

        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
        return await work()
    return 0


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception of a group that is to be told of: an error of livepush's if there is."""
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, LivepushError)), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
