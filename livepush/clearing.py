"""What becomes of the paths that a copy no longer writes.

They go back to what the steps before the copy, or the base image, hold there; only where none
holds anything are they deleted, with the directories that were made for them and that nothing
else asks for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from livepush.beneath import Beneath, Held, HeldByCopy, Outdated
from livepush.landed import Landed, holds_below
from livepush.manifest import Item, Manifest
from livepush.tree import above


@dataclass(slots=True)
class Clearing:
    """Absolute paths: `trees` go with all below them, `directories` go if they are empty then.

    `restored` is what stands again where it was beneath the copy. `outdated` are the positions of
    commands that have to run again, because what they wrote there is not known any more.
    """

    trees: list[str] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    restored: dict[str, Held] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)


async def cleared(
    position: int, paths: Collection[str], wanted: Manifest, landed: Landed, beneath: Beneath
) -> Clearing:
    """How the copy at `position`, which writes `wanted` from now on, lets go of `paths`.

    What an earlier copy holds is uncovered in `landed`. Raises `EngineError`.
    """
    before, clearing = landed[position], Clearing()
    gone: set[str] = set()
    for path in sorted(paths):
        # What comes in a directory's place takes it away with all in it; a deletion below a link
        # that stands there by now would reach what the link leads to.
        if any(up in gone or _is_no_dir(wanted.items.get(up)) for up in above(path)):
            continue
        held = await beneath.at(position, path)
        if isinstance(held, HeldByCopy):
            landed.uncover(held.position, path)
            continue
        if isinstance(held, Held) and held.entry.kind != "other":
            clearing.restored[path] = held
            continue
        if isinstance(held, Outdated):
            clearing.outdated.add(held.position)
        if _may_be_dir(before.items.get(path)) and (
            holds_below(wanted, path) or landed.others_below(position, path)
        ):
            clearing.directories.insert(0, path)
        else:
            gone.add(path)
            clearing.trees.append(path)
    for path in reversed(list(before.made)):
        if path in wanted.made or path in wanted.items:
            continue
        if await beneath.at(position, path) is not None:
            continue
        if not landed.asks_for(position, path):
            clearing.directories.append(path)
    return clearing


def _is_no_dir(item: Item | None) -> bool:
    return item is not None and item.entry.kind != "dir"


def _may_be_dir(item: Item | None) -> bool:
    return item is None or item.entry.kind in ("dir", "other")
