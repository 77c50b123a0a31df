"""Which sources of `COPY` steps take a path of the build context. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livepush.ignore import beginning
from livepush.model import Copy
from livepush.pattern import Glob, below, component, has_wildcard, literal_part
from livepush.selection import selection
from livepush.tree import above


class Sources:
    """Finds the sources that take a path, at a cost that hardly grows with their number.

    Literal sources, and the literal beginnings of wildcards, are looked up. What is behind a
    beginning is matched once for all paths that agree in as many components as a wildcard has.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self._literal: set[str] = set()
        self._above: dict[str, set[str]] = {}
        self._globs: dict[str, list[tuple[str, tuple[Glob, ...]]]] = {}
        self._depth = 0
        self._matched: dict[str, tuple[str, ...]] = {}
        for source in sources:
            beginning = source
            if has_wildcard(source):
                components = tuple(map(component, source.split("/")))
                beginning = literal_part(source)
                self._globs.setdefault(beginning, []).append((source, components))
                self._depth = max(self._depth, len(components))
            else:
                self._literal.add(source)
            for ancestor in above(beginning):
                self._above.setdefault(ancestor, set()).add(source)

    def taking(self, path: str) -> Iterator[str]:
        """The sources that `path`, clean and relative, is of interest to; some come twice."""
        for prefix in (path, *above(path)):
            if prefix in self._literal:
                yield prefix
        # A directory that came or went as a whole concerns the sources below it.
        yield from self._above.get(path, ())
        if self._globs:
            top = "/".join(path.split("/", self._depth)[: self._depth])
            if top not in self._matched:
                self._matched[top] = tuple(self._matching(top))
            yield from self._matched[top]

    def _matching(self, path: str) -> Iterator[str]:
        parts = path.split("/") if path else []
        for prefix in (path, *above(path)):
            for source, components in self._globs.get(prefix, ()):
                if all(glob.match(part) for glob, part in zip(components, parts, strict=False)):
                    yield source


def claimed(copy: Copy) -> tuple[str, ...]:
    """What of its tree `copy` is interested in: its sources, or with `--parents` parts of them."""
    if not copy.parents:
        return copy.sources
    parts = zip(copy.sources, map(beginning, copy.parents), strict=True)
    return tuple("/".join(filter(None, part)) for part in parts)


def leaves_out(copy: Copy, source: str, path: str) -> bool:
    """Whether `--exclude` keeps `path`, which the source takes, and all below it out of `copy`."""
    if not copy.exclude:
        return False
    among = [index for index, each in enumerate(claimed(copy)) if each == source]
    return bool(among) and all(_excluded(copy, index, path) for index in among)


def _excluded(copy: Copy, index: int, path: str) -> bool:
    rest, taken = below(copy.sources[index], path) or "", selection(copy, index)
    return not (taken.takes(rest) or taken.may_take_below(rest))
