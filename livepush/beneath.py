"""What stood at a path before a copy wrote there, and stands there again once it writes no more.

The steps before the copy tell it, the last one first: a copy by what has landed, any other step by
its layer in the image that the container began as, and below them all the base image. The layers
are read when a command stands before the copy, once for all of the session, because the engine
gives them only with the whole image. Where they cannot be read (`livepush.layers` says when), or
there is no such image any more, those other steps are taken to have written nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from livepush.engine import Engine
from livepush.errors import EngineError
from livepush.fetched import Fetched
from livepush.image_files import ImageFiles
from livepush.landed import Landed
from livepush.layers import Layer, by_step, read_files, read_layers
from livepush.model import Copy, Entry, Fixed, MakeDir, Step
from livepush.mounts import is_within, touching
from livepush.origin import Bundle
from livepush.realpath import RealPaths
from livepush.tree import Tree, clean

_MADE = Entry("dir", 0o755)
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Held:
    """What stood at a path. `origin` has its bytes: the base image, or a layer and a path there."""

    entry: Entry
    origin: Literal["base"] | tuple[Layer, str] | None = None


@dataclass(frozen=True, slots=True)
class HeldByCopy:
    """The copy at `position` has it."""

    position: int


@dataclass(frozen=True, slots=True)
class Outdated:
    """The command at `position` wrote it, and has run again since the image was built."""

    position: int


class Beneath:
    """What the steps of one container's stage, and its base image, hold beneath the copies.

    `image` is what the container began as, or was made like; empty where that is not known.
    `destinations` are the absolute paths that the steps write below, `ran` the positions of the
    commands that have run again, and `owner` tells the numbers of a user.
    """

    def __init__(
        self,
        engine: Engine,
        container: str,
        image: str,
        steps: Sequence[Step],
        *,
        base: ImageFiles,
        landed: Landed,
        destinations: Callable[[], Iterable[str]],
        ran: Collection[int],
        owner: Callable[[str], tuple[int, int]],
    ) -> None:
        self._engine = engine
        self._image = image
        self._steps = steps
        self._base = base
        self._landed = landed
        self._destinations = destinations
        self._ran = ran
        self._owner = owner
        self._real = RealPaths(engine, container)
        self._layers: Mapping[int, Layer] | None = None

    async def at(self, position: int, path: str) -> Held | HeldByCopy | Outdated | None:
        """What stood at `path` before the copy at `position`; None where nothing did."""
        for index in range(position - 1, -1, -1):
            step = self._steps[index]
            if isinstance(step, Copy):
                landed = self._landed[index]
                if path in landed.items:
                    return HeldByCopy(index)
                if path in landed.made:
                    return await self.at(index, path) or Held(landed.made[path])
            elif isinstance(step, MakeDir):
                if is_within(step.path, path):
                    return await self.at(index, path) or _made(self._owner(step.user))
            else:
                layer, inner = await self._layer(index), await self._inner(path)
                if layer.removes(inner):
                    return None
                if inner in layer.entries:
                    return await self._written(index, path, layer, inner)
        entry = await self._base.entry(f"/{await self._inner(path)}")
        return None if entry is None else Held(entry, "base")

    async def is_clear(self, position: int, path: str) -> bool:
        """Whether nothing is known to have stood at `path` before the step at `position`.

        The layers are read only where the base image has no such directory. Where they tell
        nothing, or nobody has the base image, it is not known.
        """
        try:
            if await self._base.has_directory(f"/{await self._inner(path)}"):
                return False
        except EngineError as error:
            if error.status != _NOT_FOUND:
                raise
            return False
        held = await self.at(position, path)
        return held is None and bool(await self._known())

    async def above(self, position: int, paths: Collection[str]) -> frozenset[int]:
        """The later steps that only a build can take, and that write or remove any of `paths`.

        Commands are not among them: they come again anyway.
        """
        later = ((i, step) for i, step in enumerate(self._steps) if i > position)
        found = [i for i, step in later if isinstance(step, Fixed) and not step.is_command]
        inner = [await self._inner(path) for path in paths] if found else []
        layers = {i: await self._layer(i) for i in found}
        return frozenset(
            i
            for i, layer in layers.items()
            if any(path in layer.entries or layer.removes(path) for path in inner)
        )

    async def fetch(self, held: Mapping[str, Held]) -> Bundle:
        """The bytes of the files among `held`, by path relative to the root; it must be closed."""
        files = {path: each for path, each in held.items() if each.entry.kind == "file"}
        in_layers = {
            path: each.origin for path, each in files.items() if isinstance(each.origin, tuple)
        }
        parts: list[Fetched] = []
        try:
            for path in files.keys() - in_layers.keys():
                inner = await self._inner(f"/{path}")
                fetched = await self._base.fetch(f"/{inner}")
                parts.append(replace(fetched, spans={path: fetched.spans[inner]}))
            if in_layers:
                async with aclosing(self._engine.save(self._image)) as saved:
                    parts.append(await read_files(saved, in_layers))
        except BaseException:  # a cancel as well: what was fetched has no other owner yet
            for part in parts:
                part.close()
            raise
        return Bundle(Tree({}), tuple(parts))

    async def _written(
        self, index: int, path: str, layer: Layer, inner: str
    ) -> Held | HeldByCopy | Outdated:
        entry = layer.entries[inner]
        if entry.kind == "dir":
            # A layer has the directories above what was written, too. Once the command has run
            # again, what a copy says of them now is newer.
            earlier = await self.at(index, path) if index in self._ran else None
            return earlier or Held(entry)
        return Outdated(index) if index in self._ran else Held(entry, (layer, inner))

    async def _layer(self, index: int) -> Layer:
        return (await self._known()).get(index, Layer())

    async def _known(self) -> Mapping[int, Layer]:
        if self._layers is None:
            self._layers = await self._read()
        return self._layers

    async def _read(self) -> Mapping[int, Layer]:
        if not self._image:
            return {}
        roots = [await self._real.of(path) for path in self._destinations()]

        def wanted(path: str) -> bool:
            return bool(touching(f"/{path}", roots))

        try:
            async with aclosing(self._engine.save(self._image)) as saved:
                layers = await read_layers(saved, wanted)
        except EngineError as error:
            if error.status != _NOT_FOUND:
                raise
            layers = None
        known = (by_step(layers, self._steps) if layers is not None else None) or {}
        # What copies have written is in `landed`, as it is now.
        return {i: layer for i, layer in known.items() if not isinstance(self._steps[i], Copy)}

    async def _inner(self, path: str) -> str:
        """`path` as layers spell it: relative to the root, without a link above it."""
        root = max((p for p in self._destinations() if is_within(path, p)), default=path)
        real = await self._real.of(root)
        return clean(f"{real}/{path[len(root) :]}")


def _made(owner: tuple[int, int]) -> Held:
    return Held(replace(_MADE, uid=owner[0], gid=owner[1]))
