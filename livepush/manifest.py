"""A manifest a `COPY`: what it writes, path by path. Pure; the rules are Docker's own, measured.

The source's side: wildcards match one component each, as Go's `filepath.Match` does; a source that
is a directory gives its contents; a link that the instruction names is followed inside the tree,
links below a copied directory stay links. The destination's side: a file goes *into* what is, or
is written as, a directory, else it *becomes* the destination; parents that are missing are made
`0755`. Later sources overwrite earlier ones.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from livepush.model import Copy, Entry
from livepush.pattern import compile_component, has_wildcard
from livepush.tree import Tree

_SET_ID = 0o6000  # setuid and setgid


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

    A directory of `made` is created `0755` where it is missing, and left as it is where it is not.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    owner: tuple[int, int] = (0, 0)


class MissingSource(Exception):  # noqa: N818  # a verdict for the caller, not a fault
    """A source without a wildcard, or what a link among the sources leads to, is not there.

    It fails a build; the text names the source.
    """


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
    writer = _Writer(copy, tree, destination, owner)
    for match in _found(copy, tree):
        writer.take(match)
    for name, content in copy.inline:
        writer.put(name, Entry("file", 0o644, size=len(content), content=content), "")
    if not writer.took:
        return Manifest()
    return Manifest(writer.items, tuple(ancestry(writer.root)), owner or (0, 0))


def matches(tree: Tree, source: str) -> Iterator[str]:
    """The paths that `source` names in `tree`. Raises `MissingSource`.

    A path that a wildcard found may be a link that leads nowhere, which a build would refuse.
    """
    if not has_wildcard(source):
        if tree.resolve(source) is None:
            raise MissingSource(source)
        yield source
        return
    parts = source.split("/")
    literal = next(i for i, part in enumerate(parts) if has_wildcard(part))
    start = "/".join(parts[:literal])
    # Links in the part before the wildcard are followed, a wildcard never goes through one.
    resolved = tree.resolve(start)
    directory = tree.get(resolved) if resolved is not None else None
    if resolved is None or directory is None or directory.kind != "dir":
        raise MissingSource(source)
    yield from _descend(tree, resolved, parts[literal:])


def _found(copy: Copy, tree: Tree) -> list[str]:
    look = _legacy_matches if copy.legacy else matches
    # As a builder walks them: `a/x` comes before `a!/x`, though not as text.
    found = [
        match
        for source in copy.sources
        for match in sorted(look(tree, source), key=lambda path: path.split("/"))
    ]
    if copy.legacy and copy.sources and not found:
        raise MissingSource(copy.sources[0])
    if copy.legacy and len(found) > 1 and not copy.dest_is_dir:
        raise Conflict(copy.dest)
    return found


def _legacy_matches(tree: Tree, source: str) -> Iterator[str]:
    """As the engine's own builder looks: never through a link, and nothing found is no error."""
    if has_wildcard(source):
        yield from _descend(tree, "", source.split("/"))
    else:
        yield from matches(tree, source)


def _descend(tree: Tree, here: str, parts: list[str]) -> Iterator[str]:
    glob = compile_component(parts[0])
    for name in tree.children(here):
        if not glob.match(name):
            continue
        path = f"{here}/{name}" if here else name
        if len(parts) > 1:
            yield from _descend(tree, path, parts[1:])
        else:
            yield path


class _Writer:
    """Collects the items of one `COPY`, source after source."""

    def __init__(
        self, copy: Copy, tree: Tree, destination: Destination, owner: tuple[int, int] | None
    ) -> None:
        self.items: dict[str, Item] = {}
        self.took = False
        self._copy = copy
        self._tree = tree
        self._dest = destination.path
        self._is_dir = destination.is_dir
        self._owner = owner

    @property
    def root(self) -> str:
        """The directory that everything goes into."""
        return self._dest if self._is_dir else posixpath.dirname(self._dest)

    def take(self, match: str) -> None:
        resolved = self._tree.resolve(match)
        entry = self._tree.get(resolved) if resolved is not None else None
        if entry is None or resolved is None:
            raise MissingSource(match)
        if entry.kind == "dir":
            self.took = self._is_dir = True
            self._contents(resolved)
        else:
            self.put(posixpath.basename(match), entry, resolved)

    def put(self, name: str, entry: Entry, source: str) -> None:
        self.took = True
        path = posixpath.join(self._dest, name) if self._is_dir else self._dest
        # A file that is named itself is never linked to another one.
        self._add(path, replace(entry, inode=None), source)

    def _contents(self, directory: str) -> None:
        there = self.items.get(self._dest)
        if there is not None and there.entry.kind != "dir":
            raise Conflict(self._dest)
        start = len(directory) + 1 if directory else 0
        for path, entry in self._tree.walk(directory):
            self._add(posixpath.join(self._dest, path[start:]), entry, path)

    def _add(self, path: str, entry: Entry, source: str) -> None:
        if entry.kind == "other":
            return
        if self._owner is not None:
            entry = replace(entry, uid=self._owner[0], gid=self._owner[1])
        if self._copy.chmod is not None and entry.kind != "link":
            entry = replace(entry, mode=self._copy.chmod)
        if self._copy.legacy and entry.kind == "file" and entry.mode & _SET_ID:
            # The engine's own builder changes the owner last, which takes these bits away.
            entry = replace(entry, mode=entry.mode & ~_SET_ID)
        there = self.items.get(path)
        if there is not None and (there.entry.kind == "dir") != (entry.kind == "dir"):
            self._make_room(path)
        self.items[path] = Item(entry, source)

    def _make_room(self, path: str) -> None:
        """Something of another kind comes to `path`, which only the engine's own builder takes."""
        if not self._copy.legacy:
            raise Conflict(path)
        for below in [held for held in self.items if held.startswith(f"{path}/")]:
            del self.items[below]


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


def delta(landed: Manifest, wanted: Manifest, doubtful: frozenset[str], *, full: bool) -> Delta:
    """What must be written and deleted for `wanted`, where `landed` is what was sent last.

    `doubtful` are source paths that were changed: what comes from them is written unless its bytes
    are known to be the landed ones. `full` writes everything.
    """
    written = {
        path: item
        for path, item in wanted.items.items()
        if full or not _landed(landed.items.get(path), item, doubtful)
    }
    deleted = tuple(path for path in landed.items if path not in wanted.items)
    return Delta(written, deleted)


def _landed(old: Item | None, new: Item, doubtful: frozenset[str]) -> bool:
    if old is None or _look(old.entry) != _look(new.entry):
        return False
    if new.entry.kind != "file":
        return new.source not in doubtful or new.entry.kind == "dir"
    if old.entry.digest and new.entry.digest:
        return old.entry.digest == new.entry.digest
    if old.entry.content is not None:
        return old.entry.content == new.entry.content
    unchanged = old.source == new.source and old.entry.stamp == new.entry.stamp
    return unchanged and (bool(old.entry.digest) or new.source not in doubtful)


def _look(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.mode, entry.uid, entry.gid, entry.target


def gone(copy: Copy, destination: Destination, path: str) -> Iterator[str]:
    """Where a source path that is no more can have been written, by the text of `copy` alone."""
    for source in copy.sources:
        rest = _below(source, path)
        if rest:
            yield posixpath.join(destination.path, rest)
        elif rest is not None and has_wildcard(source) and destination.is_dir:
            yield posixpath.join(destination.path, posixpath.basename(path))


def _below(source: str, path: str) -> str | None:
    """What follows `source` in `path`, which may be nothing; None where it does not begin so."""
    wanted = source.split("/") if source else []
    parts = path.split("/")
    if len(parts) < len(wanted):
        return None
    for name, part in zip(wanted, parts, strict=False):
        if not (compile_component(name).match(part) if has_wildcard(name) else name == part):
            return None
    return "/".join(parts[len(wanted) :])
