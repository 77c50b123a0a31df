"""The directories of a tree that are worth following, and what hints call their files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path

# What was there a moment ago: a directory, or the right to read it.
VANISHED = (FileNotFoundError, NotADirectoryError, PermissionError)


class Folders:
    """What is to be registered, by absolute paths, and what hints call it.

    `blind` is set while the name of a directory cannot be told to watchfiles.
    """

    def __init__(self, root: Path, extra: Collection[Path], skips: Callable[[str], bool]) -> None:
        self.root = os.path.realpath(root)
        self.blind = False
        self.closed = False
        self._prefix = self.root.rstrip("/") + "/"
        self._extra = frozenset(map(_resolved, extra))
        self._skips = skips

    def identity(self) -> tuple[int, int] | None:
        """Which directory stands at the root; None where there is none."""
        try:
            status = os.lstat(self.root)
        except VANISHED:
            return None
        return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None

    def name(self, path: str) -> str | None:
        """What hints call `path`; None for what is not of interest."""
        if path == self.root:
            return ""
        if path.startswith(self._prefix):
            return path.removeprefix(self._prefix)
        return path if path in self._extra else None

    def has_extra(self, names: Collection[str]) -> bool:
        """Whether one of the `extra` files is among `names`."""
        return any(self.name(path) in names for path in self._extra)

    def follows(self, path: str) -> bool:
        """Whether a directory at `path` is one to be registered."""
        return path.startswith(self._prefix) and not self._skips(path.removeprefix(self._prefix))

    def walk(self) -> frozenset[str]:
        """All that can be registered now: from the root down, and where `extra` files are."""
        found = set(filter(_is_readable, map(os.path.dirname, self._extra)))
        blind = False
        todo = [self.root]
        while todo and not self.closed:
            here = todo.pop()
            try:
                here.encode()
                with os.scandir(here) as items:
                    below = [item.name for item in items if item.is_dir(follow_symlinks=False)]
            except UnicodeEncodeError:
                blind = True
                continue
            except VANISHED:
                continue
            found.add(here)
            todo.extend(filter(self.follows, (os.path.join(here, name) for name in below)))
        self.blind = blind
        return frozenset(found)


def is_directory(path: str) -> bool:
    """Whether a directory, and no link to one, is at `path`."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except VANISHED:
        return False


def _resolved(path: Path) -> str:
    directory, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(directory), name)


def _is_readable(directory: str) -> bool:
    return os.path.isdir(directory) and os.access(directory, os.R_OK)
