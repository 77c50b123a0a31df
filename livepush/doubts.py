"""What of the paths that a copy writes has to be looked at closer, once their sources changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from livepush.archive import Files, examined
from livepush.manifest import Destination, Manifest, gone
from livepush.model import Copy, Entry
from livepush.tree import Tree, above


def doubtful(wanted: Manifest, takes: frozenset[str]) -> frozenset[str]:
    """The sources of `wanted` that are, or are below, the changed paths `takes`."""
    return frozenset(i.source for i in wanted.items.values() if _covers(takes, i.source))


def with_digests(
    wanted: Manifest, landed: Manifest, sources: frozenset[str], files: Files
) -> Manifest:
    """`wanted` with the digests that tell a file of `sources` saved unchanged from a changed one.

    Reads the files. Raises `PermissionError` for one that may not be read.
    """
    items = dict(wanted.items)
    for path, item in wanted.items.items():
        old = landed.items.get(path)
        if item.source in sources and old is not None and _may_be_equal(old.entry, item.entry):
            try:
                entry = examined(item.entry, files, item.source)
            except (FileNotFoundError, NotADirectoryError):
                continue  # the upload finds it gone, too, and says so
            items[path] = replace(item, entry=entry)
    return replace(wanted, items=items)


def lost(
    step: Copy, destination: Destination, wanted: Manifest, tree: Tree, takes: frozenset[str]
) -> Iterator[str]:
    """Where changed paths that are no more can have been written before this session."""
    for path in takes:
        if path and tree.get(path) is None:
            yield from (dest for dest in gone(step, destination, path) if dest not in wanted.items)


def _covers(takes: frozenset[str], source: str) -> bool:
    return bool(takes) and (source in takes or not takes.isdisjoint(above(source)))


def _may_be_equal(old: Entry, new: Entry) -> bool:
    # Where the clock of a file system is coarse, equal stamps do not say that nothing has changed.
    return bool(old.digest) and not new.digest and old.size == new.size
