"""Hands events to whoever listens, and never lets a listener harm or hold up a push.

A plain listener is called at once, in the order of subscription. A coroutine listener and a stream
each have a queue of their own: they see every event in order, at their own pace. A queue is
bounded; when a slow reader fills it, `commandOutput` is lost first, then the oldest, and the
reader is told how many. A listener that raises is reported as an `error` event, once each time.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from livepush.errors import InvalidArgumentError
from livepush.events import NAMES, CommandOutput, Error, Event

Listener = Callable[[Event], Awaitable[None] | None]

QUEUE_LENGTH = 4096  # events a reader may lag behind


class Bus:
    """The listeners of one session."""

    def __init__(self) -> None:
        self._subscriptions: list[_Subscription] = []
        self._streams: list[EventStream] = []
        self._deliveries: set[asyncio.Task[None]] = set()
        self._closed = False

    def on(self, name: str, listener: Listener) -> None:
        """Calls `listener` with each event of that wire name until `off`."""
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
        """A stream of all events from now on, which ends with the session."""
        stream = EventStream()
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
                if subscription.is_once:
                    self._subscriptions.remove(subscription)
                self._deliver(subscription, event)

    async def aclose(self) -> None:
        """Ends all streams; coroutine listeners finish what they have been handed first.

        But for the one that calls this, if one does.
        """
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()
        for subscription in tuple(self._subscriptions):
            self._drop(subscription)
        await asyncio.gather(*self._deliveries - {asyncio.current_task()})

    def _subscribe(self, name: str, listener: Listener, *, once: bool) -> None:
        if name not in NAMES:
            raise InvalidArgumentError(
                f"there is no event called {name!r}", hint=f"Events: {', '.join(sorted(NAMES))}."
            )
        self._subscriptions.append(_Subscription(name, listener, is_once=once))

    def _deliver(self, subscription: _Subscription, event: Event) -> None:
        if not _is_coroutine_function(subscription.listener):
            try:
                subscription.listener(event)
            except Exception as error:  # noqa: BLE001, RUF100  # a listener's fault is not the push's
                self._report(subscription, error)
            return
        if subscription.queue is None:
            subscription.queue = EventStream()
            delivery = asyncio.create_task(self._drain(subscription))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)
        subscription.queue.put(event)
        if subscription.is_once:
            subscription.queue.close()

    async def _drain(self, subscription: _Subscription) -> None:
        assert subscription.queue is not None  # noqa: S101  # set just before the task is made
        async for event in subscription.queue:
            if event.name != subscription.name:
                self.emit(event)  # the queue's own word on what was left out
                continue
            try:
                result = subscription.listener(event)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001, RUF100  # a listener's fault is not the push's
                self._report(subscription, error)

    def _drop(self, subscription: _Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if subscription.queue is not None:
            subscription.queue.close()

    def _report(self, subscription: _Subscription, error: Exception) -> None:
        if subscription.name == Error.name:
            return  # telling a broken error listener of its own error would never end
        self.emit(
            Error(
                message=f"a listener for {subscription.name} failed: {error!r}",
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
    """An async iterator of events; leaving `async with`, or `close`, ends it."""

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._length = length
        self._events: deque[Event] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self.on_close: Callable[[], None] = lambda: None

    def put(self, event: Event) -> None:
        """Appends `event`, in place of an older one where the queue is full; none once closed."""
        if self._closed:
            return
        if len(self._events) >= self._length:
            self._lost += 1
            if isinstance(event, CommandOutput):
                return
            self._make_room()
        self._events.append(event)
        self._arrived.set()

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
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def _make_room(self) -> None:
        for index, event in enumerate(self._events):
            if isinstance(event, CommandOutput):
                del self._events[index]
                return
        self._events.popleft()
