"""Where the time of a push goes; of what is done at once, each part counts in full."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from livepush.events import Timings

Part = Literal["plan", "transfer", "run", "restart"]


class Stopwatch:
    """Of one push at a time; the news that come while it runs may be the next one's."""

    def __init__(self) -> None:
        self._heard: float | None = None
        self._planned = 0.0  # for what has been heard
        self._timings = Timings()

    def heard(self, since: float | None = None) -> None:
        """There is news, `since` that moment of the monotonic clock."""
        self._heard = min(filter(None, (self._heard, since or time.monotonic())))

    def begin(self) -> None:
        """A push begins."""
        self._timings = Timings()

    def take_up(self) -> None:
        """It takes up all that has been heard of."""
        if self._heard is not None:
            waited = time.monotonic() - self._heard - self._planned
            timings = self._timings
            self._timings = replace(
                timings, detect=timings.detect + waited, plan=timings.plan + self._planned
            )
        self._heard, self._planned = None, 0.0

    @contextmanager
    def over(self, part: Part) -> Iterator[None]:
        """What this block takes is of that part."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            if part == "plan":
                self._planned += took
            else:
                so_far = getattr(self._timings, part)
                self._timings = replace(self._timings, **{part: so_far + took})

    @property
    def timings(self) -> Timings:
        """Of the push that began last."""
        return self._timings
