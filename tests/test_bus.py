"""Listeners and streams: all see every event in order, none can harm or hold up a push."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from livepush.bus import QUEUE_LENGTH, Bus, EventStream
from livepush.errors import InvalidArgumentError
from livepush.events import Cancel, CommandOutput, CommandReturn, Error, Event, Output


def output(number: int) -> CommandOutput:
    return CommandOutput(stage_idx=number, output=Output(b"", False))


def returned(number: int) -> CommandReturn:
    return CommandReturn(stage_idx=number, command="", return_code=0)


async def read(stream: EventStream) -> list[Event]:
    """All that is in a stream which has ended."""
    return [event async for event in stream]


def failing(_: Event) -> None:
    raise ValueError("mine")


async def failing_later(_: Event) -> None:
    await asyncio.sleep(0)
    raise ValueError("mine")


def test_a_plain_listener_is_called_at_once_with_its_own_events() -> None:
    bus, seen = Bus(), list[tuple[str, Event]]()
    bus.on("cancel", lambda event: seen.append(("first", event)))
    bus.on("cancel", lambda event: seen.append(("second", event)))
    bus.on("error", lambda event: seen.append(("other", event)))
    bus.emit(event := Cancel())
    assert seen == [("first", event), ("second", event)]


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'cancelled'"):
        Bus().on("cancelled", print)
    with pytest.raises(InvalidArgumentError):
        Bus().once("Cancel", print)


def test_off_ends_one_subscription() -> None:
    bus, seen = Bus(), list[Event]()
    bus.on("cancel", seen.append)
    bus.on("cancel", seen.append)
    bus.off("cancel", seen.append)
    bus.off("error", seen.append)
    bus.emit(Cancel())
    assert len(seen) == 1
    bus.off("cancel", seen.append)
    bus.off("cancel", seen.append)
    bus.emit(Cancel())
    assert len(seen) == 1


def test_off_holds_for_the_event_that_is_being_told() -> None:
    bus, seen = Bus(), list[Event]()
    bus.on("cancel", lambda _: bus.off("cancel", seen.append))
    bus.on("cancel", seen.append)
    bus.emit(Cancel())
    assert seen == []


@pytest.mark.parametrize("again", [False, True])
def test_once_is_once_even_when_it_causes_another(again: bool) -> None:
    bus, seen = Bus(), list[Event]()

    def listener(event: Event) -> None:
        seen.append(event)
        if again:
            bus.emit(Cancel())

    bus.once("cancel", listener)
    bus.emit(Cancel())
    bus.emit(Cancel())
    assert len(seen) == 1


@pytest.mark.parametrize("listener", [failing, failing_later])
async def test_a_failing_listener_is_reported_and_harms_nobody(
    listener: Callable[[Event], None],
) -> None:
    bus, seen, errors = Bus(), list[Event](), list[Event]()
    bus.on("cancel", listener)
    bus.on("cancel", seen.append)
    bus.on("error", errors.append)
    stream = bus.stream()
    bus.emit(Cancel())
    bus.emit(Cancel())
    told = [await anext(stream) for _ in range(4)]
    await bus.aclose()
    assert len(seen) == 2
    assert [event.name for event in told].count("error") == 2
    assert all(
        isinstance(e, Error) and "cancel failed: ValueError('mine')" in e.message for e in errors
    )
    assert len(errors) == 2


def test_a_failing_error_listener_is_not_told_of_itself() -> None:
    bus, seen = Bus(), list[Event]()
    bus.on("error", failing)
    bus.on("error", seen.append)
    bus.emit(Error(message="real"))
    assert [event.message for event in seen if isinstance(event, Error)] == ["real"]


class Watcher:
    """A listener that is an object with a coroutine for its call."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.gate = asyncio.Event()
        self.heard = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        await self.gate.wait()
        assert isinstance(event, CommandReturn)
        self.seen.append(event.stage_idx)
        self.heard.set()

    async def method(self, event: Event) -> None:
        await self(event)


@pytest.mark.parametrize("bound", [False, True])
async def test_coroutine_listeners_see_all_in_order_at_their_own_pace(bound: bool) -> None:
    bus, watcher, seen = Bus(), Watcher(), list[Event]()
    bus.on("commandReturn", watcher.method if bound else watcher)
    bus.on("commandReturn", seen.append)
    for number in range(5):
        bus.emit(returned(number))
    assert (len(seen), watcher.seen) == (5, [])
    watcher.gate.set()
    await bus.aclose()
    assert watcher.seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("ended_by", ["once", "off", "aclose"])
async def test_a_coroutine_listener_finishes_what_it_was_handed(ended_by: str) -> None:
    bus, watcher = Bus(), Watcher()
    (bus.once if ended_by == "once" else bus.on)("commandReturn", watcher)
    bus.emit(returned(1))
    if ended_by == "off":
        bus.off("commandReturn", watcher)
    if ended_by != "aclose":
        bus.emit(returned(2))
    watcher.gate.set()
    await bus.aclose()
    bus.emit(returned(3))
    assert watcher.seen == [1]


async def test_a_coroutine_listener_may_close_the_bus() -> None:
    bus, closed = Bus(), asyncio.Event()

    async def closing(_: Event) -> None:
        await bus.aclose()
        closed.set()

    bus.on("cancel", closing)
    bus.emit(Cancel())
    await closed.wait()


async def test_a_stream_has_all_events_from_its_beginning() -> None:
    bus = Bus()
    bus.emit(Cancel())
    stream = bus.stream()
    sent = [returned(1), output(2), Cancel()]
    for event in sent:
        bus.emit(event)
    await bus.aclose()
    assert await read(stream) == sent


async def test_a_stream_waits_for_events() -> None:
    bus = Bus()
    stream = bus.stream()
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    bus.emit(event := Cancel())
    assert await waiting is event


async def test_closing_the_bus_ends_those_who_wait() -> None:
    bus = Bus()
    waiting = [asyncio.create_task(read(bus.stream())) for _ in range(2)]
    await asyncio.sleep(0)
    await bus.aclose()
    assert await asyncio.gather(*waiting) == [[], []]
    assert await read(bus.stream()) == []


async def test_a_stream_that_is_left_gets_nothing_more() -> None:
    bus = Bus()
    async with bus.stream() as stream:
        bus.emit(before := Cancel())
    bus.emit(Cancel())
    stream.close()
    assert await read(stream) == [before]


@pytest.mark.parametrize(
    ("sent", "kept", "lost"),
    [
        pytest.param(
            [output(0), returned(1), returned(2), returned(3)],
            [returned(1), returned(2), returned(3)],
            1,
            id="output that is there goes first",
        ),
        pytest.param(
            [returned(1), returned(2), returned(3), output(4), output(5)],
            [returned(1), returned(2), returned(3)],
            2,
            id="output that comes goes first",
        ),
        pytest.param(
            [returned(1), returned(2), returned(3), returned(4)],
            [returned(2), returned(3), returned(4)],
            1,
            id="then the oldest",
        ),
        pytest.param(
            [returned(1), output(2), output(3), returned(4)],
            [returned(1), output(3), returned(4)],
            1,
            id="the oldest output",
        ),
        pytest.param(
            [output(1), output(2), output(3)], [output(1), output(2), output(3)], 0, id="room"
        ),
    ],
)
async def test_a_slow_stream_loses_output_first_and_is_told(
    sent: list[Event], kept: list[Event], lost: int
) -> None:
    stream = EventStream(length=3)
    for event in sent:
        stream.put(event)
    stream.close()
    told, rest = [], await read(stream)
    if lost:
        # Once it has caught up: telling it at each loss would only make it slower.
        told, rest = rest[-1:], rest[:-1]
    assert [shape(event) for event in rest] == [shape(event) for event in kept]
    assert [str(lost) in e.message for e in told if isinstance(e, Error)] == [True] * bool(lost)


def shape(event: Event) -> tuple[str, int]:
    assert isinstance(event, CommandOutput | CommandReturn)
    return event.name, event.stage_idx


async def test_a_slow_coroutine_listener_is_not_handed_what_it_did_not_ask_for() -> None:
    bus, watcher, errors = Bus(), Watcher(), list[Event]()
    bus.on("commandReturn", watcher)
    bus.on("error", errors.append)
    for number in range(QUEUE_LENGTH + 3):
        bus.emit(returned(number))
    watcher.gate.set()
    await watcher.heard.wait()
    await bus.aclose()
    assert watcher.seen == list(range(3, QUEUE_LENGTH + 3))
    assert [e.message.split(":")[0] for e in errors if isinstance(e, Error)] == [
        "3 events were left out"
    ]
