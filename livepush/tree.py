"""A tree of entries in memory: a build context, or the files of a stage. No I/O.

Paths are relative, slash-separated and clean; `""` is the root, which is always a directory.
Symbolic links are resolved as a builder does it: inside the tree, whose root is also `/`, so that
nothing outside is ever reached.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from livepush.model import Entry

ROOT = Entry(kind="dir", mode=0o755)
_NOTHING: Mapping[str, Entry] = MappingProxyType({})
MAX_LINKS = 255  # where Linux and BuildKit give up on a chain of links


class Tree:
    """Entries by path. Built once and then only read; a changed tree is a new one."""

    __slots__ = ("_children",)

    def __init__(self, children: Mapping[str, Mapping[str, Entry]]) -> None:
        """`children` maps each directory's path to the entries in it, by name."""
        self._children = children

    @classmethod
    def of(cls, entries: Iterable[tuple[str, Entry]]) -> Tree:
        """A tree of `(path, entry)` pairs; missing parents become plain directories.

        The root is always there and plain, so a pair for it says nothing.
        """
        children: dict[str, dict[str, Entry]] = {"": {}}
        for path, entry in entries:
            if not path:
                continue
            _ensure(children, posixpath.dirname(path))[posixpath.basename(path)] = entry
            if entry.kind == "dir":
                children.setdefault(path, {})
        return cls(children)

    def get(self, path: str) -> Entry | None:
        """The entry at `path` itself, links not followed."""
        if not path:
            return ROOT
        parent, _, name = path.rpartition("/")
        return self._children.get(parent, _NOTHING).get(name)

    def children(self, path: str) -> Mapping[str, Entry]:
        """The entries of the directory at `path`, by name; none where it is no directory."""
        return self._children.get(path, _NOTHING)

    def directories(self) -> Mapping[str, Mapping[str, Entry]]:
        """All directories with their entries, by path."""
        return self._children

    def walk(self, path: str = "") -> Iterator[tuple[str, Entry]]:
        """All below the directory at `path`, as `(path, entry)`, parents first, in byte order."""
        stack = [path]
        while stack:
            here = stack.pop()
            prefix = f"{here}/" if here else ""
            below = []
            for name, entry in sorted(self.children(here).items()):
                yield prefix + name, entry
                if entry.kind == "dir":
                    below.append(prefix + name)
            stack.extend(reversed(below))

    def resolve(self, path: str) -> str | None:
        """Where `path` leads once every link in it is followed; None where it leads nowhere."""
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        here: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                here = here[:-1]
                continue
            entry = self.get("/".join([*here, part]))
            if entry is None:
                return None
            if entry.kind != "link":
                here.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                return None
            if entry.target.startswith("/"):
                here = []
            todo.extend(p for p in reversed(entry.target.split("/")) if p not in ("", "."))
        return "/".join(here)


def _ensure(children: dict[str, dict[str, Entry]], path: str) -> dict[str, Entry]:
    known = children.get(path)
    if known is not None:
        return known
    parent, _, name = path.rpartition("/")
    _ensure(children, parent)[name] = ROOT
    return children.setdefault(path, {})


def above(path: str) -> Iterator[str]:
    """The paths above `path`, the nearest first and `""` last; none above `""`."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def clean(path: str) -> str:
    """`path` as trees spell it: lexically clean, relative, `..` clamped at the root."""
    return posixpath.normpath("/" + path).lstrip("/")
