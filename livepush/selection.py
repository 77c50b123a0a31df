"""What a `COPY` takes from a tree: what its sources name, and what of directories. Pure.

Wildcards match one component each, as Go's `filepath.Match` does. A source that is a directory
gives its contents, links among them as they are. With `--parents` a source is a directory to start
from, and a pattern of what is taken below it together with the directories on the way; `--exclude`
has patterns of what is left out. Both are written as in an ignore file, are told paths below the
source, and have no say in a file that is itself a source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from livepush.ignore import Ignore
from livepush.model import Copy, Entry
from livepush.pattern import component, has_wildcard, literal_part
from livepush.sending import is_directory_sent, is_sent
from livepush.tree import Tree, above


class MissingSource(Exception):  # noqa: N818  # a verdict for the caller, not a fault
    """A source without a wildcard, or what a link among the sources leads to, is not there.

    It fails a build; the text names the source.
    """


class Taken(NamedTuple):
    """A path `below` a source, and its entry; `on_the_way` is a directory above what is taken."""

    below: str
    entry: Entry
    on_the_way: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What is taken below a source: what `chosen` does not ignore, and `left_out` neither.

    `required` names what must be there at least, where the instruction says it without a wildcard.
    """

    chosen: Ignore
    left_out: Ignore
    required: str = ""

    def takes(self, below: str) -> bool:
        """Whether it takes a path below a source."""
        return not (self.chosen.ignored(below) or self.left_out.ignored(below))

    def may_take_below(self, below: str) -> bool:
        """Whether it may take something below that path below a source; `False` is certain."""
        return self.chosen.may_hold_kept(below) and self.left_out.may_hold_kept(below)

    def of(self, tree: Tree, directory: str) -> Iterator[Taken]:
        """What it takes of a directory, parents first. Raises `MissingSource`."""
        if self.chosen.rules or self.left_out.rules:
            yield from self._sifted(tree, directory)
            return
        start = len(directory) + 1 if directory else 0
        for path, entry in tree.walk(directory):
            yield Taken(path[start:], entry)

    def _sifted(self, tree: Tree, directory: str) -> Iterator[Taken]:
        given = {""}
        todo = [("", self.chosen.root(), self.left_out.root())]
        while todo:
            here, chosen, left_out = todo.pop()
            deeper = []
            for name, entry in sorted(tree.children(_joined(directory, here)).items()):
                below = _joined(here, name)
                one, other = chosen.child(below), left_out.child(below)
                if not (one.ignored or other.ignored):
                    for way in reversed([path for path in above(below) if path not in given]):
                        given.add(way)
                        itself = tree.get(_joined(directory, way))
                        if itself is not None:
                            yield Taken(way, itself, on_the_way=True)
                    given.add(below)
                    yield Taken(below, entry)
                if entry.kind == "dir" and one.may_hold_kept() and other.may_hold_kept():
                    deeper.append((below, one, other))
            todo.extend(reversed(deeper))
        if self.required and len(given) == 1:
            raise MissingSource(self.required)


def selection(copy: Copy, number: int) -> Selection:
    """What `copy` takes below its source of that number.

    Raises `InvalidArgumentError` for a pattern that no builder takes.
    """
    return _selection(copy.sources[number], copy.parents[number : number + 1], copy.exclude)


@lru_cache(maxsize=256)
def _selection(source: str, parents: tuple[str, ...], exclude: tuple[str, ...]) -> Selection:
    left_out = Ignore.of(exclude)
    if not parents:
        return Selection(Ignore.of(()), left_out)
    pattern = parents[0]
    # A pattern that is an exception excepts from nothing, so it chooses nothing.
    exceptions = (f"!{pattern}",) if pattern and not pattern.startswith("!") else ()
    named = not (has_wildcard(source) or has_wildcard(pattern))
    return Selection(
        Ignore.of(("**", *exceptions)), left_out, required=_joined(source, pattern) if named else ""
    )


def found(copy: Copy, tree: Tree) -> list[tuple[str, Selection]]:
    """What the sources name, in the order of copying, and what is taken below each.

    Raises `MissingSource`.
    """
    look = _legacy_matches if copy.legacy else matches
    if copy.origin is None and not copy.legacy:
        _refuse_unsent(copy, tree)
    return [
        (match, selection(copy, number))
        for number, source in enumerate(copy.sources)
        # As a builder walks them: `a/x` comes before `a!/x`, though not as text.
        for match in sorted(look(tree, source), key=lambda path: path.split("/"))
    ]


def _refuse_unsent(copy: Copy, tree: Tree) -> None:
    """Raises `MissingSource` for a wildcard below what is not sent.

    A client sends what the sources name: below a file that is nothing, and not the file either; and
    not a directory in which they name nothing.
    """
    for source in filter(has_wildcard, copy.sources):
        start = tree.resolve(literal_part(source)) or ""
        entry = tree.get(start)
        if entry is None or not start:
            continue
        looked_for = is_directory_sent if entry.kind == "dir" else is_sent
        if not looked_for(tree, (*copy.sources, *copy.beside), start):
            raise MissingSource(source)


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
    if resolved is None:
        raise MissingSource(source)
    # Below what is no directory nothing is found, which is no error.
    yield from _descend(tree, resolved, parts[literal:])


def _legacy_matches(tree: Tree, source: str) -> Iterator[str]:
    """As the engine's own builder looks: never through a link, and nothing found is no error."""
    if has_wildcard(source):
        yield from _descend(tree, "", source.split("/"))
    else:
        yield from matches(tree, source)


def _descend(tree: Tree, here: str, parts: list[str]) -> Iterator[str]:
    glob = component(parts[0])
    for name in tree.children(here):
        if not glob.match(name):
            continue
        path = _joined(here, name)
        if len(parts) > 1:
            yield from _descend(tree, path, parts[1:])
        else:
            yield path


def _joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory and name else directory or name
