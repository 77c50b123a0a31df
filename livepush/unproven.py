"""Directories that copies are believed to have made, where nobody has found out if they are there.

A session that is told of changes takes the context to be what the container was built from. What it
is told of is written anyway, but a directory comes before what is in it, and is told by no name
where only files are: it may have been a file when the container was built, or have had another
mode. So those on the way to a change are looked at once.
"""

from __future__ import annotations

from collections.abc import Collection

from livepush.engine import Engine
from livepush.landed import Landed
from livepush.manifest import Destination, gone
from livepush.model import Copy
from livepush.tree import above


class Unproven:
    """The directories in one container that copies are believed to have made."""

    def __init__(self, engine: Engine, container: str, landed: Landed) -> None:
        self._engine = engine
        self._container = container
        self._landed = landed
        self._proven: set[str] | None = set()  # None for all

    def prove(self) -> None:
        """All that is believed is known to be so."""
        self._proven = None

    async def doubt(
        self, position: int, step: Copy, destination: Destination, takes: Collection[str]
    ) -> bool:
        """Doubts those on the way to `takes` that are otherwise, and what is believed below them.

        Whether there are any. Raises `EngineError`.
        """
        if self._proven is None or step.origin is not None:
            return False
        found = False
        for source in {path for each in takes for path in (each, *above(each))}:
            for path in gone(step, destination, source):
                if path not in self._proven and self._is_directory(position, path):
                    self._proven.add(path)
                    found = await self._is_otherwise(position, path) or found
        return found

    def _is_directory(self, position: int, path: str) -> bool:
        item = self._landed[position].items.get(path)
        return item is not None and item.entry.kind == "dir"

    async def _is_otherwise(self, position: int, path: str) -> bool:
        stat = await self._engine.stat(self._container, path)
        if stat is not None and stat.kind == "dir":
            entry = self._landed[position].items[path].entry
            if stat.mode == entry.mode or self._landed.has_later(position, path):
                return False
            self._landed.doubt_each(position, [path])
        else:
            items = self._landed[position].items
            below = [held for held in items if held.startswith(f"{path}/")]
            self._landed.doubt_each(position, [path, *below])
        return True
