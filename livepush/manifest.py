"""A manifest a `COPY`: what it writes, path by path. Pure; the rules are Docker's own, measured.

What is taken of the sources is in `livepush.selection`; this is the destination's side. A file
goes *into* what is, or is written as, a directory, else it *becomes* the destination; a link that
the instruction names is followed. Parents that are missing are made `0755`. Later sources
overwrite earlier ones.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from livepush.model import Copy, Entry
from livepush.pattern import below, has_wildcard
from livepush.selection import MissingSource, Selection, found, selection
from livepush.tree import Tree

_MADE = Entry("dir", 0o755)
_SETUID, _SETGID, _GROUP_RUNS = 0o4000, 0o2000, 0o010
_WHITEOUT = ".wh."


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a `COPY` writes, links followed: an absolute path, and whether files go into it."""

    path: str
    is_dir: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One path of a manifest: the entry as it must be, and the source path its bytes are in."""

    entry: Entry
    source: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`items` by absolute path; `made` are the directories that must be there for them.

    A directory of `made` is created as its entry says where it is missing, and left as it is where
    it is not, but for the mode of those `on_the_way` from a source to what is taken of it.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    made: Mapping[str, Entry] = field(default_factory=dict)
    on_the_way: frozenset[str] = frozenset()


class Conflict(Exception):  # noqa: N818  # a verdict for the caller, not a fault
    """A directory and something else are wanted in one place, which fails a build.

    The text is the path.
    """


def manifest(
    copy: Copy, tree: Tree, destination: Destination, owner: tuple[int, int] | None
) -> Manifest:
    """What `copy` writes, given the files it copies from; `owner` is that of `--chown`, if any.

    Without an owner, files of the build context are root's and those of a stage keep theirs, which
    is what their entries say already. Raises `MissingSource` and `Conflict`.
    """
    matched = found(copy, tree)
    if copy.legacy and copy.sources and not matched:
        raise MissingSource(copy.sources[0])
    if copy.only_one and len(matched) > 1:
        raise Conflict(copy.dest)
    writer = _Writer(copy, destination, owner)
    for number, (match, taken) in enumerate(matched):
        resolved = tree.resolve(match)
        entry = tree.get(resolved) if resolved is not None else None
        if entry is None or resolved is None:
            raise MissingSource(match)
        if entry.kind == "dir":
            writer.contents(tree, resolved, taken, number)
        else:
            writer.put(posixpath.basename(match), entry, resolved)
    for name, content in copy.inline:
        writer.put(name, Entry("file", 0o644, size=len(content), content=content), "")
    return Manifest(writer.items, writer.made, frozenset(writer.on_the_way))


def clash(one: Entry, other: Entry) -> bool:
    """Whether one is a directory and the other is not: BuildKit never puts these in one place."""
    return (one.kind == "dir") != (other.kind == "dir")


class _Writer:
    """Collects the manifest of one `COPY`, source after source."""

    def __init__(self, copy: Copy, destination: Destination, owner: tuple[int, int] | None) -> None:
        self.items: dict[str, Item] = {}
        self.made: dict[str, Entry] = {}
        self.on_the_way: set[str] = set()
        self._copy = copy
        self._dest = destination.path
        self._is_dir = destination.is_dir
        self._owner = owner

    def put(self, name: str, entry: Entry, source: str) -> None:
        """A file that is itself a source, or inline."""
        self._make_root(of_directory=False)
        path = posixpath.join(self._dest, name) if self._is_dir else self._dest
        if self._copy.legacy:
            entry = replace(entry, xattrs=())
        # It is never linked to another one.
        self._add(path, replace(entry, inode=None), source)

    def contents(self, tree: Tree, directory: str, taken: Selection, number: int) -> None:
        """What is taken of the directory that the source of that number is."""
        self._is_dir = True
        there = self.items.get(self._dest)
        if there is not None and there.entry.kind != "dir":
            raise Conflict(self._dest)
        self._make_root(of_directory=True)
        to, start = posixpath.join(self._dest, ""), f"{directory}/" if directory else ""
        for rest, entry, on_the_way in taken.of(tree, directory):
            if on_the_way:
                self._pass(to + rest, entry)
            elif entry.inode is None:
                self._add(to + rest, entry, start + rest)
            else:
                # Links between files end at the source that they are below.
                own = replace(entry, inode=(*entry.inode, number))
                self._add(to + rest, own, start + rest)

    def _make_root(self, *, of_directory: bool) -> None:
        """The directory that everything goes into, and those above it."""
        root = self._dest if self._is_dir else posixpath.dirname(self._dest)
        uid, gid = self._owner or (0, 0)
        for path in ancestry(root):
            # For a directory the engine's own builder makes what is above with no owner in mind.
            roots = self._copy.legacy and of_directory and path != root
            made = _MADE if roots else replace(_MADE, uid=uid, gid=gid)
            self.made.setdefault(path, made)

    def _pass(self, path: str, entry: Entry) -> None:
        """A directory on the way, which is made once and then only gets its source's mode."""
        there = self.items.get(path)
        if there is not None and there.entry.kind != "dir":
            raise Conflict(path)
        if there is not None:
            self.items[path] = replace(there, entry=replace(there.entry, mode=entry.mode))
        elif path in self.on_the_way:
            self.made[path] = replace(self.made[path], mode=entry.mode)
        else:
            self.made[path] = _like_source(self._copy, entry, self._owner)
            self.on_the_way.add(path)

    def _add(self, path: str, entry: Entry, source: str) -> None:
        if entry.kind == "other" or (self._copy.legacy and _is_whiteout(path)):
            return
        entry = _written(self._copy, entry, self._owner)
        there = self.items.get(path)
        if path in self.made and entry.kind != "dir":
            raise Conflict(path)
        if there is not None and clash(there.entry, entry):
            self._make_room(path)
        self.made.pop(path, None)
        self.on_the_way.discard(path)
        self.items[path] = Item(entry, source)

    def _make_room(self, path: str) -> None:
        """Something of another kind comes to `path`, which only the engine's own builder takes."""
        if not self._copy.legacy:
            raise Conflict(path)
        for held in [held for held in self.items if held.startswith(f"{path}/")]:
            del self.items[held]


def saved_again(
    copy: Copy, tree: Tree, landed: Mapping[str, Item], owner: tuple[int, int] | None
) -> dict[str, Item] | None:
    """What `copy` writes where it has written the plain files of `landed`, as they are by now.

    None where one of them is no plain file, or was none: then more than these may be different.
    """
    wanted = {}
    for path, item in landed.items():
        entry = tree.get(item.source)
        if entry is None or not (_is_plain(entry) and _is_plain(item.entry)):
            return None
        wanted[path] = replace(item, entry=_written(copy, entry, owner))
    return wanted


def _is_plain(entry: Entry) -> bool:
    return entry.kind == "file" and entry.inode is None and entry.content is None


def _written(copy: Copy, entry: Entry, owner: tuple[int, int] | None) -> Entry:
    """The entry of a source as `copy` writes it."""
    entry = _like_source(copy, entry, owner)
    if copy.legacy and _changes_owner(copy, entry):
        entry = entry.altered(_after_chown(entry.mode), entry.digest, ())
    return entry


def _like_source(copy: Copy, entry: Entry, owner: tuple[int, int] | None) -> Entry:
    """The entry of a source with what the flags say instead."""
    if owner is not None:
        entry = replace(entry, uid=owner[0], gid=owner[1])
    if copy.chmod is not None and entry.kind != "link":
        kept = entry.mode & copy.chmod_keeps
        entry = replace(entry, mode=kept | copy.chmod)
    return entry


def _changes_owner(copy: Copy, entry: Entry) -> bool:
    """Whether the engine's own builder changes a file's owner once it is written."""
    return entry.kind == "file" and (copy.origin is None or bool(copy.chown))


def _after_chown(mode: int) -> int:
    """A file's mode once its owner was changed, which takes away what would lend his rights."""
    return mode & ~(_SETUID | (_SETGID if mode & _GROUP_RUNS else 0))


def _is_whiteout(path: str) -> bool:
    """Whether a layer of the engine's own builder holds `path` as a mark, and not as a file."""
    return path.rpartition("/")[2].startswith(_WHITEOUT)


def ancestry(path: str) -> Iterator[str]:
    """`path` and the directories above it but the root, from the top."""
    parts = [part for part in path.split("/") if part]
    for depth in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:depth])


@dataclass(frozen=True, slots=True)
class Delta:
    """What turns one manifest into another: paths to write, paths that are gone."""

    written: Mapping[str, Item] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.written or self.deleted)


def delta(landed: Manifest, wanted: Manifest, doubtful: frozenset[str]) -> Delta:
    """What must be written and deleted for `wanted`, where `landed` is what was sent last.

    `doubtful` are source paths that were changed: what comes from them is written unless its bytes
    are known to be the landed ones.
    """
    old, new = _other_names(landed), _other_names(wanted)
    written = {
        path: item
        for path, item in wanted.items.items()
        if not _landed(landed.items.get(path), item, doubtful)
        # Links between files can only be made between those that are written together.
        or old.get(path) != new.get(path)
    }
    deleted = tuple(path for path in landed.items if path not in wanted.items)
    return Delta(written, deleted)


def _other_names(manifest: Manifest) -> Mapping[str, frozenset[str]]:
    """The names of each file that has several."""
    names: dict[tuple[int, ...], set[str]] = {}
    for path, item in manifest.items.items():
        if item.entry.inode is not None:
            names.setdefault(item.entry.inode, set()).add(path)
    return {path: frozenset(same) for same in names.values() if len(same) > 1 for path in same}


def _landed(old: Item | None, new: Item, doubtful: frozenset[str]) -> bool:
    if old is None or _look(old.entry) != _look(new.entry):
        return False
    if new.entry.kind != "file":
        return new.source not in doubtful or new.entry.kind == "dir"
    if old.entry.digest and new.entry.digest:
        known = None not in (old.entry.xattrs, new.entry.xattrs)
        same = old.entry.digest == new.entry.digest
        return same and not (known and old.entry.xattrs != new.entry.xattrs)
    if old.entry.content is not None:
        return old.entry.content == new.entry.content
    unchanged = old.source == new.source and old.entry.stamp == new.entry.stamp
    return unchanged and (bool(old.entry.digest) or new.source not in doubtful)


def _look(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.mode, entry.uid, entry.gid, entry.target


def gone(copy: Copy, destination: Destination, path: str) -> Iterator[str]:
    """Where a source path that is no more can have been written, by the text of `copy` alone."""
    for number, source in enumerate(copy.sources):
        rest = below(source, path)
        if rest:
            if selection(copy, number).takes(rest):
                yield posixpath.join(destination.path, rest)
        elif rest is not None and has_wildcard(source) and destination.is_dir:
            yield posixpath.join(destination.path, posixpath.basename(path))


def passed(
    copy: Copy, destination: Destination, path: str
) -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Where a source path can have been a directory on the way, and what was taken below it."""
    for number, source in enumerate(copy.sources):
        rest, taken = below(source, path), selection(copy, number)
        if rest and not taken.takes(rest) and taken.may_take_below(rest):
            takes = partial(_takes_below, taken, rest)
            yield posixpath.join(destination.path, rest), takes


def _takes_below(taken: Selection, directory: str, path: str) -> bool:
    return taken.takes(f"{directory}/{path}")
