"""Where the copies of a stage write, which the text of the Dockerfile alone does not tell.

A destination may be a link, or below one: its path is the one without links, so that copies which
write to one place by several names are known to. And a file goes *into* a destination that was a
directory before the copy: that is what an earlier copy makes of it now, or what stood there before
all copies. The container shows what stands there after the build, which leaves one case open: a
directory where a directory was copied to. It is settled when a file comes in that directory's
place.
"""

from __future__ import annotations

from livepush.beneath import Beneath, Held
from livepush.engine import Engine
from livepush.landed import Landed
from livepush.manifest import Conflict, Destination, manifest
from livepush.model import Copy
from livepush.realpath import RealPaths
from livepush.tree import Tree


class Destinations:
    """The destinations of one container's copies, by position."""

    def __init__(self, engine: Engine, container: str, landed: Landed) -> None:
        self._engine = engine
        self._container = container
        self._landed = landed
        self._real = RealPaths(engine, container)
        self._known: dict[int, Destination] = {}
        self._before: dict[int, bool] = {}  # whether a directory stood there before all copies

    def __getitem__(self, position: int) -> Destination:
        return self._known[position]

    async def learn(self, position: int, step: Copy, *, follows: bool) -> None:
        """Asks the container what stands at the destination of `step`.

        Whether the copy `follows` the links on the way there, as it does those that stood there
        before it.
        """
        path = await self._real.target(step.dest) if follows else step.dest
        stat = await self._engine.stat(self._container, path)
        is_dir = stat is not None and stat.kind == "dir"
        self._known[position] = Destination(path, step.dest_is_dir or is_dir)
        if not is_dir:
            self._before[position] = False

    async def moved(self, position: int, step: Copy) -> bool:
        """Whether a link at the destination, or above it, leads elsewhere by now."""
        now = RealPaths(self._engine, self._container)
        return await now.target(step.dest) != self._known[position].path

    def built(self, position: int, step: Copy, tree: Tree) -> None:
        """What stands there comes from `tree`: a file would be there in place of a directory."""
        if step.dest_is_dir or position in self._before:
            return
        made = self._landed.has_directory(position, self._known[position].path)
        if made is False and self._becomes(position, step, tree):
            self._before[position] = True

    async def settle(self, position: int, step: Copy, tree: Tree, beneath: Beneath) -> None:
        """Makes sure of the destination before `step` copies from `tree` to it."""
        if step.dest_is_dir:
            return
        path = self._known[position].path
        is_dir = self._landed.has_directory(position, path)
        if is_dir is None:
            stat = await self._engine.stat(self._container, path)
            is_dir = stat is not None and stat.kind == "dir"
        elif not is_dir:
            if position not in self._before:
                if not self._becomes(position, step, tree):
                    return
                held = await beneath.at(position, path)
                self._before[position] = isinstance(held, Held) and held.entry.kind == "dir"
            is_dir = self._before[position]
        self._known[position] = Destination(path, is_dir)

    def _becomes(self, position: int, step: Copy, tree: Tree) -> bool:
        path = self._known[position].path
        try:
            return path in manifest(step, tree, Destination(path, is_dir=False), None).items
        except Conflict:
            return True  # files as well as directories: it matters, too
