"""The application's container as others stop it, start it and make it anew.

- The engine tells when there is something to see, and the container is looked at then. It is
  looked at now and then anyway, since what the engine tells may be lost: seldom while it tells, so
  that an idle session costs nothing. What came and went between two looks shows in what waits for
  it, and in when it was started last.
- One that ended by itself is started once a save has landed in it, which may be what mends it.
- One that is made anew under the same name is gone on with. What a save or another container would
  have to mend first is tried once for each of these, and an engine that fails again and again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Protocol

import anyio

from livepush import events, recovery
from livepush.engine import ContainerInfo
from livepush.errors import ContainerNotRunningError, LivepushError
from livepush.push import Pushes

_INTERVAL = 2.0  # seconds between two looks, where the engine tells nothing
_SELDOM = 60.0  # and where it does
_SETTLES = 0.3  # seconds that what happens together may take, as a restart or a new container does

Tell = Callable[[LivepushError], None]


class Attached(Protocol):
    """What it needs of a session."""

    @property
    def pushes(self) -> Pushes: ...

    @property
    def container(self) -> ContainerInfo: ...

    async def look(self) -> ContainerInfo | None: ...

    def happenings(self) -> AsyncGenerator[None, None]: ...

    async def start(self) -> None: ...

    async def reattach(self) -> None: ...


class Presence:
    """Follows the container of a session; `saves` and `waits` are for who pushes into it.

    `tell` takes what goes wrong. `push` is called where what is owed may land now, and `catch_up`
    where the session has another container.
    """

    def __init__(
        self,
        session: Attached,
        tell: Tell,
        *,
        push: Callable[[], None],
        catch_up: Callable[[], Awaitable[None]],
    ) -> None:
        self.saves = 0  # how many there have been
        self.waits = False  # whether what is owed waits until the container runs
        self._session = session
        self._tell = tell
        self._push = push
        self._catch_up = catch_up
        self._in_vain = ("", 0)  # the container that could not be gone on with, after which save
        self._started, self._pushed = "", 0
        self._hurry = anyio.Event()
        self._hears = False  # what the engine tells
        self._is_deaf = False  # to all of it, or to some
        self._seen: tuple[object, ...] = ()  # the container as it was last

    def hurry(self) -> None:
        """Has it look at once: a push has ended, which may have met one that had stopped."""
        self._hurry.set()

    async def follow(self) -> None:
        """Until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            await self._look()

    async def _listen(self) -> None:
        while True:
            self._hears = True
            with suppress(LivepushError):
                async with aclosing(self._session.happenings()) as told:
                    async for _ in told:
                        await anyio.sleep(_SETTLES)
                        self._hurry.set()
            self._hears = False
            self._hurry.set()  # what has happened since may be lost
            await anyio.sleep(_INTERVAL)

    async def _look(self) -> None:
        session, seen = self._session, False
        self._begin_with(session.container)
        while True:
            seldom = seen and self._hears and not self._is_deaf
            with anyio.move_on_after(_SELDOM if seldom else _INTERVAL) as waiting:
                await self._hurry.wait()
            self._hurry, seen = anyio.Event(), False
            if session.pushes.busy:
                continue
            try:
                info = await session.look()
                # Somebody between the engine and here may keep what it tells.
                self._is_deaf |= seldom and waiting.cancelled_caught and _state(info) != self._seen
                self._seen = _state(info)
                if info is not None and info.id != session.container.id:
                    await self._go_on_with(info)
                elif not session.pushes.busy:
                    await self._compare(info)
                seen = True
            except LivepushError as error:
                if isinstance(error, ContainerNotRunningError) or recovery.may_pass(error):
                    self._in_vain = "", 0  # an engine that does not answer is the next push's news
                else:
                    self._tell(error)

    def _begin_with(self, info: ContainerInfo) -> None:
        self._pushed = self._session.pushes.serial
        self._session.pushes.on_end = self.hurry
        # A push may have restarted it since; that shows in a moment.
        self._started = "" if self._pushed else info.started
        self._hurry.set()

    async def _compare(self, info: ContainerInfo | None) -> None:
        pushes, runs = self._session.pushes, _runs(info)
        ran = not pushes.away
        started, self._started = self._started, info.started if info else self._started
        pushed, self._pushed = self._pushed, pushes.serial
        anew = started not in ("", self._started)
        # Between two looks it is a push that restarts it, or else somebody.
        away = ran and runs and anew and pushed == pushes.serial
        if ran and (away or not runs):
            pushes.tell_stopped()
        if runs:
            pushes.tell_started()
        if runs and (self.waits or ((anew or not ran) and (pushes.owes or pushes.stuck))):
            self._push_again()
        # One that a push has started has had its turn with what that landed.
        elif (
            info and not (runs or info.paused or anew) and pushes.landed and pushes.serial > pushed
        ):
            try:
                await self._session.start()
            except LivepushError as error:
                self._tell(error)

    def _push_again(self) -> None:
        self.waits = False
        self._push()

    async def _go_on_with(self, info: ContainerInfo) -> None:
        """Goes on with a container that has been made anew, as it lacks what has been pushed."""
        if self._in_vain == (info.id, self.saves):
            return
        self._in_vain = info.id, self.saves
        older, ran = self._session.container.id, not self._session.pushes.away
        await self._session.reattach()
        self.waits = False  # what the older one lacked
        if ran:
            self._session.pushes.emit(events.ContainerStopped(container_id=older))
        if not self._session.pushes.away:
            self._session.pushes.emit(events.ContainerStarted(container_id=info.id))
        await self._catch_up()
        self._begin_with(info)


def _state(info: ContainerInfo | None) -> tuple[object, ...]:
    return () if info is None else (info.id, info.running, info.paused, info.started)


def _runs(info: ContainerInfo | None) -> bool:
    return info is not None and info.running and not info.paused
