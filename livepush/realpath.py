"""Where paths of a container really are: links above them followed, as the engine follows them."""

from __future__ import annotations

import posixpath

from livepush.engine import Engine
from livepush.fetched import first_entry
from livepush.tree import above


class RealPaths:
    """The paths of one container; what was found once is not asked for again."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._known = {"/": "/"}

    async def of(self, path: str) -> str:
        """`path` with all links above it followed, and none at its end, there or not."""
        if path == "/":
            return path
        parent, name = posixpath.split(path)
        return posixpath.join(await self.target(parent), name)

    async def target(self, path: str) -> str:
        """`path` with all links followed, one at its end as well."""
        if path not in self._known:
            here = await self.of(path)
            stat = await self._engine.stat(self._container, here)
            self._known[path] = stat.target if stat is not None and stat.target else here
        return self._known[path]

    async def way(self, path: str) -> frozenset[str]:
        """Where `path`, each directory above it, and all that links there name, really are.

        What stands at one of them, if it is a link, decides where `path` leads.
        """
        found, todo = set[str](), [path]
        while todo:
            here = todo.pop()
            for each in filter(None, (here, *above(here))):
                real = await self.of(each)
                if real not in found and await self.target(real) != real:
                    link = await first_entry(self._engine.get(self._container, real))
                    todo.append(posixpath.normpath(posixpath.join(real, "..", link.target)))
                found.add(real)
        return frozenset(found)
