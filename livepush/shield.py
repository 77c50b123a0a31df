"""Finishing what was begun although the task is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def settle(task: asyncio.Task[T]) -> None:
    """Waits until `task` is done, also when cancelled meanwhile; raises that at its end.

    Holds against `Task.cancel()` (and so `asyncio.timeout`) and anyio's cancel scopes. What the
    task itself raised is left in it.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Carries `work` to its end, also when cancelled meanwhile; raises that at its end."""
    task = asyncio.ensure_future(work)
    await settle(task)
    return task.result()
