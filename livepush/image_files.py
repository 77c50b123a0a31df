"""The files of an image: what its containers hold before any step ran in them.

Read through a container that is made when it is first needed and never started, so that an image
without a shell serves as well. The session removes it with all else that carries its label.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import anyio

from livepush.engine import Engine, PathStat
from livepush.fetched import Fetched, fetch, first_entry
from livepush.model import Entry


class ImageFiles:
    """One image's files. `image` empty is `scratch`, which has none."""

    def __init__(self, engine: Engine, image: str, labels: Mapping[str, str]) -> None:
        self._engine = engine
        self._image = image
        self._labels = labels
        self._container = ""
        self._making = anyio.Lock()  # stages that are carried out at once may have it in common
        self._directories = {"/": True}

    async def container(self) -> str:
        """The container's id. Raises `EngineError` where the engine does not have the image."""
        async with self._making:
            if not self._container:
                self._container = await self._engine.create(
                    self._image, labels=self._labels, start=False
                )
        return self._container

    async def stat(self, path: str) -> PathStat | None:
        """What the image holds at `path`; paths below a directory that it lacks cost no call."""
        if not await self.has_directory(posixpath.dirname(path)):
            return None
        return await self._engine.stat(await self.container(), path)

    async def entry(self, path: str) -> Entry | None:
        """What the image holds at `path`, with its owner, and without its bytes."""
        if await self.stat(path) is None:
            return None
        return await first_entry(self._engine.get(await self.container(), path))

    async def fetch(self, path: str) -> Fetched:
        """The file at `path`, bytes and all; the result must be closed."""
        stream = self._engine.get(await self.container(), path)
        return await fetch(stream, prefix=posixpath.dirname(path))

    async def has_directory(self, path: str) -> bool:
        """Whether the image holds something that may be a directory at `path`, asked once."""
        if not self._image:
            return False
        if path not in self._directories:
            self._directories[path] = (
                await self.has_directory(posixpath.dirname(path))
                and await self._engine.stat(await self.container(), path) is not None
            )
        return self._directories[path]
