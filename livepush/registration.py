"""One registration with the operating system: watchfiles over fixed directories, in a thread."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Collection

import watchfiles

from livepush.folders import is_directory
from livepush.wakeup import Wakeup

_DEBOUNCE = 10  # ms; how long it collects at most while they do not cease
_STALL = 1.0  # s; after such a pause the kernel's queue may have overflowed

LINGER = 0.1
"""For how many seconds one that has been replaced still has to deliver; more than `_DEBOUNCE`."""


class Registration:
    """One run of watchfiles over `directories`, links not followed.

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
        self._wakeup: Wakeup | None = None
        self._turn = False
        self._end_at = math.inf
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="livepush-watch", daemon=True)
        self._thread.start()

    def end(self, *, after: float = 0.0) -> None:
        """Stop, in `after` seconds; what was reported in the last moments is lost."""
        self._end_at = time.monotonic() + after
        if self._wakeup is not None:
            self._wakeup.rouse()

    async def join(self) -> None:
        """Wait until it has ended; it leaves nothing behind then."""
        await self._ended.wait()
        self._thread.join()

    def is_set(self) -> bool:
        """Whether to stop. watchfiles asks before each look, but first when all is registered.

        It has news once it has found as much at two looks: so between each two there is none.
        """
        self._turn = not self._turn
        waited = 0.0
        if self._wakeup is None:
            self._wakeup = Wakeup(min(self._directories))
        elif self._turn:
            waited = self._wakeup.wait(lambda: self._end_at - time.monotonic())
        now = time.monotonic()
        if not self._asked:
            self._tell(self.settled.set)
        elif now - self._asked > _STALL + waited:
            self._tell(self._doubt)
        self._asked = now
        return now >= self._end_at

    def _run(self) -> None:
        try:
            for changes in watchfiles.watch(
                *sorted(self._directories),  # parents first
                watch_filter=None,
                debounce=_DEBOUNCE,
                step=0,  # it looks whenever `is_set` has returned
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
