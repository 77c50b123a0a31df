"""When a push may begin: at once after a save, and in one go after a crowd of changes. Pure.

A branch switch or an installation writes thousands of files for seconds. The more paths have
changed, the longer nothing new may come before a push begins; what is written all the time does
not hold it up, because the same path again is nothing new.
"""

from __future__ import annotations

import math
from collections.abc import Collection

_EACH = 0.01  # s of quiet for each path after the first
_QUIET = 0.2  # s of quiet after a crowd
_CROWD = 30.0  # s; a crowd that goes on for longer is pushed in parts
_DEBOUNCES = 10  # so many debounces long is the wait at most


class Lull:
    """What waits for a push, and until when. All times are seconds of one clock.

    `debounce` is for how long nothing at all may change before a push begins.
    """

    def __init__(self, debounce: float = 0.0) -> None:
        self._debounce = debounce
        self._paths: set[str] = set()
        self._first = self._last = self._last_new = -math.inf

    def add(self, paths: Collection[str], now: float) -> None:
        """Changes of `paths` have come."""
        if not self._paths:
            self._first = now
        if not self._paths.issuperset(paths):
            self._last_new = now
        self._paths.update(paths)
        self._last = now

    def left(self, now: float) -> float:
        """For how long the push still has to wait; not positive when it may begin."""
        quiet = min(_EACH * (len(self._paths) - 1), _QUIET)
        crowd = min(self._last_new + quiet, self._first + _CROWD)
        debounce = min(self._last + self._debounce, self._first + _DEBOUNCES * self._debounce)
        return max(crowd, debounce) - now

    def end(self) -> None:
        """A push begins, and takes all that waits."""
        self._paths.clear()
