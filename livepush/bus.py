"""Hands events to whoever listens, and never lets a listener harm or hold up a push.

A plain listener is called at once, in the order of subscription, in the event loop, where it may
touch all that lives there, as another thread may not: while it works, nothing else does, so what
takes long, or may wait, is for a coroutine listener or a stream. That one, a plain one from when
it has returned something to await, and a stream each have a queue of their own: they see every
event in order, at their own pace. A queue is bounded; when a slow reader fills it, `commandOutput`
is lost first, then the oldest, and the reader is told how many. A listener that raises is reported
as an `error` event, once each time; one that never returns is given up when the bus closes.

What is emitted while nobody can listen yet (`keeping`) waits: the first listener of a name is
handed all of that name, `once` the first of it, and the first stream is handed everything.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from livepush.errors import InvalidArgumentError
from livepush.events import NAMES, CommandOutput, Error, Event

Listener = Callable[[Event], Awaitable[None] | None]

# A listener's fault is not the push's, whatever it is; nor is a cancellation that it made itself.
_FAULTS = (Exception, asyncio.CancelledError)

QUEUE_LENGTH = 4096  # events a reader may lag behind
QUEUE_SIZE = 16 * 1024 * 1024  # bytes of output among them
_PATIENCE = 1.0  # seconds for coroutine listeners to finish, and for those that do not to give up


class Bus:
    """The listeners of one session; `patience` is in seconds."""

    def __init__(self, *, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._kept = EventStream()
        self._first_stream: EventStream | None = None
        self._subscriptions: list[_Subscription] = []
        self._streams: list[EventStream] = []
        self._deliveries: set[asyncio.Task[None]] = set()
        self._closed = False

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """What is emitted in this block is kept for those who begin to listen after it."""
        self._kept, first_stream = EventStream(), EventStream()
        keeping = [self._kept, first_stream]
        self._streams += keeping
        try:
            yield
        finally:
            self._streams = [each for each in self._streams if each not in keeping]
            self._first_stream = first_stream

    def on(self, name: str, listener: Listener) -> None:
        """Calls `listener` with each event of that wire name until `off`.

        Where events of that name were kept, begins with them; a plain listener has been called
        with them when `on` returns.
        """
        self._subscribe(name, listener, once=False)

    def once(self, name: str, listener: Listener) -> None:
        """Calls `listener` with the next event of that wire name only."""
        self._subscribe(name, listener, once=True)

    def off(self, name: str, listener: Listener) -> None:
        """Ends a subscription; one that is not there is no error."""
        for subscription in self._subscriptions:
            if (subscription.name, subscription.listener) == (name, listener):
                self._drop(subscription)
                return

    def stream(self) -> EventStream:
        """A stream of all events from now on, after those that were kept; ends with the session."""
        stream, self._first_stream = self._first_stream or EventStream(), None
        if self._closed:
            stream.close()
            return stream
        self._streams.append(stream)
        stream.on_close = lambda: self._streams.remove(stream) if stream in self._streams else None
        return stream

    def emit(self, event: Event) -> None:
        """Hands `event` to whoever listens now; never waits and never raises."""
        for stream in tuple(self._streams):
            stream.put(event)
        for subscription in tuple(self._subscriptions):
            if subscription.name == event.name and subscription in self._subscriptions:
                self._deliver(subscription, event)

    async def aclose(self) -> None:
        """Ends all streams; coroutine listeners finish what they have been handed first.

        But for the one that calls this, if one does, and those that take longer than the bus has
        patience: they are cancelled, and after as long again no longer waited for.
        """
        self._closed = True
        self._kept, self._first_stream = EventStream(), None
        for stream in tuple(self._streams):
            stream.close()
        for subscription in tuple(self._subscriptions):
            self._drop(subscription)
        unfinished = self._deliveries - {asyncio.current_task()}
        if unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=self._patience)
        if unfinished:
            for delivery in unfinished:
                delivery.cancel()
            await asyncio.wait(unfinished, timeout=self._patience)

    def _subscribe(self, name: str, listener: Listener, *, once: bool) -> None:
        if name not in NAMES:
            raise InvalidArgumentError(
                f"there is no event called {name!r}", hint=f"Events: {', '.join(sorted(NAMES))}."
            )
        subscription = _Subscription(name, listener, is_once=once)
        self._subscriptions.append(subscription)
        while subscription in self._subscriptions and (event := self._kept.take(name)) is not None:
            self._deliver(subscription, event)

    def _deliver(self, subscription: _Subscription, event: Event) -> None:
        if subscription.is_once:
            self._subscriptions.remove(subscription)
        begun = None
        if subscription.queue is None:
            if not _is_coroutine_function(subscription.listener):
                begun = self._call(subscription, event)
                if begun is None:
                    return
            subscription.queue = EventStream()
            delivery = asyncio.create_task(self._drain(subscription, subscription.queue, begun))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)
        if begun is None:
            subscription.queue.put(event)
        if subscription.is_once:
            subscription.queue.close()

    def _call(self, subscription: _Subscription, event: Event) -> Awaitable[None] | None:
        try:
            result = subscription.listener(event)
        except _FAULTS as error:
            self._report(subscription, error)
            return None
        return result if inspect.isawaitable(result) else None

    async def _drain(
        self, subscription: _Subscription, queue: EventStream, begun: Awaitable[None] | None
    ) -> None:
        await self._finished(subscription, begun)
        async for event in queue:
            if event.name != subscription.name:
                self.emit(event)  # the queue's own word on what was left out
            else:
                await self._finished(subscription, self._call(subscription, event))

    async def _finished(self, subscription: _Subscription, begun: Awaitable[None] | None) -> None:
        if begun is None:
            return
        try:
            await begun
        except _FAULTS as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._report(subscription, error)

    def _drop(self, subscription: _Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if subscription.queue is not None:
            subscription.queue.close()

    def _report(self, subscription: _Subscription, error: BaseException) -> None:
        if subscription.name == Error.name:
            return  # telling a broken error listener of its own error would never end
        # Also of an error that cannot say what it is.
        said = "".join(traceback.format_exception_only(error)).strip()
        self.emit(
            Error(
                message=f"a listener for {subscription.name} failed: {said}",
                hint="The push goes on; mend the listener.",
            )
        )


@dataclass(eq=False, slots=True)
class _Subscription:
    name: str
    listener: Listener
    is_once: bool
    queue: EventStream | None = None


def _is_coroutine_function(listener: Listener) -> bool:
    call = getattr(listener, "__call__", None)  # noqa: B004  # of an object that can be called
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(call)


class EventStream:
    """An async iterator of events; leaving `async with`, or `close`, ends it.

    It holds `length` events at most, and `size` bytes of output among them.
    """

    def __init__(self, length: int = QUEUE_LENGTH, size: int = QUEUE_SIZE) -> None:
        self._length, self._size = length, size
        self._events: deque[Event] = deque()
        self._held = 0  # bytes of output
        self._lost = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self.on_close: Callable[[], None] = lambda: None

    def put(self, event: Event) -> None:
        """Appends `event`, in place of an older one where the queue is full; none once closed."""
        if self._closed:
            return
        is_full = len(self._events) >= self._length
        if is_full or self._held + _weight(event) > self._size:
            self._lost += 1
            if isinstance(event, CommandOutput):
                return
            self._make_room()
        self._events.append(event)
        self._held += _weight(event)
        self._arrived.set()

    def take(self, name: str) -> Event | None:
        """The oldest event of that name, which is then no longer in the queue; None without one."""
        found = next((event for event in self._events if event.name == name), None)
        if found is not None:
            self._remove(found)
        return found

    def close(self) -> None:
        """No further events; those that are there can still be read."""
        self._closed = True
        self._arrived.set()
        self.on_close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._lost:
                lost, self._lost = self._lost, 0
                return Error(message=f"{lost} events were left out: this reader was too slow")
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        self._held -= _weight(event)
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def _make_room(self) -> None:
        output = (event for event in self._events if isinstance(event, CommandOutput))
        self._remove(next(output, self._events[0]))

    def _remove(self, event: Event) -> None:
        self._events.remove(event)
        self._held -= _weight(event)


def _weight(event: Event) -> int:
    return len(event.output.data) if isinstance(event, CommandOutput) else 0
