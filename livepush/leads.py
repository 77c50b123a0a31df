"""Where links lead the sources of `COPY` steps, beyond what the Dockerfile's text says. Pure.

A source that the instruction names, or that a wildcard finds, is followed when it is a link, and
so are links on the way to it. A change behind such a link is a change of the source.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from livepush.model import Copy, Fixed, Graph
from livepush.pattern import literal_part
from livepush.plan import StepRef
from livepush.selection import MissingSource, matches
from livepush.tree import MAX_LINKS, Tree, clean

Leads = Mapping[str, frozenset[StepRef]]
"""Paths of the context, and the steps that copy what is at or below them."""


def leads(graph: Graph, tree: Tree) -> Leads:
    """The paths behind links that the steps of `graph` copy from, given the context's `tree`."""
    found: dict[str, set[StepRef]] = {}
    for stage in graph.followed():
        for position, step in enumerate(stage.steps):
            if isinstance(step, Fixed) or (isinstance(step, Copy) and step.origin is None):
                for path in itertools.chain.from_iterable(_behind(tree, s) for s in step.sources):
                    found.setdefault(path, set()).add((stage.index, position))
    return {path: frozenset(refs) for path, refs in found.items()}


def _behind(tree: Tree, source: str) -> Iterator[str]:
    literal = literal_part(source)
    yield from _passed(tree, literal)
    if literal == source:
        return
    try:
        for match in matches(tree, source):
            entry = tree.get(match)
            if entry is not None and entry.kind == "link":
                yield from _passed(tree, match)
    except MissingSource:
        return  # the copy itself says so when its turn comes


def _passed(tree: Tree, path: str) -> Iterator[str]:
    """What `path` goes through behind its first link: further links, and where it leads."""
    todo, here, links = path.split("/")[::-1], list[str](), 0
    while todo:
        part = todo.pop()
        if part in ("", ".", ".."):
            here = here[:-1] if part == ".." else here
            continue
        place = "/".join([*here, part])
        entry = tree.get(place)
        if entry is None:
            if links:  # it may come there
                yield clean("/".join([place, *reversed(todo)]))
            return
        if entry.kind != "link":
            here.append(part)
            continue
        if links:
            yield place
        links += 1
        if links > MAX_LINKS:
            return
        here = [] if entry.target.startswith("/") else here
        todo.extend(reversed(entry.target.split("/")))
    if links:
        yield "/".join(here)
