"""How the files of a container differ from those of a fresh build. Pure.

Three trees tell it: the container's, the fresh build's, and that of the image the container was
made from. A path that only the container has, and that neither its image had nor a push has
written, was not built: the running application wrote it. Times are not compared, because builds do
not agree on them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from livepush.model import Entry, Step
from livepush.tree import Tree

# What an engine puts into every container itself.
ENGINES_OWN = (
    *("dev", "proc", "sys", ".dockerenv"),
    *("etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs: `what` says how, `step` is the one that should have written it.

    It is None where that is not known, or no step.
    """

    path: str
    what: str
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differences` by path, and the paths that the application itself has written."""

    differences: tuple[Difference, ...]
    not_built: tuple[str, ...]

    def attributed(self, author: Callable[[str], Step | None]) -> Comparison:
        """With the step that `author` gives for each path that differs, relative to the root."""
        return replace(
            self,
            differences=tuple(
                replace(each, step=author(each.path.lstrip("/"))) for each in self.differences
            ),
        )


def compare(
    container: Tree,
    fresh: Tree,
    image: Tree,
    *,
    pushed: Collection[str] = (),
    but: Collection[str] = (),
) -> Comparison:
    """Compares the container with the fresh build; `image` is what the container began with.

    `pushed` are absolute paths that pushes have written there. Paths in `but`, relative to the
    root, and all below them are left out, such as volumes.
    """
    left_out = (*ENGINES_OWN, *but)
    here, wanted = nodes(container, left_out), nodes(fresh, left_out)
    differences: list[Difference] = []
    not_built: list[str] = []
    for path in sorted(here.keys() | wanted.keys()):
        what = _what(here.get(path), wanted.get(path))
        if not what:
            continue
        if path not in wanted and image.get(path) is None and f"/{path}" not in pushed:
            not_built.append(f"/{path}")
        else:
            differences.append(Difference(f"/{path}", what))
    return Comparison(tuple(differences), tuple(not_built))


def nodes(tree: Tree, left_out: Collection[str] = ENGINES_OWN) -> dict[str, Entry]:
    """All entries of `tree` by path but those at and below `left_out`."""
    return dict(_walk(tree, "", frozenset(left_out)))


def _walk(tree: Tree, here: str, left_out: frozenset[str]) -> Iterator[tuple[str, Entry]]:
    for name, entry in tree.children(here).items():
        path = f"{here}/{name}" if here else name
        if path in left_out:
            continue
        yield path, entry
        if entry.kind == "dir":
            yield from _walk(tree, path, left_out)


def _what(here: Entry | None, wanted: Entry | None) -> str:
    if wanted is None:
        return "too much"
    if here is None:
        return "missing"
    if here.kind != wanted.kind:
        return f"{_KINDS[here.kind]} instead of {_KINDS[wanted.kind]}"
    return ", ".join(_details(here, wanted))


def _details(here: Entry, wanted: Entry) -> Iterator[str]:
    if here.digest != wanted.digest:
        yield "other content"
    if here.target != wanted.target:
        yield f"leads to {here.target} instead of {wanted.target}"
    if here.mode != wanted.mode:
        yield f"mode {here.mode:04o} instead of {wanted.mode:04o}"
    if (here.uid, here.gid) != (wanted.uid, wanted.gid):
        yield f"owner {here.uid}:{here.gid} instead of {wanted.uid}:{wanted.gid}"
    # Engines tell capabilities, and nothing of what users have set.
    if None not in (here.xattrs, wanted.xattrs) and here.xattrs != wanted.xattrs:
        yield "other extended attributes"


_KINDS = {"file": "a file", "dir": "a directory", "link": "a link", "other": "a special file"}
