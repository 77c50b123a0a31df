"""What has landed in one container, copy by copy, and what that says of a path. No I/O.

- Paths that an upload touches are doubted before it begins and believed after it has ended, so
  that an upload that broke off is written again, and what it left behind can still be deleted.
- What a path holds is what its last writer in order says. A copy neither writes nor deletes what
  a later copy holds, unless a command stands between them, behind which that copy comes again.
- A path that a copy lets go of is uncovered: the copy before it that holds it lands it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from livepush.manifest import Delta, Item, Manifest, ancestry
from livepush.model import Entry, MakeDir, Run, Step, is_command
from livepush.tree import Tree, above

_DOUBTED = Item(Entry("other", 0), "")


class Landed:
    """The manifests of the copies among `steps` that are in a container, by position."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._manifests: dict[int, Manifest] = {}
        self._items: dict[int, dict[str, Item]] = {}  # theirs, to be changed in place
        self._written: dict[int, dict[str, list[str]]] = {}  # paths by source, where it is known
        self._uncovered: set[int] = set()

    def __getitem__(self, position: int) -> Manifest:
        """What the copy at `position` has written; nothing where that is not known."""
        return self._manifests.get(position, Manifest())

    @property
    def uncovered(self) -> int | None:
        """The last of the copies that have to land a path again, None where there is none."""
        return max(self._uncovered, default=None)

    @property
    def paths(self) -> frozenset[str]:
        """All that the copies have written or made, as far as it is known."""
        return frozenset().union(
            *(m.items.keys() | m.made.keys() for m in self._manifests.values())
        )

    def believe(self, position: int, manifest: Manifest) -> None:
        """Takes `manifest` to be in the container."""
        items = self._items[position] = dict(manifest.items)
        self._manifests[position] = replace(manifest, items=items)
        self._written.pop(position, None)

    def snapshot(self, position: int) -> Manifest:
        """What the copy has written, as it is known now."""
        return replace(self[position], items=dict(self[position].items))

    def written_from(self, position: int, sources: Collection[str]) -> dict[str, Item] | None:
        """What the copy has written from each of `sources`; None where it is not known of one.

        It takes as long as there are sources, not as long as there are items.
        """
        if position not in self._written:
            written = self._written[position] = {}
            for path, item in self[position].items.items():
                written.setdefault(item.source, []).append(path)
        written, found = self._written[position], {}
        for source in sources:
            if source not in written:
                return None
            found.update({path: self._items[position][path] for path in written[source]})
        return found

    def doubt(self, position: int, changes: Delta) -> None:
        """Before an upload: what it will touch is not known any more."""
        if position not in self._items:
            self.believe(position, Manifest())
        self._items[position].update(dict.fromkeys(changes.written, _DOUBTED))

    def doubt_each(self, position: int, paths: Iterable[str]) -> None:
        """It is not known any more what is at each of `paths`, which the copy has written."""
        self.doubt(position, Delta(dict.fromkeys(paths, _DOUBTED)))

    def doubt_unlike(self, position: int, paths: Iterable[str], there: Tree) -> None:
        """Doubts those of `paths` that are not the same in `there`: what the container has."""
        landed = self[position]
        unlike = {
            path: _DOUBTED
            for path in paths
            if not _alike(landed.items[path].entry, there.get(path.lstrip("/")))
        }
        self.doubt(position, Delta(unlike))

    def settle(
        self,
        position: int,
        before: Manifest,
        wanted: Manifest,
        changes: Delta,
        sent: Mapping[str, Item],
        *,
        part: bool,
    ) -> None:
        """After an upload: `wanted` is there, with the digests of what was sent, now or before.

        A `part` says nothing of the other items.
        """
        items = {}
        for path, item in wanted.items.items():
            if path in sent:
                items[path] = sent[path]
            elif path not in changes.written:
                items[path] = _with_digest(item, before.items.get(path))
            elif path in before.items:
                items[path] = _DOUBTED  # its source was gone, what it was before is still there
        if part:
            self._items[position].update(items)
            return
        self.believe(position, replace(wanted, items=items))
        self._uncovered.discard(position)

    def unhidden(self, position: int, changes: Delta) -> Delta:
        """`changes` without the paths that a later copy holds, or has something else above."""
        later = list(self._later(position))
        if not later:
            return changes
        return Delta(
            {path: item for path, item in changes.written.items() if not _hold(later, path)},
            tuple(path for path in changes.deleted if not _hold(later, path)),
        )

    def has_later(self, position: int, path: str) -> bool:
        """Whether a later copy holds `path`, whatever commands stand between the two."""
        return _hold([m for index, m in self._manifests.items() if index > position], path)

    def uncover(self, position: int, path: str) -> None:
        """The copy at `position` has to land `path` again, and what it has below it."""
        below = [held for held in self[position].items if held.startswith(f"{path}/")]
        self.doubt(position, Delta(dict.fromkeys((path, *below), _DOUBTED)))
        self._uncovered.add(position)

    def others_below(self, position: int, path: str) -> bool:
        """Whether another copy than the one at `position` holds anything below `path`."""
        others = (m for index, m in self._manifests.items() if index != position)
        return any(holds_below(manifest, path) for manifest in others)

    def conflict(self, position: int, wanted: Manifest) -> str | None:
        """A path that `wanted` has of another kind than a copy before `position`.

        Or a file of it where a `WORKDIR` after that is a directory. Where a command stands between
        them it may have made room, which the container shows.
        """
        for index in range(self._behind_commands(position), position):
            for path in clashes(self[index], wanted):
                return path
        for step in self._steps[position + 1 :]:
            if is_command(step):
                break
            if isinstance(step, MakeDir):
                for path in ancestry(step.path):
                    if path in wanted.items and wanted.items[path].entry.kind == "file":
                        return path
        return None

    def later_clashes(self, position: int, wanted: Manifest) -> Iterator[tuple[int, str]]:
        """The later copies, before a command, that hold a path of `wanted` as another kind."""
        for index in range(position + 1, len(self._steps)):
            if isinstance(self._steps[index], Run):
                return
            yield from ((index, path) for path in clashes(wanted, self[index]))

    def asks_for(self, position: int, path: str) -> bool:
        """Whether another step than the copy at `position` has the directory `path` made."""
        others = (m for index, m in self._manifests.items() if index != position)
        return any(path in m.items or path in m.made for m in others) or any(
            isinstance(step, MakeDir) and f"{step.path}/".startswith(f"{path}/")
            for step in self._steps
        )

    def has_directory(self, position: int, path: str) -> bool | None:
        """Whether a step before `position` makes a directory at `path`.

        None where one does, but a command comes after it, which may have taken that away.
        """
        for index in reversed(range(position)):
            step = self._steps[index]
            made = isinstance(step, MakeDir) and f"{step.path}/".startswith(f"{path}/")
            if made or is_directory(self[index], path):
                return True if index >= self._behind_commands(position) else None
        return False

    def _behind_commands(self, position: int) -> int:
        """From where on up to `position` there is no command."""
        before = (index for index in range(position) if is_command(self._steps[index]))
        return max(before, default=-1) + 1

    def _later(self, position: int) -> Iterator[Manifest]:
        for index in range(position + 1, len(self._steps)):
            if isinstance(self._steps[index], Run):
                return
            if index in self._manifests:
                yield self._manifests[index]


def clashes(earlier: Manifest, later: Manifest) -> Iterator[str]:
    """The paths that are a directory in one of them, and something else in the other.

    BuildKit puts neither a directory in a file's place nor anything else in a directory's.
    """
    for path in earlier.items.keys() & later.items.keys():
        kinds = {earlier.items[path].entry.kind, later.items[path].entry.kind}
        if len(kinds) > 1 and "dir" in kinds and "other" not in kinds:
            yield path
    for path in earlier.made.keys() & later.items.keys():
        if later.items[path].entry.kind != "dir":
            yield path
    for path in later.made.keys() & earlier.items.keys():
        if earlier.items[path].entry.kind == "file":  # a link may lead to a directory
            yield path


def is_directory(manifest: Manifest, path: str) -> bool:
    """Whether `manifest` makes a directory at `path`."""
    item = manifest.items.get(path)
    return path in manifest.made or (item is not None and item.entry.kind == "dir")


def holds_below(manifest: Manifest, path: str) -> bool:
    """Whether `manifest` writes or needs anything below the directory `path`."""
    start = f"{path}/"
    return any(p.startswith(start) for p in (*manifest.items, *manifest.made))


def _hold(manifests: Sequence[Manifest], path: str) -> bool:
    return any(
        path in manifest.items or any(_is_file(manifest.items.get(up)) for up in above(path))
        for manifest in manifests
    )


def _is_file(item: Item | None) -> bool:
    return item is not None and item.entry.kind in ("file", "link")


def _alike(entry: Entry, there: Entry | None) -> bool:
    return there is not None and all(
        getattr(entry, name) == getattr(there, name)
        for name in ("kind", "mode", "uid", "gid", "target", "digest")
    )


def _with_digest(item: Item, before: Item | None) -> Item:
    if before is None or item.entry.digest or not before.entry.digest:
        return item
    entry = item.entry.altered(item.entry.mode, before.entry.digest, before.entry.xattrs)
    return Item(entry, item.source)
