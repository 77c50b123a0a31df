"""Follows a build context: watcher's hints -> what really changed -> pushes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import anyio
import anyio.to_thread

from livepush import events
from livepush.context import Context
from livepush.droppings import triggers
from livepush.engine import ContainerInfo
from livepush.errors import DockerfileParseError, LivepushError
from livepush.live import Dockerfile
from livepush.model import Changes
from livepush.push import Pushes
from livepush.watch import Hints, Watcher

_CONTAINER_INTERVAL = 1.0  # seconds between two looks at the application's container

Trigger = Literal["notify", "polling", "manual"]


@dataclass(frozen=True, slots=True)
class Following:
    """How a context is followed.

    `polling` looks at every file by the clock instead of being told by the operating system, and
    `manual` pushes only when `demand` returns. `debounce` is for how many seconds nothing may
    change before a push begins; by default a change goes at once.
    """

    trigger: Trigger = "notify"
    debounce: float = 0.0
    demand: Callable[[], Awaitable[object]] | None = None


class Followed(Protocol):
    """What following needs of a session."""

    @property
    def dockerfile(self) -> Dockerfile: ...

    @property
    def context(self) -> Context: ...

    @property
    def pushes(self) -> Pushes: ...

    @property
    def container(self) -> ContainerInfo: ...

    @property
    def stages(self) -> int: ...

    async def is_running(self) -> bool: ...

    async def reread(self, hints: frozenset[str]) -> Changes: ...

    async def reopen(self) -> Changes: ...


async def follow(session: Followed, following: Following) -> None:
    """Pushes every change of the session's context until it is cancelled."""
    await _Follower(session, following).run()


class _Follower:
    def __init__(self, session: Followed, following: Following) -> None:
        self._session = session
        self._following = following
        self._wake = anyio.Event()
        self._controls = _stamps(session.context)

    async def run(self) -> None:
        context = self._session.context
        watcher = Watcher(
            context.root,
            extra=[context.root / name for name in context.control_files],
            skips=lambda directory: self._session.context.skips(directory),
            polling=self._following.trigger == "polling",
        )
        async with watcher, anyio.create_task_group() as tasks:
            # The context was read when the session opened; what came since is a change, too.
            await self._look(frozenset({""}))
            self._session.pushes.emit(
                events.Ready(container_id=self._session.container.id, stages=self._session.stages)
            )
            tasks.start_soon(self._push)
            tasks.start_soon(self._mind_container)
            async for hints in watcher:
                await self._look(hints)

    async def _look(self, hints: Hints) -> None:
        session = self._session
        try:
            controls = self._changed_controls()
            if session.context.dockerfile in controls:
                await self._compare_dockerfile()
            if controls - {session.context.dockerfile}:
                changes = await session.reopen()
            else:
                changes = await session.reread(hints)
        except LivepushError as error:
            session.pushes.emit(events.Error(message=error.message, hint=error.hint))
            return
        if changes:
            session.pushes.note(changes)
            if triggers(changes):
                self._wake.set()

    def _changed_controls(self) -> set[str]:
        """The Dockerfile and ignore files that are not what they were at the last look."""
        before, self._controls = self._controls, _stamps(self._session.context)
        return {name for name, stamp in self._controls.items() if before.get(name) != stamp}

    async def _compare_dockerfile(self) -> None:
        """A changed Dockerfile is answered by a rebuild, unless it says the same as before."""
        context = self._session.context
        path = Path(context.root, context.dockerfile)
        try:
            now = Dockerfile(await anyio.to_thread.run_sync(path.read_bytes))
        except FileNotFoundError:
            return  # an editor that is about to put the new one there
        except DockerfileParseError as error:
            message = f"{context.dockerfile}:{error.line}: {error.message}"
            self._session.pushes.emit(events.Error(message=message, hint=error.hint))
            return
        if now.meaning != self._session.dockerfile.meaning:
            self._session.pushes.emit(
                events.RebuildNeeded(
                    reason=f"{context.dockerfile} has changed",
                    line=now.first_difference(self._session.dockerfile),
                )
            )

    async def _push(self) -> None:
        pushes = self._session.pushes
        while True:
            await self._demanded()
            while pushes.owes:
                try:
                    await pushes.push()
                except LivepushError as error:
                    pushes.emit(events.Error(message=error.message, hint=error.hint))

    async def _mind_container(self) -> None:
        """Tells when the application's container stops or starts without livepush's doing."""
        session, ran = self._session, True
        while True:
            await anyio.sleep(_CONTAINER_INTERVAL)
            if session.pushes.busy:
                continue
            try:
                runs = await session.is_running()
            except LivepushError:
                continue  # an engine that does not answer is the next push's news
            if runs != ran and not session.pushes.busy:
                ran = runs
                happened = events.ContainerStarted if runs else events.ContainerStopped
                session.pushes.emit(happened(container_id=session.container.id))

    async def _demanded(self) -> None:
        if self._following.trigger == "manual" and self._following.demand is not None:
            await self._following.demand()
            # What was saved just before the demand may not have been told yet.
            await self._look(frozenset({""}))
            return
        while True:
            await self._wake.wait()
            # Quiet is a whole debounce without another change; without one, there is no wait.
            self._wake = anyio.Event()
            if not self._following.debounce:
                return
            with anyio.move_on_after(self._following.debounce) as quiet:
                await self._wake.wait()
            if quiet.cancelled_caught:
                return
            self._wake.set()


def _stamps(context: Context) -> dict[str, tuple[int, ...]]:
    """What changes with each of the context's control files; empty for one that is not there."""
    stamps: dict[str, tuple[int, ...]] = {}
    for name in context.control_files:
        try:
            stat = os.stat(context.root / name)
        except OSError:
            stamps[name] = ()
        else:
            stamps[name] = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    return stamps
