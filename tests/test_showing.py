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

    def tick(self, busy: str = "") -> None: ...

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
