"""Brings a session's events to a display without ever holding up the session.

Who reads what is shown may stop reading: then a thread hangs, and the session goes on. Once the
command has been cancelled such a reader is given a moment more, and then the process ends without
it: no interpreter ends by itself while one of its threads writes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from livepush.bus import EventStream
from livepush.events import Event
from livepush.render import Display

_BATCH = 256  # events that are shown at a time at most
_TICK = 0.2  # seconds between two looks at what goes on
_PATIENCE = 1.0  # seconds that whoever reads has once the command was cancelled and is over


class Closable(Protocol):
    """What must be given up in the end."""

    async def aclose(self) -> None: ...


class Show:
    """A display while it is in use."""

    def __init__(self, display: Display, tasks: TaskGroup) -> None:
        self._display = display
        self._busy = ""
        self._goes_on = anyio.Event()  # whether the display may have to be kept up to date
        self._tasks = tasks
        # Drawing from one thread at a time keeps the events in their order.
        self._turn = anyio.CapacityLimiter(1)
        self._scope = anyio.CancelScope(shield=True)

    def follow(self, stream: EventStream) -> None:
        """Shows the events of `stream` until it ends, also once the command has been cancelled."""
        self._tasks.start_soon(self._show, stream)

    def say_busy(self, what: str = "") -> None:
        """Takes `what` to go on while there are no events."""
        self._busy = what
        self._goes_on.set()

    async def tick(self) -> None:
        """Keeps what goes on up to date, for ever; while nothing does, no clock is looked at."""
        while True:
            await self._goes_on.wait()
            self._goes_on = anyio.Event()
            await anyio.sleep(_TICK)
            tick = partial(self._display.tick, self._busy)
            if await anyio.to_thread.run_sync(tick, limiter=self._turn, abandon_on_cancel=True):
                self._goes_on.set()

    def hurry(self) -> None:
        """The command was cancelled and is over: what is left to show has a moment."""
        self._scope.deadline = anyio.current_time() + _PATIENCE

    @property
    def is_stuck(self) -> bool:
        """Whether what was left has not been read."""
        return self._scope.cancelled_caught

    async def _show(self, stream: EventStream) -> None:
        with self._scope:
            sender, receiver = anyio.create_memory_object_stream[Event](_BATCH)
            async with anyio.create_task_group() as tasks, receiver:
                tasks.start_soon(_pass_on, stream, sender)
                async for event in receiver:
                    await self._draw([event, *_waiting(receiver)])

    async def _draw(self, happened: Sequence[Event]) -> None:
        def draw() -> None:
            for event in happened:
                self._display.show(event)

        await anyio.to_thread.run_sync(draw, limiter=self._turn, abandon_on_cancel=True)
        self._goes_on.set()


async def _pass_on(stream: EventStream, sender: MemoryObjectSendStream[Event]) -> None:
    async with sender:
        async for event in stream:
            await sender.send(event)


def _waiting(receiver: MemoryObjectReceiveStream[Event]) -> Iterator[Event]:
    """What has come meanwhile: a change of threads for each would take longer than to show it."""
    with contextlib.suppress(anyio.WouldBlock, anyio.EndOfStream):
        while True:
            yield receiver.receive_nowait()


@asynccontextmanager
async def showing(display: Display) -> AsyncIterator[Show]:
    """A display for the time of the block, which ends when the last event has been shown."""
    show = None
    try:
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as ticking:
            show = Show(display, tasks)
            ticking.start_soon(show.tick)
            try:
                yield show
            except anyio.get_cancelled_exc_class():
                show.hurry()
                raise
            ticking.cancel_scope.cancel()
    finally:
        if show is not None and show.is_stuck:
            os._exit(0)
        display.close()


@asynccontextmanager
async def closing(thing: Closable) -> AsyncIterator[None]:
    """Closes `thing` in the end, completely, also when the block was cancelled."""
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await thing.aclose()
