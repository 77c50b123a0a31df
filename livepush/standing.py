"""What stands where a copy is about to write: directories that are missing, things in the way.

BuildKit puts neither a directory in the place of something else nor anything else in a
directory's, and no builder makes a directory where something else stands. What counts is what
stood there before the copy: what it has written itself gives way, and so does what came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from livepush.beneath import Beneath, HeldByCopy, Outdated
from livepush.engine import Engine, PathStat
from livepush.fetched import first_entry
from livepush.landed import Landed
from livepush.manifest import Conflict, Destination, Item, Manifest, clash, passed
from livepush.model import Copy, Entry
from livepush.mounted import Mounted
from livepush.origin import fetch_tree
from livepush.tree import above


class Standing:
    """What stands in one container, and where a step finds something else in its way."""

    def __init__(
        self,
        engine: Engine,
        container: str,
        *,
        landed: Landed,
        beneath: Beneath,
        mounted: Mounted,
    ) -> None:
        self._engine = engine
        self._container = container
        self._landed = landed
        self._beneath = beneath
        self._mounted = mounted
        self._present: set[str] = set()

    def believe(self, directories: Iterable[str]) -> None:
        """Takes `directories` to be there, without a look."""
        self._present.update(directories)

    def forget(self) -> None:
        """Somebody else is about to change what is there."""
        self._present.clear()

    async def passed(
        self, copy: Copy, destination: Destination, vanished: Iterable[str]
    ) -> set[str]:
        """The directories that a copy made on the way to what it took below `vanished` paths."""
        found = set()
        for path in vanished:
            for place, takes in passed(copy, destination, path):
                _, stat = await self._followed(place)
                if stat is None or stat.kind != "dir":
                    continue
                there, top = (
                    await fetch_tree(self._engine, self._container, place),
                    place.strip("/"),
                )
                if any(takes(below[len(top) + 1 :]) for below, _ in there.walk(top)):
                    found.add(place)
        return found

    async def to_make(
        self,
        position: int,
        wanted: Manifest,
        before: Mapping[str, Entry],
        *,
        full: bool = False,
        repeated: bool = False,
    ) -> dict[str, Item]:
        """The directories that the step at `position` makes and that are not there like that.

        `before` are those that it has made last. One that was there before the step is left alone
        but for its mode, if it is on the way; with `full` these are all looked at. Where a command
        before the step has been `repeated`, it may have changed what the step made, which in a
        build it never sees: such a directory is made like that again. Raises `Conflict` where
        something else stands.
        """
        found = {}
        for path, entry in wanted.made.items():
            changed = before.get(path, entry) != entry
            moded = path in wanted.on_the_way and (full or changed or path not in before)
            known = path in self._present and not (changed or moded)
            if known or await self._mounted.over(path):
                continue
            real, stat = await self._followed(path)
            if stat is None:
                found[real] = Item(entry, "")
            elif stat.kind != "dir":
                await self._refuse(position, path, entry)
                found[real] = Item(entry, "")
            elif (changed and await self._beneath.at(position, path) is None) or (
                repeated and real == path and await self._is_spoilt(position, path, entry)
            ):
                found[real] = Item(entry, "")
            elif moded and stat.mode != entry.mode:
                there = await first_entry(self._engine.get(self._container, real))
                found[real] = Item(replace(there, mode=entry.mode), "")
        return found

    async def refuse_clashes(self, position: int, written: Mapping[str, Item]) -> None:
        """Raises `Conflict` where BuildKit would not write what the copy at `position` writes.

        What it has written there before needs no look, if that was of the same kind.
        """
        landed = self._landed[position].items
        new = {p: item for p, item in written.items() if not _is_same_kind(landed.get(p), item)}
        if new and await self._engine.absent(self._container, tuple(new)):
            return
        missing: set[str] = set()
        for path, item in sorted(new.items()):
            if not missing.isdisjoint(above(path)):
                continue
            stat = await self._engine.stat(self._container, path)
            if stat is None:
                missing.add(path)
            elif (stat.kind == "dir") != (item.entry.kind == "dir"):
                await self._refuse(position, path, item.entry)

    async def _refuse(self, position: int, path: str, entry: Entry) -> None:
        """Raises `Conflict` where what stands at `path`, unlike `entry`, stood there before."""
        held = await self._beneath.at(position, path)
        if isinstance(held, HeldByCopy):
            there = self._landed[held.position].items[path].entry
            in_the_way = there.kind != "other" and clash(there, entry)
        elif isinstance(held, Outdated):
            # That command has run again: what stands there is its own, if it is not the copy's.
            in_the_way = path not in self._landed[position].items
        else:
            in_the_way = held is not None and clash(held.entry, entry)
        if in_the_way:
            raise Conflict(path)

    async def _is_spoilt(self, position: int, path: str, entry: Entry) -> bool:
        """Whether a directory is unlike `entry` that is known to be made by the step alone."""
        there = await first_entry(self._engine.get(self._container, path))
        if (there.mode, there.uid, there.gid) == (entry.mode, entry.uid, entry.gid):
            return False
        return await self._beneath.is_clear(position, path)

    async def _followed(self, path: str) -> tuple[str, PathStat | None]:
        """Where `path` leads, and what stands there."""
        stat = await self._engine.stat(self._container, path)
        if stat is None or stat.kind != "link" or not stat.target:
            return path, stat
        return stat.target, await self._engine.stat(self._container, stat.target)


def _is_same_kind(before: Item | None, item: Item) -> bool:
    known = before is not None and before.entry.kind != "other"
    return known and before is not None and not clash(before.entry, item.entry)
