"""Waiting for a state in which a session on the fake engine comes to be by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BOUND = 20.0  # seconds


async def until(met: Callable[[], bool]) -> None:
    """Until the condition holds; any state of a session, which no one event tells."""
    async with asyncio.timeout(BOUND):
        while not met():  # noqa: ASYNC110  # no one event tells
            await asyncio.sleep(0)
