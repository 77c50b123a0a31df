"""Whoever has stopped reading holds up neither a session nor its end."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest

from livepush.bus import EventStream
from livepush.commands import showing
from livepush.events import Cancel, Event
from livepush.narration import Line


class Unread:
    """A display whose every line waits until it is read."""

    def __init__(self) -> None:
        self.read = threading.Event()
        self.begun = threading.Event()

    def show(self, event: Event) -> None:
        self.begun.set()
        self.read.wait()

    def say(self, line: Line) -> None: ...

    def tick(self, busy: str = "") -> bool:
        return False

    def close(self) -> None: ...


class ExitError(Exception):
    """The process would have ended."""


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Unread]:
    def ended(code: int) -> NoReturn:
        raise ExitError(code)

    monkeypatch.setattr(os, "_exit", ended)
    display = Unread()
    yield display
    display.read.set()


async def shown(display: Unread, stream: EventStream, over: asyncio.Event) -> None:
    async with showing.showing(display) as show:
        show.follow(stream)
        await over.wait()
        stream.close()


async def begun(display: Unread) -> None:
    async with asyncio.timeout(20):
        while not display.begun.is_set():  # noqa: ASYNC110  # another thread's
            await asyncio.sleep(0.001)


async def test_a_command_that_was_cancelled_ends_without_its_reader(
    display: Unread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "_PATIENCE", 0.01)
    stream = EventStream()
    showing_it = asyncio.create_task(shown(display, stream, asyncio.Event()))
    stream.put(Cancel())
    await begun(display)
    showing_it.cancel()
    with pytest.raises(ExitError, match="0"):
        await showing_it


async def test_one_that_ends_by_itself_waits_for_its_reader(display: Unread) -> None:
    stream, over = EventStream(), asyncio.Event()
    showing_it = asyncio.create_task(shown(display, stream, over))
    stream.put(Cancel())
    await begun(display)
    over.set()
    display.read.set()
    await showing_it


async def test_one_that_was_cancelled_shows_what_is_left_to_who_reads(display: Unread) -> None:
    stream = EventStream()
    showing_it = asyncio.create_task(shown(display, stream, asyncio.Event()))
    stream.put(Cancel())
    await begun(display)
    showing_it.cancel()
    display.read.set()
    stream.close()
    await asyncio.wait({showing_it})
    assert showing_it.cancelled()


class Ticking(Unread):
    """A display that is read, and keeps what was said to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.read.set()
        self.ticks: list[str] = []

    def tick(self, busy: str = "") -> bool:
        self.ticks.append(busy)
        return bool(busy)

    async def until(self, last: str, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.ticks) < count or self.ticks[-1] != last:  # noqa: ASYNC110  # a thread's
                await asyncio.sleep(0.001)


async def test_no_clock_is_looked_at_while_nothing_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(showing, "_TICK", 0.001)
    display, stream = Ticking(), EventStream()
    async with showing.showing(display) as show:
        show.follow(stream)
        show.say_busy("opening web")
        await display.until("opening web", 3)
        show.say_busy()
        await display.until("", 4)
        seen = len(display.ticks)
        await asyncio.sleep(0.05)  # many ticks; were they fewer, this would only pass
        later = len(display.ticks) - seen
        stream.put(Cancel())
        await display.until("", seen + later + 1)
        stream.close()
    assert later <= 1  # one may have been under way
