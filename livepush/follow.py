"""Follows a build context: watcher's hints -> what really changed -> pushes.

- Where a hint could not be followed, because something cannot be read, it is kept, and followed
  with the next one or soon by itself; the person is told once.
- What has changed is looked at once more a little later: not every write is reported. Where that
  takes no time, everything is: a write through another name of a file (a hard link) is reported
  under that name only.
- A push begins at once, and its commands when the changes have come to rest; whatever keeps
  changing cannot hold these up.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import anyio
import anyio.to_thread

from livepush import events, recovery
from livepush.cause import ungrouped
from livepush.context import Context
from livepush.droppings import is_dropping, triggers
from livepush.engine import ContainerInfo
from livepush.errors import (
    DockerfileParseError,
    InvalidArgumentError,
    LivepushError,
)
from livepush.live import Dockerfile
from livepush.lull import Lull
from livepush.model import Changes
from livepush.presence import Presence
from livepush.push import Pushes
from livepush.shield import finish
from livepush.tree import Tree
from livepush.unsettled import Unsettled
from livepush.watch import EVERYTHING, Hints, Watcher

_NO_TIME = 0.05  # seconds; a look at everything that takes no longer may follow each change
_REPLACED = 0.002  # seconds between the end of a file and its successor

Trigger = Literal["notify", "polling", "manual"]


@dataclass(frozen=True, slots=True)
class Following:
    """How a context is followed.

    With `initial_sync` the container first gets what it lacks: what changed while nobody watched.
    `polling` looks at every file by the clock instead of being told by the operating system, and
    `manual` pushes only when `demand` returns. `debounce` is for how many seconds nothing may
    change before a push begins, ten times that at most; by default a change goes at once.

    Raises `InvalidArgumentError` for another trigger, for `manual` without a `demand` and for a
    `demand` without it, and for a negative `debounce`.
    """

    trigger: Trigger = "notify"
    debounce: float = 0.0
    demand: Callable[[], Awaitable[object]] | None = None
    initial_sync: bool = True

    def __post_init__(self) -> None:
        if self.trigger not in get_args(Trigger):
            raise InvalidArgumentError(
                f"there is no trigger {self.trigger!r}",
                hint=f"Triggers: {', '.join(get_args(Trigger))}.",
            )
        if (self.trigger == "manual") != (self.demand is not None):
            raise InvalidArgumentError(
                "the trigger manual and a demand belong together: it pushes when that returns",
                hint="Give both, or neither.",
            )
        if self.debounce < 0:
            raise InvalidArgumentError(f"a debounce of {self.debounce} seconds is less than none")


class Followed(Protocol):
    """What following needs of a session."""

    @property
    def dockerfile(self) -> Dockerfile: ...

    @property
    def context(self) -> Context: ...

    @property
    def tree(self) -> Tree: ...

    @property
    def pushes(self) -> Pushes: ...

    @property
    def container(self) -> ContainerInfo: ...

    @property
    def stages(self) -> int: ...

    async def is_running(self) -> bool: ...

    async def look(self) -> ContainerInfo | None: ...

    def happenings(self) -> AsyncGenerator[None, None]: ...

    async def start(self) -> None: ...

    def expect(self, edited: Dockerfile) -> None: ...

    async def reattach(self) -> None: ...

    async def catch_up(self) -> bool: ...

    async def reread(self, hints: frozenset[str]) -> Changes: ...

    async def reopen(self) -> Changes: ...


async def follow(session: Followed, following: Following) -> None:
    """Pushes every change of the session's context until it is cancelled.

    Raises `InvalidArgumentError` where there is no directory to follow.
    """
    with ungrouped():
        await _Follower(session, following).run()


class _Follower:
    def __init__(self, session: Followed, following: Following) -> None:
        self._session = session
        self._following = following
        self._wake = anyio.Event()
        self._lull = Lull(following.debounce)
        self._looking = anyio.Lock()
        self._look_began = math.inf
        self._unseen: Hints = frozenset()
        self._unsettled = Unsettled()
        self._everything = math.inf  # seconds that the last look at everything took
        self._complaint = ""
        self._presence = Presence(
            session, self._tell, push=self._push_again, catch_up=self._catch_up
        )
        self._behind = False  # whether what the container lacks could not be found out
        context = session.context
        # The ignore file may have changed since the session read it.
        self._controls = {context.dockerfile: _stamp(context, context.dockerfile)}
        self._watcher = Watcher(
            context.root,
            extra=[context.root / name for name in context.control_files],
            skips=lambda directory: session.context.skips(directory),
            polling=following.trigger == "polling",
            warn=self._tell,
        )

    async def run(self) -> None:
        async with self._watcher as watcher, anyio.create_task_group() as tasks:
            # The context was read when the session opened; what came since is a change, too.
            hints = EVERYTHING
            while not await self._look(hints):
                hints = await anext(watcher)
            tasks.start_soon(self._push)
            tasks.start_soon(self._begin)
            async for hints in watcher:
                await self._look(hints)

    async def _look(self, hints: Hints) -> bool:
        """Owes what has really changed where `hints` point; whether that could be seen.

        What is seen once is told only once: it is owed also where this is cancelled meanwhile.
        """
        return await finish(self._seen(hints))

    async def _seen(self, hints: Hints) -> bool:
        since = time.monotonic()
        async with self._looking:
            self._unseen |= hints
            began = self._look_began = anyio.current_time()
            try:
                changes = await self._changes(self._unseen)
            except LivepushError as error:
                if error.message != self._complaint:
                    self._tell(error)
                self._complaint = error.message
                self._watcher.again(self._unseen)
                return False
            again = changes.changed | self._unsettled.paths
            if self._unseen >= EVERYTHING:
                self._everything = anyio.current_time() - began
            elif self._everything < _NO_TIME:
                again = EVERYTHING
            self._watcher.again(again)
            self._complaint, self._unseen = "", frozenset()
        if changes:
            self._presence.saves += 1
            pushed = triggers(changes)
            # Nothing may be ended that nobody begins again.
            overtakes = pushed and self._following.trigger != "manual"
            taken = self._session.pushes.note(changes, since=since, overtakes=overtakes)
            if pushed:
                waited_for = {path for path in taken if not is_dropping(path)}
                self._lull.add(
                    changes.changed & waited_for,
                    anyio.current_time(),
                    gone=changes.deleted & waited_for,
                    since=began,
                )
                self._wake.set()
        return True

    async def _changes(self, hints: Hints) -> Changes:
        """What really differs where `hints` point; a `LivepushError` says what cannot be read."""
        session = self._session
        dockerfile = session.context.dockerfile
        controls = self._stamped()
        if any(not stamp and self._controls.get(name) for name, stamp in controls.items()):
            await anyio.sleep(_REPLACED)  # without its ignore file, more would be in the context
            controls = self._stamped()
        changed = {name for name, stamp in controls.items() if self._controls.get(name) != stamp}
        if dockerfile in changed:
            await self._compare_dockerfile()
            self._controls[dockerfile] = controls[dockerfile]
        try:
            changes = await (session.reopen() if changed - {dockerfile} else session.reread(hints))
        except DockerfileParseError as error:
            self._tell(error)  # of the ignore file: the one before holds until it is mended
            changes = await session.reread(hints)
        self._controls = controls
        if changes.deleted:
            changes = changes.then(await self._come_again(changes.deleted))
        if not self._unsettled.is_due(session.tree, changes.changed):
            return changes
        again = await anyio.to_thread.run_sync(
            self._unsettled.look, session.context, session.tree, changes.changed
        )
        return changes.then(Changes(again - changes.deleted))

    def _stamped(self) -> dict[str, tuple[int, ...]]:
        context = self._session.context
        return {name: _stamp(context, name) for name in context.control_files}

    async def _come_again(self, gone: frozenset[str]) -> Changes:
        """What is there again: whoever replaces a file by removing it first has it gone so long."""
        await anyio.sleep(_REPLACED)
        try:
            return await self._session.reread(gone)
        except LivepushError:
            return Changes()  # whoever looks next tells what is wrong; what is gone is owed

    async def _compare_dockerfile(self) -> None:
        """A changed Dockerfile is answered by a rebuild, unless it says the same as before."""
        context = self._session.context
        path = Path(context.root, context.dockerfile)
        try:
            now = Dockerfile(await anyio.to_thread.run_sync(_content, path))
        except FileNotFoundError:
            return  # an editor that is about to put the new one there
        except OSError as error:
            self._tell(
                LivepushError(
                    f"{context.dockerfile} cannot be read: {error.strerror}",
                    hint="The session goes on with what it said before.",
                )
            )
            return
        except DockerfileParseError as error:
            place = f"{context.dockerfile}:{error.line}"
            self._tell(LivepushError(f"{place}: {error.message}", hint=error.hint))
            return
        self._session.expect(now)
        if now.meaning != self._session.dockerfile.meaning:
            self._session.pushes.emit(
                events.RebuildNeeded(
                    reason=f"{context.dockerfile} has changed",
                    line=now.first_difference(self._session.dockerfile),
                )
            )

    async def _push(self) -> None:
        while True:
            await self._demanded()
            pushes = self._session.pushes
            if not pushes.owes:
                continue  # it has joined the push before
            if self._behind:
                self._behind = not await recovery.catch_up(self._session, self._tell, tries=1)
            self._presence.waits = await recovery.push(self._session, self._tell, self._rest)
            self._presence.hurry()  # once more, with that known

    async def _begin(self) -> None:
        """Brings what changed while nobody watched, and tells that all is ready."""
        session = self._session
        if self._following.initial_sync:
            await self._attempted(self._catch_up())
        session.pushes.emit(events.Ready(container_id=session.container.id, stages=session.stages))
        await self._presence.follow()

    def _push_again(self) -> None:
        self._session.pushes.note(Changes())
        self._wake.set()

    async def _catch_up(self) -> None:
        self._behind = not await recovery.catch_up(self._session, self._tell)
        if self._session.pushes.owes:
            self._presence.waits = await recovery.push(self._session, self._tell)

    async def _attempted(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except LivepushError as error:
            self._tell(error)

    async def _demanded(self) -> None:
        if self._following.demand is not None:
            await self._following.demand()
            # What was saved just before the demand may not have been told yet.
            await self._look(EVERYTHING)
            return
        await self._wake.wait()
        while (left := self._lull.left(anyio.current_time())) > 0:
            self._wake = anyio.Event()
            with anyio.move_on_after(left):
                await self._wake.wait()
        self._wake = anyio.Event()
        self._lull.end()

    def _rest(self) -> float:
        """For how long commands and restarts have to wait; nobody who demands a push does."""
        if self._following.demand is not None:
            return 0.0
        looking = self._look_began if self._looking.locked() else math.inf
        return self._lull.rest(anyio.current_time(), looking=looking)

    def _tell(self, error: LivepushError) -> None:
        self._session.pushes.emit(events.Error(message=error.message, hint=error.hint))


def _content(path: Path) -> bytes:
    """What the file says. Raises `OSError`, also for a pipe, which would wait for its writer."""
    if path.is_fifo():
        raise OSError(errno.EINVAL, "it is a pipe")
    return path.read_bytes()


def _stamp(context: Context, name: str) -> tuple[int, ...]:
    """What changes with a control file of the context; empty where it is not there."""
    try:
        stat = os.stat(context.root / name)
    except OSError:
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
