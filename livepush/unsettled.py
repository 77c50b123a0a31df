"""Files that can change once more without a sign, where a file system's clock is coarse.

On FAT, on ext2 and ext3, and on some that come over a network, a time is a whole second or two.
What is written twice within it, with the same size, looks after the second time as it did after
the first. So a file that has just changed there is remembered by its bytes, and compared by them
until that time is over.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from livepush.context import Context
from livepush.model import Entry
from livepush.tree import Tree

_TICK = 10_000_000  # ns; nobody can set the time of the last change, so it shows the clock's ticks
_CTIME = 2  # its place in a stamp
_SECONDS = 2.5  # a little more than the coarsest clock's


@dataclass(frozen=True, slots=True)
class _File:
    digest: bytes
    until: float


class Unsettled:
    """The files that have changed within what their file system's clock can tell apart."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._files: dict[str, _File] = {}

    @property
    def paths(self) -> frozenset[str]:
        """Those that have to be looked at again."""
        return frozenset(self._files)

    def is_due(self, tree: Tree, changed: Collection[str]) -> bool:
        """Whether a look may find anything, or remember it."""
        return bool(self._files) or any(_is_coarse(tree.get(path)) for path in changed)

    def look(self, context: Context, tree: Tree, changed: Collection[str]) -> frozenset[str]:
        """Those that have other bytes than at the last look, besides the `changed` ones.

        `changed` are seen to differ in `tree` already, and may be unsettled from now on. Blocks on
        the disk.
        """
        now = self._clock()
        known, self._files = self._files, {}
        for path in changed:
            if _is_coarse(tree.get(path)):
                self._remember(path, _digest(context, path), now + _SECONDS)
        again = set()
        for path in known.keys() - set(changed):
            before, digest = known[path], _digest(context, path)
            if digest and digest != before.digest:
                again.add(path)
                self._remember(path, digest, now + _SECONDS)
            elif now < before.until:
                self._remember(path, digest, before.until)
        return frozenset(again)

    def _remember(self, path: str, digest: bytes, until: float) -> None:
        if digest:
            self._files[path] = _File(digest, until)


def _is_coarse(entry: Entry | None) -> bool:
    return entry is not None and entry.kind == "file" and entry.stamp[_CTIME] % _TICK == 0


def _digest(context: Context, path: str) -> bytes:
    """The SHA-256 of a file's bytes; nothing for what is no file (any more)."""
    try:
        with context.open_file(path) as file:
            # A `BinaryIO` by its type, it can do what is asked of it by its nature.
            return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]
    except OSError:
        return b""
