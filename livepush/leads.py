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
from livepush.tree import Tree

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
    """Every link that `path` goes through, each of a chain, and where each one leads."""
    end = tree.resolve(path)
    if end is not None and end != path:
        yield end
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        yield from _chain(tree, "/".join(parts[:depth]))


def _chain(tree: Tree, path: str) -> Iterator[str]:
    seen: set[str] = set()
    entry = tree.get(path)
    while entry is not None and entry.kind == "link" and path not in seen:
        seen.add(path)
        here = "" if entry.target.startswith("/") else path.rpartition("/")[0]
        directory, _, name = f"{here}/{entry.target}".strip("/").rpartition("/")
        resolved = tree.resolve(directory)
        if resolved is None:
            return
        path = f"{resolved}/{name}".lstrip("/")
        yield path  # also where nothing stands: it may come
        entry = tree.get(path)
