"""Listeners and streams: all see every event in order, none can harm or hold up a push."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from livepush.bus import QUEUE_LENGTH, Bus, EventStream
from livepush.errors import InvalidArgumentError
from livepush.events import Cancel, CommandOutput, CommandReturn, Error, Event, Output


def output(number: int, content: bytes = b"") -> CommandOutput:
    return CommandOutput(stage_idx=number, output=Output(content, False))


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
        isinstance(e, Error) and e.message.endswith("cancel failed: ValueError: mine")
        for e in errors
    )
    assert len(errors) == 2


class UnspeakableError(Exception):
    def __repr__(self) -> str:
        raise ValueError

    __str__ = __repr__


def cancelling(_: Event) -> None:
    raise asyncio.CancelledError


async def cancelling_later(_: Event) -> None:
    raise asyncio.CancelledError


def unspeakable(_: Event) -> None:
    raise UnspeakableError


@pytest.mark.parametrize("listener", [cancelling, cancelling_later, unspeakable])
async def test_no_fault_of_a_listener_gets_out(listener: Callable[[Event], None]) -> None:
    bus = Bus()
    bus.on("cancel", listener)
    stream = bus.stream()
    bus.emit(Cancel())
    bus.emit(Cancel())
    assert sorted([(await anext(stream)).name for _ in range(4)]) == ["cancel"] * 2 + ["error"] * 2
    await bus.aclose()


async def test_a_listener_that_never_returns_is_given_up_in_the_end() -> None:
    bus, ended = Bus(patience=0.01), list[str]()

    async def waiting(_: Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    async def refusing(_: Event) -> None:
        while "free" not in ended:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("refused")

    bus.on("cancel", waiting)
    bus.on("cancel", refusing)
    bus.emit(Cancel())
    await bus.aclose()
    assert sorted(ended) == ["refused", "waiting"]
    (left,) = asyncio.all_tasks() - {asyncio.current_task()}
    ended.append("free")
    left.cancel()
    await asyncio.wait({left})


async def test_what_a_plain_listener_returns_is_awaited_before_it_is_called_again() -> None:
    bus, watcher, called = Bus(), Watcher(), list[Event]()

    def listener(event: Event) -> Awaitable[None]:
        called.append(event)
        return watcher(event)

    bus.on("commandReturn", listener)
    for number in range(3):
        bus.emit(CommandReturn(stage_idx=number, command="", return_code=0))
    assert len(called) == 1, "a thousand events must not make a thousand tasks"
    watcher.gate.set()
    await bus.aclose()
    assert watcher.seen == [0, 1, 2]


async def test_what_a_plain_listener_returns_may_fail_or_never_end() -> None:
    bus = Bus(patience=0.01)
    bus.on("cancel", lambda event: failing_later(event))
    bus.on("cancel", lambda _: asyncio.get_running_loop().create_future())
    stream = bus.stream()
    bus.emit(Cancel())
    bus.emit(Cancel())
    assert sorted([(await anext(stream)).name for _ in range(4)]) == ["cancel"] * 2 + ["error"] * 2
    await bus.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


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
    stream.put(Cancel())
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


@pytest.mark.parametrize("size", [0, 10, 11])
async def test_a_stream_holds_so_many_bytes_of_output(size: int) -> None:
    stream = EventStream(size=size)
    for number in range(4):
        stream.put(output(number, b"12345"))
        stream.put(returned(number))
    told = [await anext(stream) for _ in range(4 + size // 5)]
    assert [event.name for event in told].count("commandOutput") == size // 5
    assert "events were left out" in str(await anext(stream))
    stream.put(output(5, b"12345"[:size]))
    assert isinstance(await anext(stream), CommandOutput)


async def test_what_was_kept_is_handed_to_the_first_listener_of_its_name() -> None:
    bus, seen, later, errors = Bus(), list[Event](), list[Event](), list[Event]()
    with bus.keeping():
        bus.emit(first := returned(1))
        bus.emit(error := Error(message="m"))
        bus.emit(second := returned(2))
    bus.on("commandReturn", seen.append)
    bus.on("commandReturn", later.append)
    assert (seen, later) == ([first, second], [])
    bus.emit(third := returned(3))
    bus.on("error", errors.append)
    assert (seen, later, errors) == ([first, second, third], [third], [error])


async def test_once_takes_the_first_that_was_kept() -> None:
    bus, seen = Bus(), list[Event]()
    with bus.keeping():
        sent = [returned(1), returned(2)]
        for event in sent:
            bus.emit(event)
    bus.once("commandReturn", seen.append)
    assert seen == sent[:1]
    bus.once("commandReturn", seen.append)
    assert seen == sent
    bus.once("commandReturn", seen.append)
    bus.emit(last := returned(3))
    assert seen == [*sent, last]


async def test_a_coroutine_listener_begins_with_what_was_kept() -> None:
    bus, watcher = Bus(), Watcher()
    with bus.keeping():
        bus.emit(returned(1))
    bus.on("commandReturn", watcher)
    bus.emit(returned(2))
    watcher.gate.set()
    await bus.aclose()
    assert watcher.seen == [1, 2]


async def test_the_first_stream_begins_with_what_was_kept_for_others_too() -> None:
    bus, seen = Bus(), list[Event]()
    with bus.keeping():
        bus.emit(before := Error(message="m"))
    bus.emit(Cancel())
    bus.on("error", seen.append)
    first, second = bus.stream(), bus.stream()
    bus.emit(after := returned(1))
    await bus.aclose()
    assert await read(first) == [before, after]
    assert await read(second) == [after]
    assert seen == [before]


async def test_nothing_is_kept_for_those_who_come_after_the_end() -> None:
    bus, seen = Bus(), list[Event]()
    with bus.keeping():
        bus.emit(Cancel())
    await bus.aclose()
    bus.on("cancel", seen.append)
    assert seen == []
    assert await read(bus.stream()) == []


async def test_what_is_kept_is_bounded() -> None:
    bus, seen = Bus(), list[Event]()
    with bus.keeping():
        for number in range(QUEUE_LENGTH + 3):
            bus.emit(returned(number))
    bus.on("commandReturn", seen.append)
    assert len(seen) == QUEUE_LENGTH


async def test_events_are_kept_although_somebody_listens_already() -> None:
    bus, seen, later = Bus(), list[Event](), list[Event]()
    with bus.keeping():
        bus.on("cancel", seen.append)
        bus.emit(event := Cancel())
    bus.on("cancel", later.append)
    assert (seen, later) == ([event], [event])
