"""What a `COPY --from` copies from: the files of a stage's or an image's container."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from livepush.engine import Engine
from livepush.fetched import Fetched, fetch, first_entry, read_tree
from livepush.ignore import beginning
from livepush.model import Copy, Entry
from livepush.pattern import has_wildcard, literal_part
from livepush.selection import MissingSource, matches
from livepush.tree import Tree, clean


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of several fetched paths as one tree."""

    tree: Tree
    parts: tuple[Fetched, ...]

    def open_file(self, path: str) -> IO[bytes]:
        part = next(part for part in reversed(self.parts) if path in part.spans)
        return part.open_file(path)

    def close(self) -> None:
        for part in self.parts:
            part.close()


async def fetch_copied(engine: Engine, container: str, copy: Copy) -> Bundle:
    """All of the container's files that `copy` may take, and the directories on the way to them.

    Raises as `fetch_sources` does; what `--parents` does not find is no error here. The bundle must
    be closed.
    """
    if not copy.parents:
        return await fetch_sources(engine, container, copy.sources)
    fetching = _Fetching(engine, container)
    try:
        for source, pattern in zip(copy.sources, copy.parents, strict=True):
            if has_wildcard(source):
                await fetching.add(literal_part(source))
            else:
                await fetching.add_below(source, literal_part(beginning(pattern)))
    except BaseException:  # a cancel as well: what was fetched has no other owner yet
        fetching.close()
        raise
    return Bundle(fetching.tree(), tuple(fetching.parts))


async def fetch_sources(engine: Engine, container: str, sources: Sequence[str]) -> Bundle:
    """All that `sources`, relative to the container's root, may name.

    Raises `MissingSource` for a source without a wildcard, a directory before one, or the end of a
    link that one finds, that is not there, and `EngineError`. The bundle must be closed.
    """
    fetching = _Fetching(engine, container)
    try:
        for source in sources:
            await fetching.add(literal_part(source))
        for source in filter(has_wildcard, sources):
            tree = fetching.tree()
            for match in matches(tree, source):
                if tree.resolve(match) is None:
                    await fetching.add(match)
    except BaseException:  # a cancel as well: what was fetched has no other owner yet
        fetching.close()
        raise
    return Bundle(fetching.tree(), tuple(fetching.parts))


class _Fetching:
    """Archives of a container's files, and the links and directories on the way to them."""

    def __init__(self, engine: Engine, container: str) -> None:
        self.parts: list[Fetched] = []
        self._engine = engine
        self._container = container
        self._ways: list[tuple[str, Entry]] = []

    def tree(self) -> Tree:
        files = ((path, entry) for part in self.parts for path, entry in part.tree.walk())
        return Tree.of([*files, *self._ways])

    async def add(self, path: str) -> None:
        """Fetches what `path` leads to. Raises `MissingSource`."""
        target = await self._followed(path)
        if not await self._fetched(target):
            raise MissingSource(path)

    async def add_below(self, directory: str, path: str) -> None:
        """Fetches what is at `path` below what `directory` leads to, if it is there.

        Raises `MissingSource` for the directory.
        """
        here = await self._followed(directory)
        for name in path.split("/")[:-1]:
            here = f"{here}/{name}".lstrip("/")
            stream = self._engine.get(self._container, f"/{here}")
            try:
                self._ways.append((here, await first_entry(stream)))
            except FileNotFoundError:
                return
        await self._fetched(f"{here}/{posixpath.basename(path)}".strip("/"))

    async def _followed(self, path: str) -> str:
        stat = await self._engine.stat(self._container, f"/{path}")
        if stat is None or (stat.kind == "link" and not stat.target):
            raise MissingSource(path)
        if stat.kind != "link":
            return path
        self._ways.append((path, Entry("link", 0o777, target=stat.target)))
        return stat.target.strip("/")

    async def _fetched(self, path: str) -> bool:
        stream = self._engine.get(self._container, f"/{path}")
        try:
            self.parts.append(await fetch(stream, prefix=posixpath.dirname(path)))
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        for part in self.parts:
            part.close()


async def fetch_text(engine: Engine, container: str, path: str) -> str:
    """A small text file of a container, links followed; empty where it has none."""
    try:
        bundle = await fetch_sources(engine, container, [clean(path)])
    except MissingSource:
        return ""
    try:
        resolved = bundle.tree.resolve(clean(path))
        if resolved is None:
            return ""
        with bundle.open_file(resolved) as file:
            return file.read().decode(errors="surrogateescape")
    finally:
        bundle.close()


async def fetch_tree(engine: Engine, container: str, path: str) -> Tree:
    """What stands at and below `path` in a container, with the digests of the files."""
    try:
        stream = engine.get(container, path)
        return await read_tree(stream, prefix=posixpath.dirname(path))
    except FileNotFoundError:
        return Tree({})
