"""The ways to where the steps of a stage write, and what stands on them.

A copy follows the links that stood there before it. A later step may have put one in the place of
what was copied, such as a command that moves a directory away and leaves a link: no copy follows
that, and nothing is written or deleted through it. The container only shows that there is a link;
who made it, the layers of its image tell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing

from livepush.engine import Engine
from livepush.errors import EngineError
from livepush.fetched import first_entry
from livepush.image_files import ImageFiles
from livepush.layers import Layer, by_step, read_layers
from livepush.manifest import Item
from livepush.model import MakeDir, Run, Step
from livepush.realpath import RealPaths
from livepush.tree import above, clean

_NOT_FOUND = 404


class Ways:
    """The ways in one container, by the position of the step.

    `image` is what the container began as, or was made like; empty where that is not known.
    """

    def __init__(
        self, engine: Engine, container: str, image: str, steps: Sequence[Step], base: ImageFiles
    ) -> None:
        self._engine = engine
        self._container = container
        self._image = image
        self._steps = steps
        self._base = base
        self._ways: dict[int, frozenset[str]] = {}
        self._layers: Mapping[int, Layer] | None = None

    async def learn(self, position: int, path: str, real: RealPaths) -> None:
        """Asks the container for the way to `path`, where the step writes."""
        self._ways[position] = await real.way(path)

    def behind(self, position: int) -> frozenset[str]:
        """All that is on the way to where a later step writes."""
        return frozenset().union(*(way for i, way in self._ways.items() if i > position))

    async def leads_astray(self, position: int) -> bool:
        """Whether a link on the way to a copy's destination may be none that it followed.

        To be asked once all ways are known. Raises `EngineError`.
        """
        if all(isinstance(step, MakeDir) for step in self._steps[position + 1 :]):
            return False
        is_first = all(isinstance(step, MakeDir) for step in self._steps[:position])
        async for path in self._links(self._ways[position]):
            if not await self._is_of_base(path) and (
                is_first or not await self._is_earlier(position, path)
            ):
                return True
        return False

    async def is_replaced(
        self, position: int, items: Mapping[str, Item], changed: Collection[str]
    ) -> bool:
        """Whether something else stands where a directory was among `items`, above a change.

        A later command has put it there: what would be written or deleted below a link is what
        that leads to, and the command has not seen the directory that a build would show it.
        """
        if not any(isinstance(step, Run) for step in self._steps[position + 1 :]):
            return False
        on_the_way = {up for path in changed for up in (path, *above(path))}
        for path in sorted(on_the_way & items.keys()):
            if items[path].entry.kind == "dir":
                stat = await self._engine.stat(self._container, path)
                if stat is not None and stat.kind != "dir":
                    return True
        return False

    async def _links(self, paths: Collection[str]) -> AsyncIterator[str]:
        for path in sorted(paths):
            stat = await self._engine.stat(self._container, path)
            if stat is not None and stat.kind == "link":
                yield path

    async def _is_of_base(self, path: str) -> bool:
        now = await self._engine.stat(self._container, path)
        try:
            return now is not None and now == await self._base.stat(path)
        except EngineError as error:
            if error.status != _NOT_FOUND:
                raise
            return False  # BuildKit may have images that the engine does not know

    async def _is_earlier(self, position: int, path: str) -> bool:
        """Whether the link is, by its image, that of a step before the one at `position`."""
        layers, name = await self._of_steps(), clean(path)
        writers = [i for i, each in layers.items() if name in each.entries or each.removes(name)]
        if not writers or max(writers) >= position:
            return False
        entry = layers[max(writers)].entries.get(name)
        if entry is None or entry.kind != "link":
            return False
        now = await first_entry(self._engine.get(self._container, path))
        return (now.kind, now.target) == (entry.kind, entry.target)

    async def _of_steps(self) -> Mapping[int, Layer]:
        """What each step wrote on the ways; empty where that cannot be read."""
        if self._layers is None:
            self._layers = await self._read()
        return self._layers

    async def _read(self) -> Mapping[int, Layer]:
        if not self._image:
            return {}
        names = {clean(path) for way in self._ways.values() for path in way}
        try:
            async with aclosing(self._engine.save(self._image)) as saved:
                layers = await read_layers(saved, names.__contains__)
        except EngineError:
            return {}  # whatever it was, a build is the answer to what is not known
        return (by_step(layers, self._steps) if layers is not None else None) or {}
