"""What is mounted into a container, volumes and directories of the host, by where it really is."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection

from livepush.engine import Engine
from livepush.mounts import ENGINES_FILES, over, touching
from livepush.realpath import RealPaths


class Mounted:
    """The `mounts` of one container, and its engine's own, by their paths there; links followed."""

    def __init__(self, engine: Engine, container: str, mounts: Collection[str]) -> None:
        self._mounts = (*mounts, *ENGINES_FILES)
        self._real = RealPaths(engine, container)

    async def over(self, path: str) -> str:
        """The mount that `path` is at or below; empty where it is the container's own."""
        return (await self.below(path))(path)

    async def below(self, directory: str) -> Callable[[str], str]:
        """`over` for all paths at and below `directory` that have no link in between."""
        real = await self._real.of(directory)
        targets = [await self._real.target(mount) for mount in self._mounts]
        mounts = [mount for mount in targets if touching(real, [mount])]
        if not mounts:
            return lambda path: ""
        return lambda path: over(
            posixpath.join(real, path[len(directory) :].lstrip("/")).rstrip("/"), mounts
        )
