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
- after any doubt, and on a slow clock, the hint is `""`: anything may have changed.

Whoever looks at the disk where the hints say will miss nothing, whatever was lost here.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import anyio.to_thread
import watchfiles

from livepush.errors import InvalidArgumentError, LivepushError
from livepush.folders import VANISHED, Folders, is_directory

Hints = frozenset[str]
EVERYTHING: Hints = frozenset({""})

_STEP = 5  # ms; how often watchfiles looks for news, and how long it waits for more of them
_DEBOUNCE = 50  # ms; how long it collects at most while they do not cease
_LINGER = 0.1  # s; for how long a replaced registration still delivers; more than _DEBOUNCE
_STALL = 1.0  # s; after such a pause the kernel's queue may have overflowed
_BURST = 1000  # so it may with that many changes in a row
_CALM = 0.25  # s; when no change for so long ends the row
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

    Everything is hinted at `interval` seconds after the consumer has last dealt with that; with
    `polling`, after `poll_interval` seconds and for no other reason; and after these, too, while
    the name of a directory is not UTF-8: watchfiles dies of the look that somebody takes at it.

    Entering and iterating raise `LivepushError` where the operating system refuses to watch.
    Leaving leaves no thread, even when it is cancelled.
    """

    def __init__(
        self,
        root: Path,
        *,
        extra: Collection[Path] = (),
        skips: Callable[[str], bool] = lambda _: False,
        polling: bool = False,
        interval: float = 30.0,
        poll_interval: float = 0.5,
    ) -> None:
        self._folders = Folders(root, extra, skips)
        self._polling = polling
        self._interval = interval
        self._poll_interval = poll_interval
        self._due: float | None = None
        self._reconsider = False
        self._hints: set[str] = set()
        self._news = asyncio.Event()
        self._new: set[str] = set()
        self._wanted = asyncio.Event()
        self._registered: frozenset[str] = frozenset()
        self._identity: tuple[int, int] | None = None
        self._dead = False
        self._registrations: list[_Registration] = []
        self._lately = 0
        self._calm: asyncio.TimerHandle | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watcher:
        if self._polling:
            return self
        if self._folders.identity() is None:
            raise InvalidArgumentError(f"there is no directory {self._folders.root} to watch")
        try:
            for attempt in range(_ATTEMPTS, -1, -1):
                if (error := await self._renew()) is None:
                    break
                if not attempt:
                    raise _refused(self._folders.root, error)
        except BaseException:
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
        if self._calm is not None:
            self._calm.cancel()
        with anyio.CancelScope(shield=True):
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.gather(self._keeper, return_exceptions=True)
            await self._release()

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> Hints:
        now = time.monotonic()
        if self._reconsider:
            self._wanted.set()
        if self._due is None:
            often = self._polling or self._folders.blind
            self._due = now + (self._poll_interval if often else self._interval)
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
                await self._renew()
            await anyio.sleep(min(_PAUSE + time.monotonic() - began, 1.0))

    async def _differs(self) -> bool:
        """Whether a directory is not registered: its creation need not have been reported."""
        blind = self._folders.blind
        directories = await anyio.to_thread.run_sync(self._folders.walk)
        if self._folders.blind and not blind:
            self._doubt()  # the consumer comes back to a faster clock
        # While the clock is all there is, it would die again of the very look it causes.
        if self._dead and not self._folders.blind:
            return True
        return self._folders.identity() != self._identity or bool(directories - self._registered)

    async def _renew(self) -> Exception | None:
        """Register every directory that there is, then hint at those that are new.

        Returns what was wrong when a directory went in the meantime: it is to be done again.
        """
        new, self._new = self._new, set()
        identity = self._folders.identity()
        if self._dead or identity != self._identity:
            new.add(self._folders.root)
        directories = await anyio.to_thread.run_sync(self._folders.walk)
        error = await self._register(directories)
        if error is not None and not isinstance(error, VANISHED) and self._registrations:
            # The limit may have room for one registration, but not for two.
            await self._release()
            self._registered = frozenset()
            error = await self._register(directories)
        if isinstance(error, VANISHED):
            self._new |= new
            return error
        if error is not None:
            raise _refused(self._folders.root, error) from error
        self._hint(new | (directories - self._registered))
        self._registered, self._identity = directories, identity
        return None

    async def _register(self, directories: frozenset[str]) -> Exception | None:
        """Replace the registration by one of `directories`; what is wrong if that cannot be."""
        while len(self._registrations) > 1:
            await self._registrations[0].join()
            del self._registrations[0]
        self._dead = False
        fresh = _Registration(directories, self._receive, self._doubt, self._lose)
        self._registrations.append(fresh)
        await fresh.settled.wait()
        if fresh.error is not None:
            self._registrations.remove(fresh)
            await fresh.join()
            return fresh.error
        for replaced in self._registrations[:-1]:
            replaced.end(after=_LINGER)
        return None

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
        self._lately += len(paths)
        if self._calm is not None:
            self._calm.cancel()
        self._calm = asyncio.get_running_loop().call_later(_CALM, self._calm_down)

    def _lose(self) -> None:
        """A registration died, and what it had to say is lost."""
        self._dead = True
        self._wanted.set()

    def _calm_down(self) -> None:
        if self._lately >= _BURST:
            self._doubt()
        self._lately = 0

    def _doubt(self) -> None:
        self._hint([self._folders.root])

    def _hint(self, paths: Iterable[str]) -> None:
        self._hints.update(name for path in paths if (name := self._folders.name(path)) is not None)
        if self._hints:
            self._news.set()


class _Registration:
    """One run of watchfiles over fixed directories, in a thread of its own.

    `settled` once they are registered, or `error` tells why they cannot be. `receive` gets the
    changed paths and which are directories, `doubt` and `died` say that some may be missing.
    """

    def __init__(
        self,
        directories: frozenset[str],
        receive: Callable[[Collection[str], Collection[str]], None],
        doubt: Callable[[], None],
        died: Callable[[], None],
    ) -> None:
        self.settled = asyncio.Event()
        self.error: Exception | None = None
        self._ended = asyncio.Event()
        self._directories = directories
        self._receive = receive
        self._doubt = doubt
        self._died = died
        self._asked = 0.0
        self._end_at = math.inf
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="livepush-watch", daemon=True)
        self._thread.start()

    def end(self, *, after: float = 0.0) -> None:
        """Stop, in `after` seconds; what was reported in the last moments is lost."""
        self._end_at = time.monotonic() + after

    async def join(self) -> None:
        """Wait until it has ended; it leaves nothing behind then."""
        await self._ended.wait()
        self._thread.join()

    def is_set(self) -> bool:
        """Whether to stop. watchfiles asks at every step, but first when all is registered."""
        now = time.monotonic()
        if not self._asked:
            self._tell(self.settled.set)
        elif now - self._asked > _STALL:
            self._tell(self._doubt)
        self._asked = now
        return now >= self._end_at

    def _run(self) -> None:
        try:
            for changes in watchfiles.watch(
                *sorted(self._directories),  # parents first
                watch_filter=None,
                debounce=_DEBOUNCE,
                step=_STEP,
                stop_event=self,
                rust_timeout=0,
                force_polling=False,
                recursive=False,
                ignore_permission_denied=False,
            ):
                paths = {path for _, path in changes}
                self._tell(self._receive, paths, set(filter(is_directory, paths)))
        except (OSError, RuntimeError) as error:
            self._tell(self._fail, error)
        finally:
            self._tell(self._ended.set)

    def _tell(self, what: Callable[..., None], *about: object) -> None:
        self._loop.call_soon_threadsafe(what, *about)

    def _fail(self, error: Exception) -> None:
        # A name that watchfiles cannot read may kill it before it has asked for the first time.
        if self.settled.is_set() or "Unable to decode" in str(error):
            self._died()
        else:
            self.error = error
        self.settled.set()


def _refused(root: str, error: Exception) -> LivepushError:
    """What the operating system's refusal means to a person."""
    if "MaxFilesWatch" in str(error):
        return LivepushError(
            f"{root} has more directories than the system lets a user watch",
            hint="Raise fs.inotify.max_user_watches with sysctl, ignore what no build needs in "
            ".dockerignore, or use --trigger polling.",
        )
    return LivepushError(
        f"{root} cannot be watched: {error}",
        hint="Raise fs.inotify.max_user_instances with sysctl, or use --trigger polling.",
    )
