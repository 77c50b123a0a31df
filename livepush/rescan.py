"""A tree brought up to date where something is said to have changed, at the cost of only that.

The disk has the last word: a hint says where to look, never what is there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping

from livepush.ignore import Ignore, Verdict
from livepush.model import Changes, Entry
from livepush.scan import as_sent, entry_at, scan, scan_below
from livepush.tree import Tree

_INODE = 3  # the inode's place in a stamp


def rescan(root: str, ignore: Ignore, tree: Tree, hints: Collection[str]) -> tuple[Tree, Changes]:
    """`tree` brought up to date where `hints` point, and what really differs.

    A hint is the path of an entry that may have changed, for a directory with all below it; `""`
    means the whole tree, and an absolute path nothing in it. The directories of `tree` that were
    not looked at are shared. Raises `InvalidArgumentError` as `scan` does.
    """
    if "" in hints:
        fresh = scan(root, ignore)
        return fresh, _differences(tree, fresh, [""], [])
    tops = _tops(root, tree, (hint for hint in hints if not hint.startswith("/")))
    fresh, above = _refreshed(root, ignore, tree, tops)
    changes = _differences(tree, fresh, tops, above)
    # A write through one name of a file is not told of its other names.
    twins = _tops(root, fresh, _other_names(tree, fresh, changes))
    if not twins:
        return fresh, changes
    fresh, above_twins = _refreshed(root, ignore, fresh, twins)
    return fresh, _differences(tree, fresh, tops | twins, above | above_twins)


def _tops(root: str, tree: Tree, hints: Iterable[str]) -> set[str]:
    """Where to look so that all `hints` are covered: below them, none stands below another.

    A hint below what is no directory, in the tree or by now on disk, means that something above
    it came or went.
    """
    standing: dict[str, bool] = {}

    def stands(path: str) -> bool:
        if path not in standing:
            before = tree.get(path)
            after = entry_at(root, path) if before and before.kind == "dir" else None
            standing[path] = after is not None and after.kind == "dir"
        return standing[path]

    tops: set[str] = set()
    for hint in sorted(hints, key=len):  # what is above others first
        tops.add(next((up for up in _above(hint) if up in tops or not stands(up)), hint))
    return tops


def _above(path: str) -> Iterator[str]:
    """The directories above `path`, the topmost first, without the root."""
    for index, char in enumerate(path):
        if char == "/":
            yield path[:index]


def _refreshed(root: str, ignore: Ignore, tree: Tree, tops: Iterable[str]) -> tuple[Tree, set[str]]:
    """`tree` with all at and below `tops` as the disk has it, and what else may have changed.

    That is the directories above the tops, whose own entries change with what they hold.
    """
    draft = _Draft(tree)
    parents = set()
    for top in tops:
        draft.remove(top)
        parents.add(posixpath.dirname(top))
        verdict, entry = _verdict(ignore, top), entry_at(root, top)
        if entry is None or (verdict.ignored and not verdict.may_hold_kept()):
            continue
        if entry.kind == "dir":
            below = scan_below(root, top, verdict)
            if below is not None and (below[top] or not verdict.ignored):
                draft.put(top, as_sent(entry, verdict))
                draft.children.update(below)
        elif not verdict.ignored:
            draft.put(top, entry)
    touched: set[str] = set()
    for parent in sorted(parents, key=len, reverse=True):
        touched.update(_settle(draft, root, ignore, parent))
    return Tree(draft.children), touched


def _settle(draft: _Draft, root: str, ignore: Ignore, path: str) -> Iterator[str]:
    """Bring a directory's own entry up to date; yields the paths that this touched.

    An ignored one goes when it holds nothing any more, and so may those above it.
    """
    while path and not draft.children.get(path) and ignore.ignored(path):
        draft.remove(path)
        yield path
        path = posixpath.dirname(path)
    entry = entry_at(root, path) if path in draft.children else None
    if path and entry is not None and entry.kind == "dir":
        draft.put(path, as_sent(entry, _verdict(ignore, path)))
        yield path


class _Draft:
    """The children of a tree, each directory's copied when it is first written to."""

    def __init__(self, tree: Tree) -> None:
        self.children: dict[str, Mapping[str, Entry]] = dict(tree.directories())
        self._own: dict[str, dict[str, Entry]] = {}

    def put(self, path: str, entry: Entry) -> None:
        parent, _, name = path.rpartition("/")
        self._writable(parent)[name] = entry

    def remove(self, path: str) -> None:
        """Take out `path` and all below it; nothing happens where it is not there."""
        parent, _, name = path.rpartition("/")
        if name not in self.children.get(parent, ()):
            return
        del self._writable(parent)[name]
        todo = [path]
        while todo:
            here = todo.pop()
            entries = self.children.pop(here, {})
            todo.extend(f"{here}/{name}" for name, e in entries.items() if e.kind == "dir")

    def _writable(self, path: str) -> dict[str, Entry]:
        if self._own.get(path) is not self.children[path]:
            self._own[path] = dict(self.children[path])
            self.children[path] = self._own[path]
        return self._own[path]


def _verdict(ignore: Ignore, path: str) -> Verdict:
    verdict = ignore.root()
    for above in _above(path):
        verdict = verdict.child(above)
    return verdict.child(path)


def _other_names(old: Tree, new: Tree, changes: Changes) -> set[str]:
    """The paths in `new` that are further names of files among `changes`."""
    touched = {
        entry.stamp[_INODE]
        for path in changes.changed | changes.deleted
        for entry in (old.get(path), new.get(path))
        if entry is not None and entry.inode is not None
    }
    if not touched:
        return set()
    return {
        posixpath.join(directory, name)
        for directory, entries in new.directories().items()
        for name, entry in entries.items()
        if entry.stamp and entry.stamp[_INODE] in touched
    } - changes.changed


def _differences(old: Tree, new: Tree, tops: Iterable[str], alone: Iterable[str]) -> Changes:
    """What differs at and below `tops`, and at the paths `alone` but not below them."""
    changed: set[str] = set()
    deleted: set[str] = set()

    def compare(path: str, before: Entry | None, after: Entry | None) -> None:
        if after is None:
            if before is not None:
                deleted.add(path)
        elif before is None or not _same(before, after):
            changed.add(path)

    for path in (*tops, *alone):
        compare(path, old.get(path), new.get(path))
    todo = list(tops)
    while todo:
        here = todo.pop()
        befores, afters = old.children(here), new.children(here)
        prefix = f"{here}/" if here else ""
        for name in befores.keys() | afters.keys():
            before, after = befores.get(name), afters.get(name)
            compare(prefix + name, before, after)
            if (before and before.kind == "dir") or (after and after.kind == "dir"):
                todo.append(prefix + name)
    return Changes(frozenset(changed), frozenset(deleted))


def _same(one: Entry, other: Entry) -> bool:
    """Whether two entries look alike: a directory's times change with what it holds."""
    return (one.kind, one.mode, one.target, one.stamp) == (
        other.kind,
        other.mode,
        other.target,
        other.stamp,
    )
