"""What is seen of a container from outside: its file system, as the engine mounts it on the host.

Looking costs the engine nothing, and no contender has a say in it. While a container is down its
file system is not mounted: then nothing is there, not even a deletion.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

now = time.perf_counter
_PAUSE = 0.0002  # seconds between two looks
_CHECK = 0.05  # seconds between two looks at whether there is still somebody to wait for


class MissedError(Exception):
    """A round has not come to what it should; its text says why."""


@dataclass(frozen=True, slots=True)
class Sight:
    root: Path

    def holds(self, path: str, content: bytes) -> bool:
        try:
            return self._at(path).read_bytes() == content
        except OSError:
            return False

    def sized(self, path: str, size: int) -> bool:
        try:
            return self._at(path).lstat().st_size == size
        except OSError:
            return False

    def ends(self, path: str, size: int, end: bytes) -> bool:
        """Whether the file has that size and end."""
        try:
            with self._at(path).open("rb", buffering=0) as file:
                file.seek(size - len(end))
                return file.read() == end
        except OSError:
            return False

    def gone(self, path: str) -> bool:
        return self._at("/etc").exists() and not os.path.lexists(self._at(path))

    def file(self, path: str) -> Path:
        return self._at(path)

    def _at(self, path: str) -> Path:
        return Path(f"{self.root}{path}")


def seen(
    conditions: list[Callable[[], bool]], seconds: float, broken: Callable[[], str], what: str
) -> float:
    """Waits until each has been true once, and returns when. Raises `MissedError`.

    One is looked at until it is true, then the next: so a look costs little.
    `broken` says why waiting is in vain, if it is.
    """
    left = conditions[::-1]
    began = checked = now()
    while True:
        while left and left[-1]():
            left.pop()
        if not left:
            return now()
        if now() > began + seconds:
            raise MissedError(f"{what}: {len(left)} of {len(conditions)} not after {seconds:g} s")
        if now() > checked + _CHECK:
            checked = now()
            if reason := broken():
                raise MissedError(f"{what}: {reason}")
        time.sleep(_PAUSE)  # nothing tells of a change there; to look without a rest takes a core
