"""What of the paths that a copy writes has to be looked at closer, once their sources changed.

A file that was saved unchanged is found by its bytes before it is sent, if it is not large: then to
read it twice would take as long as to send it. So a large one is sent, and only then known to be
what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from livepush.archive import Files, examined
from livepush.manifest import Destination, Item, Manifest, gone
from livepush.model import Copy, Entry
from livepush.tree import Tree, above

_LARGE = 8 * 1024 * 1024  # bytes


def doubtful(wanted: Manifest, takes: frozenset[str]) -> frozenset[str]:
    """The sources of `wanted` that are, or are below, the changed paths `takes`."""
    return frozenset(i.source for i in wanted.items.values() if _covers(takes, i.source))


def may_be_equal(wanted: Manifest, landed: Manifest, sources: frozenset[str]) -> dict[str, Item]:
    """The files of `sources` that only their bytes can tell to be what has landed, by path."""
    found = {}
    for path, item in wanted.items.items():
        old = landed.items.get(path)
        if item.source in sources and old is not None and _may_be_equal(old.entry, item.entry):
            found[path] = item
    return found


def with_digests(wanted: Manifest, items: Mapping[str, Item], files: Files) -> Manifest:
    """`wanted` with the digests of `items`, which tell those saved unchanged from changed ones.

    Reads the files. Raises `PermissionError` for one that may not be read.
    """
    known = {}
    for path, item in items.items():
        try:
            known[path] = replace(item, entry=examined(item.entry, files, item.source))
        except (FileNotFoundError, NotADirectoryError):
            continue  # the upload finds it gone, too, and says so
    return replace(wanted, items={**wanted.items, **known})


def changed(landed: Manifest, sent: Mapping[str, Item]) -> dict[str, Item]:
    """What of `sent` turned out to be something new."""
    return {path: item for path, item in sent.items() if not _is_known(landed, path, item)}


def _is_known(landed: Manifest, path: str, item: Item) -> bool:
    old = landed.items.get(path)
    if old is None or not _is_large(item.entry):
        return False
    return replace(old.entry, mtime=0, stamp=()) == replace(item.entry, mtime=0, stamp=())


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
    known = bool(old.digest) and not new.digest
    return known and old.size == new.size and not _is_large(new)


def _is_large(entry: Entry) -> bool:
    return entry.size > _LARGE
