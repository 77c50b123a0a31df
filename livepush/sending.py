"""What BuildKit's client sends of a build context. Pure.

It sends what the sources of the instructions name, and no more. Of a source with a link in it the
link is sent, and what it leads to. A wildcard counts as a link where it finds one: then all that it
finds is sent, whatever the source has behind it. What a wildcard's directories hold is not seen.

A client looks at links that are ignored, too; of those nothing is known here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from livepush.pattern import below, component, has_wildcard
from livepush.tree import Tree, above, clean


def is_sent(tree: Tree, sources: Iterable[str], path: str) -> bool:
    """Whether a client that is asked for `sources` sends what is at `path`, no directory."""
    return _is_among(_asked(tree, sources), path)


def is_directory_sent(tree: Tree, sources: Iterable[str], path: str) -> bool:
    """Whether a client that is asked for `sources` sends the directory `path`.

    It does so for what it sends below it, unless it is asked for the directory as such.
    """
    asked, todo = _asked(tree, sources), [path]
    while todo:
        here = todo.pop()
        if _is_among(asked, here):
            return True
        todo += [f"{here}/{name}" for name in tree.children(here)]
    return False


def sent(tree: Tree, sources: Iterable[str]) -> frozenset[str]:
    """All that a client sends that is asked for `sources`, the directories above it included."""
    found: set[str] = set()
    for source in _asked(tree, sources):
        for path in _matched(tree, "", source.split("/") if source else []):
            found.update((path, *above(path)), (each for each, _ in tree.walk(path)))
    return frozenset(found - {""})


def _matched(tree: Tree, here: str, parts: Sequence[str]) -> Iterator[str]:
    """What is at `parts` below `here`, no link followed."""
    if not parts:
        yield here
        return
    children = tree.children(here)
    name = parts[0]
    names = filter(component(name).match, children) if has_wildcard(name) else [name]
    for each in names:
        if each in children:
            yield from _matched(tree, posixpath.join(here, each), parts[1:])


def _is_among(asked: Iterable[str], path: str) -> bool:
    return any(below(pattern, path) is not None for pattern in asked)


def _asked(tree: Tree, sources: Iterable[str]) -> Iterable[str]:
    asked: dict[str, None] = {}
    # In the order in which BuildKit asks: a link that has been met is not followed once more.
    for source in sorted(set(sources), key=_bytes):
        _ask(tree, source, asked)
    return asked


def _bytes(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _ask(tree: Tree, source: str, asked: dict[str, None]) -> None:
    """Adds what is asked for, for `source`: the source, or the links in it and where they lead."""
    parts = source.split("/")
    for depth in range(1, len(parts) + 1):
        here, rest = "/".join(parts[:depth]), parts[depth:]
        targets = list(_targets(tree, here))
        if here in asked and (targets or not rest):
            return
        if targets:
            asked[here] = None
            for target in targets:
                _ask(tree, clean("/".join([target, *rest])), asked)
            return
    asked[source] = None


def _targets(tree: Tree, path: str) -> Iterator[str]:
    """Where the links at `path` lead, of which only the last component may be a wildcard."""
    parent, name = posixpath.split(path)
    names = filter(component(name).match, tree.children(parent)) if has_wildcard(name) else [name]
    for found in names:
        entry = tree.children(parent).get(found)
        if entry is not None and entry.kind == "link":
            yield clean(posixpath.join(parent, entry.target))
