"""One stage's container: brings what a copy writes into it, runs its commands.

What a copy no longer writes goes back to what the copies before it, or the base image, hold at
that path; only where none holds anything is it deleted.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import anyio.to_thread

from livepush.archive import Files, NoFiles, Sent, digest_of, pack
from livepush.destinations import Destinations
from livepush.engine import Command, Engine, OutputSink
from livepush.errors import NoShellError, UnsupportedError
from livepush.image_files import ImageFiles
from livepush.landed import Landed, holds_below
from livepush.manifest import Conflict, Delta, Item, Manifest, ancestry, delta, gone, manifest
from livepush.model import Copy, Entry, MakeDir, Run, Stage, Step
from livepush.origin import fetch_text, fetch_tree
from livepush.owner import needs_files, resolve
from livepush.tree import Tree, above

_MADE = Entry("dir", 0o755)


@dataclass(frozen=True, slots=True)
class Landing:
    """What uploads did: counts of paths, bytes of content."""

    written: int = 0
    deleted: int = 0
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.written or self.deleted)

    def plus(self, other: Landing) -> Landing:
        return Landing(
            self.written + other.written, self.deleted + other.deleted, self.size + other.size
        )


@dataclass(slots=True)
class _Clearing:
    """What becomes of paths that a copy no longer writes."""

    trees: list[str] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    from_base: list[str] = field(default_factory=list)


class StageContainer:
    """The container `id` that plays `stage`; `base` are the files of the image it begins with."""

    def __init__(self, engine: Engine, stage: Stage, container: str, base: ImageFiles) -> None:
        self.id = container
        self.stage = stage
        self._engine = engine
        self._base = base
        self._landed = Landed(stage.steps)
        self._destinations = Destinations(engine, container, base, self._landed)
        self._present: set[str] = set()
        self._done: dict[int, Landing] = {}
        self._passwd = self._group = ""

    async def open(self) -> None:
        """Asks the container once what only it knows: what stands at destinations, and users."""
        names = [step.chown for step in self._copies().values()]
        names += [step.user for step in self.stage.steps if isinstance(step, MakeDir)]
        if any(needs_files(name) for name in names):
            self._passwd = await fetch_text(self._engine, self.id, "/etc/passwd")
            self._group = await fetch_text(self._engine, self.id, "/etc/group")
        for position, step in self._copies().items():
            await self._destinations.learn(position, step)

    @property
    def uncovered(self) -> int | None:
        """A copy that holds a path again which a later one let go of, and has to land it."""
        return self._landed.uncovered

    def believe(self, position: int, tree: Tree) -> None:
        """Takes what a copy writes from `tree` to be in the container, which was built from it.

        Raises `MissingSource` and `Conflict`.
        """
        self._destinations.built(position, self._copies()[position], tree)
        wanted = self._wanted(position, tree)
        self._landed.believe(position, wanted)
        self._present.update(wanted.made)

    async def compare(self, position: int, tree: Tree) -> None:
        """Takes what a copy writes from `tree` to be in the container where it really is there.

        The container may have been built before the stage that `tree` is of. Raises
        `MissingSource` and `Conflict`.
        """
        self.believe(position, tree)
        destination = self._destinations[position].path
        there = await fetch_tree(self._engine, self.id, destination)
        self._landed.doubt_unlike(position, there)

    async def land(
        self,
        position: int,
        files: Files,
        *,
        takes: frozenset[str] = frozenset(),
        full: bool = False,
        on_behalf_of: int,
    ) -> frozenset[str]:
        """Brings what the copy at `position` writes into the container.

        It is accounted to the step at `on_behalf_of`, which may have uncovered what it lands.
        `takes` are changed source paths: what comes from them is written unless its bytes are
        known to be there. With `full` everything is written. Returns the source paths that were
        gone when their turn came. Raises `MissingSource`, `Conflict`, `PermissionError`,
        `UnsupportedError` for a deletion where there is no shell, and `EngineError`; then the same
        call again puts things right.
        """
        await self._destinations.settle(position, self._copies()[position], files.tree)
        landed = self._landed[position]
        wanted = self._wanted(position, files.tree)
        conflict = self._landed.conflict(position, wanted)
        if conflict is not None and not self._copies()[position].legacy:
            raise Conflict(conflict)
        doubtful = frozenset(i.source for i in wanted.items.values() if _covers(takes, i.source))
        wanted = await anyio.to_thread.run_sync(_with_digests, wanted, landed, doubtful, files)
        changes = delta(landed, wanted, doubtful, full=full)
        lost = self._lost(position, wanted, files.tree, takes)
        changes = replace(changes, deleted=tuple({*changes.deleted, *lost}))
        changes = self._landed.unhidden(position, changes)
        self._landed.doubt(position, changes)
        clearing = await self._clearing(position, landed, wanted, changes.deleted)
        clearing.directories += await self._unmade(position, landed, wanted)
        if clearing.trees or clearing.directories:
            self._present.clear()  # before it: a cancelled deletion is carried out all the same
        await self._clear(clearing, self.stage.steps[position])
        missing = await self._missing(wanted.made, wanted.owner)
        sent = await self._upload(changes, missing, files)
        self._landed.settle(position, landed, wanted, changes, sent)
        self._present.update(wanted.made)
        done = Landing(
            written=len(sent) + len(clearing.from_base),
            deleted=len(clearing.trees) + len(clearing.directories),
            size=sum(item.entry.size for item in sent.values()),
        )
        self._done[on_behalf_of] = self._done.get(on_behalf_of, Landing()).plus(done)
        unsent = changes.written.keys() - sent.keys()
        return frozenset(changes.written[path].source for path in unsent)

    def acknowledge(self, position: int) -> Landing:
        """All that has landed on behalf of a step since the last call, also where it then failed.

        Whoever asks is to remember it: what changed makes the steps behind it due.
        """
        return self._done.pop(position, Landing())

    async def run(self, step: Run, output: OutputSink, *, grace: float) -> int:
        """Runs the command as its step says and returns its exit status."""
        self._present.clear()
        env = tuple(f"{name}={value}" for name, value in step.env)
        command = Command(step.argv, env, step.user, step.workdir)
        return await self._engine.run(self.id, command, output, grace=grace)

    async def make(self, step: MakeDir) -> bool:
        """Makes the step's directory where it is missing; whether it was."""
        owner = resolve(step.user, self._passwd, self._group) if step.user else (0, 0)
        missing = await self._missing(ancestry(step.path), owner)
        await self._upload(Delta(), missing, NoFiles())
        return bool(missing)

    def _copies(self) -> dict[int, Copy]:
        return {i: s for i, s in enumerate(self.stage.steps) if isinstance(s, Copy)}

    def _wanted(self, position: int, tree: Tree) -> Manifest:
        step = self._copies()[position]
        owner = resolve(step.chown, self._passwd, self._group) if step.chown else None
        return manifest(step, tree, self._destinations[position], owner)

    def _lost(
        self, position: int, wanted: Manifest, tree: Tree, takes: frozenset[str]
    ) -> Iterator[str]:
        """Where changed paths that are no more can have been written before this session."""
        step, destination = self._copies()[position], self._destinations[position]
        for path in takes:
            if path and tree.get(path) is None:
                for dest in gone(step, destination, path):
                    if dest not in wanted.items:
                        yield dest

    async def _clearing(
        self, position: int, landed: Manifest, wanted: Manifest, paths: Collection[str]
    ) -> _Clearing:
        clearing = _Clearing()
        cleared: set[str] = set()
        for path in sorted(paths):
            if not cleared.isdisjoint(above(path)):
                continue
            if self._landed.uncover(position, path):
                continue
            if await self._base.stat(path) is not None:
                clearing.from_base.append(path)
            elif _may_be_dir(landed.items.get(path)) and (
                holds_below(wanted, path) or self._landed.others_below(position, path)
            ):
                clearing.directories.insert(0, path)
            else:
                cleared.add(path)
                clearing.trees.append(path)
        return clearing

    async def _unmade(self, position: int, landed: Manifest, wanted: Manifest) -> list[str]:
        """Directories that were made for what the copy wrote, and that nothing else asks for."""
        if wanted.made:
            return []
        # A command that had made them would have named them; the engine only removes empty ones.
        commands = [s.command for s in self.stage.steps[:position] if isinstance(s, Run)]
        return [
            path
            for path in reversed(landed.made)
            if not self._landed.asks_for(position, path)
            and not any(posixpath.basename(path) in command for command in commands)
            and await self._base.stat(path) is None
        ]

    async def _clear(self, clearing: _Clearing, step: Step) -> None:
        if clearing.trees or clearing.directories:
            try:
                await self._engine.delete(self.id, clearing.trees, directories=clearing.directories)
            except NoShellError as error:
                reason = "deletes files in a container without a shell, which only a build can do"
                raise UnsupportedError(f"{step.text} {reason}", line=step.line) from error
        for path in clearing.from_base:
            fetched = await self._base.fetch(path)
            try:
                entry = fetched.tree.get(path.lstrip("/"))
                if entry is not None:
                    item = Item(entry, path.lstrip("/"))
                    await self._upload(Delta({path: item}), {}, fetched)
            finally:
                fetched.close()

    async def _missing(self, paths: Iterable[str], owner: tuple[int, int]) -> dict[str, Item]:
        """The directories among `paths` that are not there, as they have to be made."""
        made = Item(replace(_MADE, uid=owner[0], gid=owner[1]), "")
        return {
            path: made
            for path in paths
            if path not in self._present and await self._engine.stat(self.id, path) is None
        }

    async def _upload(
        self, changes: Delta, parents: Mapping[str, Item], files: Files
    ) -> dict[str, Item]:
        items = {**parents, **changes.written}
        if not items:
            return {}
        sent: dict[str, Item] = {}

        def note(one: Sent) -> None:
            sent[one.path] = one.item

        await self._engine.put(self.id, pack(items.items(), files, note))
        return {path: item for path, item in sent.items() if path in changes.written}


def _covers(takes: frozenset[str], source: str) -> bool:
    return bool(takes) and (source in takes or not takes.isdisjoint(above(source)))


def _may_be_dir(item: Item | None) -> bool:
    return item is None or item.entry.kind in ("dir", "other")


def _with_digests(
    wanted: Manifest, landed: Manifest, doubtful: frozenset[str], files: Files
) -> Manifest:
    """`wanted` with the digests that tell a file saved unchanged from a changed one."""
    items = dict(wanted.items)
    for path, item in wanted.items.items():
        old = landed.items.get(path)
        if item.source in doubtful and old is not None and _may_be_equal(old.entry, item.entry):
            try:
                digest = digest_of(files, item.source)
            except (FileNotFoundError, NotADirectoryError):
                continue  # the upload finds it gone, too, and says so
            items[path] = replace(item, entry=replace(item.entry, digest=digest))
    return replace(wanted, items=items)


def _may_be_equal(old: Entry, new: Entry) -> bool:
    return bool(old.digest) and not new.digest and old.size == new.size and old.stamp != new.stamp
