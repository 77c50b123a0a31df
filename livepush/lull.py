"""When a push may begin, and what it leads to: at once, or after a crowd of changes. Pure.

A branch switch or an installation writes thousands of files for seconds. They are copied as they
come, but commands and restarts wait until all are there: the more paths have changed, and the
longer they have been coming, the longer nothing new may come before these begin. What is written
all the time does not hold them up, because the same path again is nothing new.

Many programs replace a file by removing it first. So what is gone is given a moment to come again,
unless something else has changed: others write beside the file, and rename.
"""

from __future__ import annotations

import math
from collections.abc import Collection

_EACH = 0.01  # s of quiet for each path after the first
_LEAST = 0.05  # s of quiet after a crowd that came all at once
_SHARE = 0.25  # of the time that it took to come
_QUIET = 0.2  # s of quiet at most
_REPLACED = 0.02  # s for a path that is gone to come again
_GLANCE = 0.01  # s; between two questions whether what is being looked at belongs to it
_CROWD = 30.0  # s; a crowd that goes on for longer is taken in parts
_DENSE = 0.1  # s for each path; what comes more slowly is none
_DEBOUNCES = 10  # so many debounces long is the wait at most


class Lull:
    """What waits for a push, and until when. All times are seconds of one clock.

    `debounce` is for how long nothing at all may change before a push begins.
    """

    def __init__(self, debounce: float = 0.0) -> None:
        self._debounce = debounce
        self._waits = self._has_changed = False
        self._first = self._last = -math.inf
        self._gone: dict[str, float] = {}  # since when
        self._crowd: set[str] = set()
        self._began = self._last_new = -math.inf
        self._is_parted = False

    def add(
        self,
        changed: Collection[str],
        now: float,
        *,
        gone: Collection[str] = (),
        since: float = math.inf,
    ) -> None:
        """Changes of paths have come, of which some are `gone` by now.

        They were looked for `since` then, if that took a while.
        """
        paths = {*changed, *gone}
        if not self._waits:
            self._first, self._waits = now, True
        self._last = now
        self._has_changed |= bool(changed)
        if self._is_parted or min(now, since) > self._last_new + _QUIET:
            self._crowd, self._began, self._is_parted = set(), now, False
        if not self._crowd.issuperset(paths):
            self._last_new = now
        self._crowd.update(paths)
        self._gone = {path: began for path, began in self._gone.items() if path not in changed}
        self._gone = dict.fromkeys(gone, now) | self._gone

    def left(self, now: float) -> float:
        """For how long the push still has to wait; not positive when it may begin."""
        back = -math.inf
        if not self._has_changed:
            back = min(self._gone.values(), default=-math.inf) + _REPLACED
        debounce = min(self._last + self._debounce, self._first + _DEBOUNCES * self._debounce)
        return max(back, debounce) - now

    def rest(self, now: float, *, looking: float = math.inf) -> float:
        """For how long what it leads to has to wait, for more of the same crowd to come.

        While somebody is `looking` at what else has changed, since then, a crowd need not be all
        there. A look that began when it was over does not count. Once it is told that a crowd has
        been coming for long enough, what comes next is another one.
        """
        others = len(self._crowd) - 1
        if others < 1:
            return 0.0
        long = max(_LEAST, _SHARE * (self._last_new - self._began))
        rest = self._last_new + min(_EACH * others, long, _QUIET)
        if looking <= rest:
            rest = max(rest, now + _GLANCE)
        longest = self._began + min(_CROWD, _DENSE * len(self._crowd))
        self._is_parted |= longest <= now
        return min(rest, longest) - now

    def end(self) -> None:
        """A push begins, and takes all that waits."""
        self._waits = self._has_changed = False
        self._gone.clear()
