"""What a `COPY --from` copies from: the files of a stage's or an image's container."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO

from livepush.archive import Fetched, fetch
from livepush.engine import Engine
from livepush.manifest import MissingSource
from livepush.model import Entry
from livepush.pattern import has_wildcard
from livepush.tree import Tree


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


async def fetch_sources(engine: Engine, container: str, sources: Iterable[str]) -> Bundle:
    """All that `sources`, relative to the container's root, may name.

    Raises `MissingSource` for a source without a wildcard, or a directory before one, that is not
    there, and `EngineError`. The bundle must be closed.
    """
    parts: list[Fetched] = []
    links: list[tuple[str, Entry]] = []
    try:
        for source in sources:
            path = _literal_part(source)
            stat = await engine.stat(container, f"/{path}")
            if stat is None:
                raise MissingSource(source)
            if stat.kind == "link":
                links.append((path, Entry("link", 0o777, target=stat.target)))
                path = stat.target.strip("/")
            prefix = posixpath.dirname(path)
            parts.append(await fetch(engine.get(container, f"/{path}"), prefix=prefix))
    except FileNotFoundError:
        _close(parts)
        raise MissingSource(source) from None
    except BaseException:
        _close(parts)
        raise
    fetched = ((path, entry) for part in parts for path, entry in part.tree.walk())
    return Bundle(Tree.of([*fetched, *links]), tuple(parts))


def _literal_part(source: str) -> str:
    parts = source.split("/")
    return "/".join(itertools.takewhile(lambda part: not has_wildcard(part), parts))


def _close(parts: Iterable[Fetched]) -> None:
    for part in parts:
        part.close()


async def fetch_text(engine: Engine, container: str, path: str) -> str:
    """A small text file of a container, empty where it has none."""
    try:
        fetched = await fetch(engine.get(container, path), prefix=posixpath.dirname(path))
    except FileNotFoundError:
        return ""
    try:
        with fetched.open_file(path.lstrip("/")) as file:
            return file.read().decode(errors="surrogateescape")
    finally:
        fetched.close()
