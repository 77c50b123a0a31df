"""Hints that files changed, as soon as the operating system tells. Hints, never the truth.

The theory. watchfiles reports names, but it loses some: it says nothing of what a directory
already held when it came to be watched, of what a kernel queue dropped, or of anything once it has
died of a name that is not UTF-8. And watching recursively, it follows links out of the tree and
reports what it finds under either name. So here

- every directory of interest is registered by itself, and links are never followed;
- once a directory is new, everything is registered again, and when that is done, the new
  directory is hinted at once more: what came before the registration is on disk by then, what
  comes after is reported. The old registration ends only when the new one has begun;
- a directory is registered before those in it, so that none can be swapped unseen in between;
- after any doubt, and on a slow clock, the hint is `""`: anything may have changed;
- what the system refuses to watch is polled: the clock is fast then, and nothing else tells.

Whoever looks at the disk where the hints say will miss nothing, whatever was lost here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import anyio
import anyio.to_thread

from livepush.burst import Burst
from livepush.errors import InvalidArgumentError, LivepushError
from livepush.folders import VANISHED, Folders
from livepush.registration import LINGER, Registration

Hints = frozenset[str]
EVERYTHING: Hints = frozenset({""})

_SELDOM = 1000  # of the time, at most one such part goes into looks that nobody asked for
_AGAIN = 1.0  # s; between a hint and the same once more
_PAUSE = 0.02  # s; between two registrations at least
_ATTEMPTS = 10  # to register a tree that is being taken down


class Watcher:
    """Follows a directory tree: an async context manager, and an async iterator of hints.

    Each item is a set of paths below `root` whose entries may have changed, for a directory with
    all below it; `""` stands for everything. All that is hinted at while the consumer is busy
    comes together as its next item. From when the context is entered, no change is missed: look
    at the whole tree then, and where the hints say ever after.

    `extra` are single files to follow wherever they are; one outside of `root` is hinted at by
    its absolute path, with the links in front of its last component resolved. `skips` tells which
    directories (relative paths) hold nothing of interest; it is asked anew once the consumer has
    dealt with a change of one of the `extra`, or with everything.

    Everything is hinted at `interval` seconds after the consumer has last dealt with that, or 1000
    times as long as that took; with `polling`, after `poll_interval` seconds, or after as long as
    the consumer needed, and for no other reason. So it is, too, while the name of a directory is
    not UTF-8: watchfiles dies of the look that somebody takes at it.

    Where the operating system refuses to watch, also later on, it goes on by polling; `warn` is
    told once, with the way out. Entering raises `InvalidArgumentError` where there is no `root`.
    Leaving leaves no thread, even when it is cancelled.
    """

    def __init__(
        self,
        root: Path,
        *,
        extra: Collection[Path] = (),
        skips: Callable[[str], bool] = lambda _: False,
        polling: bool = False,
        interval: float = 60.0,
        poll_interval: float = 0.5,
        warn: Callable[[LivepushError], None] = lambda _: None,
    ) -> None:
        self._folders = Folders(root, extra, skips)
        self._polling = polling
        self._interval = interval
        self._poll_interval = poll_interval
        self._warn = warn
        self._due: float | None = None
        self._handed = math.inf
        self._reconsider = False
        self._hints: set[str] = set()
        self._news = asyncio.Event()
        self._new: set[str] = set()
        self._wanted = asyncio.Event()
        self._registered: frozenset[str] = frozenset()
        self._identity: tuple[int, int] | None = None
        self._dead = False
        self._registrations: list[Registration] = []
        self._burst = Burst(self._doubt)
        self._once_more: set[str] = set()
        self._once_more_later: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watcher:
        if self._polling:
            return self
        if self._folders.identity() is None:
            raise InvalidArgumentError(f"there is no directory {self._folders.root} to watch")
        try:
            error = await self._renew()
            for _ in range(_ATTEMPTS):
                if isinstance(error, VANISHED):
                    error = await self._renew()
            if error is not None:
                await self._poll_instead(error)
                return self
        except BaseException:  # a cancel as well: no thread may stay
            await self.aclose()
            raise
        self._hints.clear()
        self._news.clear()
        self._keeper = asyncio.create_task(self._keep())
        self._keeper.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop watching; whoever iterates comes to the end."""
        self._folders.closed = True
        self._news.set()
        self._burst.close()
        if self._timer is not None:
            self._timer.cancel()
        with anyio.CancelScope(shield=True):
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.gather(self._keeper, return_exceptions=True)
            await self._release()

    def again(self, hints: Hints) -> None:
        """Hints at the same once more, in a second or two, also when nothing else happens.

        Some writes are told to nobody: those through a memory map, and those that were lost.
        """
        if self._polling or not hints:
            return  # the clock does so by itself
        if self._timer is not None:
            self._once_more_later |= hints
        else:
            self._once_more = set(hints)
            self._timer = asyncio.get_running_loop().call_later(_AGAIN, self._repeat)

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> Hints:
        now = time.monotonic()
        if self._reconsider:
            self._wanted.set()
        if self._due is None:
            # Half of the time may go into looking at everything, but not more.
            took, blind = now - self._handed, self._polling or self._folders.blind
            often, seldom = max(self._poll_interval, took), max(self._interval, _SELDOM * took)
            self._due = now + (often if blind else seldom)
        with anyio.move_on_after(max(0.0, self._due - now)):
            await self._news.wait()
        if self._folders.closed:
            raise StopAsyncIteration
        if self._keeper is not None and self._keeper.done():
            await self._keeper
        hints = frozenset(self._hints)
        self._hints.clear()
        self._news.clear()
        everything = "" in hints or time.monotonic() >= self._due
        self._reconsider = everything or self._folders.has_extra(hints)
        if not everything:
            return hints
        self._due = None
        self._handed = time.monotonic()
        return EVERYTHING

    async def _keep(self) -> None:
        """Register anew whenever there is something new, for half of the time at most."""
        while True:
            self._wanted.clear()
            began = time.monotonic()
            if not (self._new or await self._differs()):
                await self._wanted.wait()
                continue
            if self._folders.identity() is not None:
                error = await self._renew()
                if error is not None and not isinstance(error, VANISHED):
                    await self._poll_instead(error)
                    return
            await anyio.sleep(min(_PAUSE + time.monotonic() - began, 1.0))

    async def _differs(self) -> bool:
        """Whether a directory is not registered: its creation need not have been reported."""
        blind = self._folders.blind
        try:
            directories = await anyio.to_thread.run_sync(self._folders.walk)
        except OSError:
            return True  # whoever registers will meet it again
        if self._folders.blind and not blind:
            self._doubt()  # the consumer comes back to a faster clock
        # While the clock is all there is, it would die again of the very look it causes.
        if self._dead and not self._folders.blind:
            return True
        return self._folders.identity() != self._identity or bool(directories - self._registered)

    async def _renew(self) -> Exception | None:
        """Register every directory that there is, then hint at those that are new.

        Returns what was wrong: when a directory went in the meantime it is to be done again, and
        for everything else nothing is registered any more.
        """
        new, self._new = self._new, set()
        identity = self._folders.identity()
        if self._dead or identity != self._identity:
            new.add(self._folders.root)
        try:
            directories = await anyio.to_thread.run_sync(self._folders.walk)
        except OSError as unlisted:
            return unlisted
        error = await self._register(directories)
        if error is not None and not isinstance(error, VANISHED) and self._registrations:
            # The limit may have room for one registration, but not for two.
            await self._release()
            self._registered = frozenset()
            error = await self._register(directories)
        if error is None:
            self._hint(new | (directories - self._registered))
            self._registered, self._identity = directories, identity
        else:
            self._new |= new
        return error

    async def _register(self, directories: frozenset[str]) -> Exception | None:
        """Replace the registration by one of `directories`; what is wrong if that cannot be."""
        while len(self._registrations) > 1:
            await self._registrations[0].join()
            del self._registrations[0]
        self._dead = False
        fresh = Registration(directories, self._receive, self._doubt, self._lose)
        self._registrations.append(fresh)
        await fresh.settled.wait()
        if fresh.error is not None:
            self._registrations.remove(fresh)
            await fresh.join()
            return fresh.error
        for replaced in self._registrations[:-1]:
            replaced.end(after=LINGER)
        return None

    async def _poll_instead(self, error: Exception) -> None:
        """From now on the clock alone hints, at everything: the system refuses to watch."""
        await self._release()
        self._polling = True
        self._doubt()
        self._warn(_refusal(self._folders.root, error))

    async def _release(self) -> None:
        for registration in self._registrations:
            registration.end()
        for registration in self._registrations:
            await registration.join()
        self._registrations.clear()

    def _receive(self, paths: Collection[str], directories: Iterable[str]) -> None:
        """Take note of changes at `paths`, of which some are `directories` by now."""
        self._hint(paths)
        new = {path for path in directories if self._folders.follows(path)}
        if self._folders.root in paths:
            new.add(self._folders.root)
        if new:
            self._new |= new
            self._wanted.set()
        self._burst.add(len(paths))

    def _lose(self) -> None:
        """A registration died, and what it had to say is lost."""
        self._dead = True
        self._wanted.set()

    def _repeat(self) -> None:
        """It is time for what is to be hinted at once more."""
        self._hints |= self._once_more
        self._news.set()
        self._timer = None
        later, self._once_more_later = self._once_more_later, set()
        self.again(frozenset(later))

    def _doubt(self) -> None:
        self._hint([self._folders.root])

    def _hint(self, paths: Iterable[str]) -> None:
        self._hints.update(name for path in paths if (name := self._folders.name(path)) is not None)
        if self._hints:
            self._news.set()


def _refusal(root: str, error: Exception) -> LivepushError:
    """What the operating system's refusal means to a person."""
    reason = str(error)
    if "MaxFilesWatch" in reason:
        return LivepushError(
            f"{root} has more directories than the system lets a user watch; "
            "livepush looks at every file instead, twice a second at most",
            hint="Raise fs.inotify.max_user_watches with sysctl, or ignore what no build needs in "
            ".dockerignore, and start again.",
        )
    return LivepushError(
        f"{root} cannot be watched: {reason}; "
        "livepush looks at every file instead, twice a second at most",
        hint="Where too many programs watch, raise fs.inotify.max_user_instances with sysctl, and "
        "start again.",
    )
