"""One stage's container: brings what a copy writes into it, runs its commands.

What a copy no longer writes is cleared, which `livepush.clearing` tells. What is mounted into the
container is not its own, and stays as it is.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

import anyio.to_thread

from livepush import doubts
from livepush.archive import Files, NoFiles, Sent, pack
from livepush.beneath import Beneath
from livepush.clearing import Clearing, cleared
from livepush.destinations import Destinations
from livepush.engine import Command, Engine, OutputSink
from livepush.entanglement import contested, entangled
from livepush.errors import NoShellError, UnsupportedError
from livepush.image_files import ImageFiles
from livepush.journal import Journal, Touched
from livepush.landed import Landed, clashes
from livepush.manifest import (
    Conflict,
    Delta,
    Item,
    Manifest,
    ancestry,
    delta,
    manifest,
    saved_again,
)
from livepush.model import Copy, Entry, MakeDir, Run, Stage
from livepush.mounted import Mounted
from livepush.origin import fetch_tree
from livepush.realpath import RealPaths
from livepush.span import Piece
from livepush.standing import Standing
from livepush.tree import Tree
from livepush.unproven import Unproven
from livepush.users import Users
from livepush.ways import Ways

_MADE = Entry("dir", 0o755)
_PACE = 1.0  # seconds between two tellings of how far an upload is


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


class EntangledError(Exception):
    """What a later copy comes to hangs on a copy, in a way that only a build can tell."""


class StageContainer:
    """The container `id` that plays `stage`; `base` are the files of the image it begins with.

    `image` is what the container began as, or was made like, which tells what commands wrote
    beneath a copy; without it they are taken to have written nothing there. What is at and below
    `mounts` is never written nor deleted. `touched` is what had been done in it since then, and
    what is done from now on is noted in the `journal`. Without `restarts` nothing restarts it.
    """

    def __init__(
        self,
        engine: Engine,
        stage: Stage,
        container: str,
        base: ImageFiles,
        *,
        image: str = "",
        mounts: Collection[str] = (),
        journal: Journal | None = None,
        touched: Touched = Touched(),  # noqa: B008  # it is frozen
        restarts: bool = True,
        tell: Callable[[int, int], None] = lambda written, of: None,
    ) -> None:
        """`tell` takes once a second of an upload how many entries of how many are on their way."""
        self.id = container
        self.stage = stage
        self._engine = engine
        self._tell = tell
        self._base = base
        self._mounted = Mounted(engine, container, mounts)
        # A `WORKDIR` among them is where it really is once `open` has asked.
        self._steps = list(stage.steps)
        self._ways = Ways(engine, container, image, stage.steps, base)
        self._led: set[int] = set()  # copies to where a later step may have put a link
        self._made: dict[int, Mapping[str, Entry]] = {}  # for each `WORKDIR`, when it last was made
        self._landed = Landed(self._steps)
        self._users = Users(engine, container, stage.steps)
        self._destinations = Destinations(engine, container, self._landed)
        self._directories = Unproven(engine, container, self._landed)
        self._ran: set[int] = set()
        self._outdated: set[int] = set()
        self._beneath = Beneath(
            engine,
            container,
            image,
            self._steps,
            base=base,
            landed=self._landed,
            destinations=self._written_below,
            ran=self._ran,
            owner=self._users.number,
        )
        self._standing = Standing(
            engine,
            container,
            landed=self._landed,
            beneath=self._beneath,
            mounted=self._mounted,
        )
        self._done: dict[int, Landing] = {}
        self._owners: dict[int, tuple[int, int] | None] = {}  # of the last manifest of each copy
        self._journal = Journal() if journal is None else journal
        self._before = touched
        self._restarts = restarts
        self._touched: set[str] = set()
        self._stale: dict[str, int] = {}  # modes that a builder's cache has of directories

    async def open(self) -> None:
        """Asks the container once what only it knows: what stands at destinations, and users."""
        await self._users.learn()
        real = RealPaths(self._engine, self.id)
        for position, step in enumerate(self.stage.steps):
            if isinstance(step, Copy):
                await self._ways.learn(position, step.dest, real)
            elif isinstance(step, MakeDir):
                await self._ways.learn(position, step.path, real)
                self._steps[position] = replace(step, path=await real.target(step.path))
                self._made[position] = self._wanted_by(step)
        for position, step in self._copies().items():
            if await self._ways.leads_astray(position):
                self._led.add(position)
            await self._destinations.learn(position, step, follows=position not in self._led)
            await self._mounted.below(self._destinations[position].path)  # no save waits for it

    @property
    def touched(self) -> Touched:
        """What has been done in the container since it was like its image."""
        before = self._before
        return Touched(before.paths | self._touched, before.commands or bool(self._ran))

    def touch(self, paths: Collection[str]) -> None:
        """Somebody else is about to write or remove `paths`."""
        self._note(paths)
        self._users.doubt()

    def trust(self) -> None:
        """What is believed to be in the container is what it was built from, or is on its way."""
        self._directories.prove()

    def restarts(self, position: int) -> bool:
        """Whether the container restarts after a change by the step at `position`."""
        before = self.stage.live_from is None or position < self.stage.live_from
        return self._restarts and before

    @property
    def uncovered(self) -> int | None:
        """A copy that holds a path again which a later one let go of, and has to land it."""
        return self._landed.uncovered

    @property
    def outdated(self) -> int | None:
        """The first step that has to come again, with all that follows it.

        A copy let go of what a command wrote, which only its run that was built is known to have
        written like that: it has run again since. Or it wrote or let go of what a later step
        writes that only a build can take.
        """
        return min(self._outdated, default=None)

    def believe(self, position: int, tree: Tree) -> None:
        """Takes what a copy writes from `tree` to be in the container, which was built from it.

        Raises `MissingSource`, `Conflict` and `UnknownOwner`.
        """
        self._destinations.built(position, self._copies()[position], tree)
        wanted = self._wanted(position, tree)
        self._landed.believe(position, wanted)
        self._owners[position] = self._users.owner(self._copies()[position])
        self._standing.believe(wanted.made)

    async def compare(self, position: int, tree: Tree) -> None:
        """Takes what a copy writes from `tree` to be in the container where it really is there.

        The container may have been built before the stage that `tree` is of. Raises as `believe`
        does.
        """
        self.believe(position, tree)
        destination = self._destinations[position].path
        there = await fetch_tree(self._engine, self.id, destination)
        mount = await self._mounted.below(destination)
        own = [path for path in self._landed[position].items if not mount(path)]
        self._landed.doubt_unlike(position, own, there)

    @property
    def left(self) -> frozenset[str]:
        """What pushes have written, and no copy writes as far as it is believed."""
        return self.touched.paths - self._landed.paths

    async def examine(self, position: int, left: Collection[str]) -> None:
        """Takes of what a copy writes only that to be in the container which really is there.

        It was not built by these steps. Of `left`, what stands where the copy writes counts as its
        own, to be given up. To be called once it is believed; raises as that does, and
        `EngineError`.
        """
        before, destination = self._landed.snapshot(position), self._destinations[position].path
        there = await fetch_tree(self._engine, self.id, destination)
        mount = await self._mounted.below(destination)
        items, missing = dict(self._landed[position].items), []
        start = posixpath.join(destination, "")
        for path in (*before.items, *(path for path in left if path.startswith(start))):
            # What a push has landed meanwhile is newer than what was looked at.
            if mount(path) or items.get(path) is not before.items.get(path):
                continue
            entry = there.get(path.lstrip("/"))
            if entry is not None:
                items[path] = Item(entry, items[path].source if path in items else "")
            elif path in items:
                missing.append(path)
        self._landed.believe(position, Manifest(items))
        self._landed.doubt_each(position, missing)
        self._standing.forget()

    async def doubt_stale_modes(self, position: int, older: StageContainer) -> bool:
        """Doubts directories that the builder left with a mode which the context had before.

        BuildKit's cache takes contexts that differ in such modes only for the same. `older` was
        built before this was. Whether there are any.
        """
        before, stale = older._landed[position].items, {}
        for path, item in self._landed[position].items.items():
            old = before.get(path)
            was = older._stale.get(path, old.entry.mode if old is not None else None)
            if self._landed.has_later(position, path):
                continue  # it has the mode from there
            if item.entry.kind == "dir" and was not in (None, item.entry.mode):
                stat = await self._engine.stat(self.id, path)
                if stat is not None and (stat.kind, stat.mode) == ("dir", was):
                    stale[path], self._stale[path] = item, stat.mode
        self._landed.doubt(position, Delta(stale))
        return bool(stale)

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
        gone when their turn came. Raises as `believe` does, `EntangledError` where what a later
        copy comes to hangs on it, `PermissionError` and `EngineError`; then the same call again
        puts things right. Raises `UnsupportedError` last, when all else has landed, for a change
        below a mount and for a deletion that cannot be had without a shell; those are given up.
        """
        step = self._copies()[position]
        await self._users.learn()
        if position in self._led:
            raise EntangledError(position)
        is_due = full and self._is_behind_command(position)
        if is_due and await self._destinations.moved(position, step):
            raise EntangledError(position)
        doubted = await self._directories.doubt(position, step, self._destinations[position], takes)
        part = None if full or doubted else self._part(position, files.tree, takes)
        if part is None:
            await self._destinations.settle(position, step, files.tree, self._beneath)
            landed = self._landed.snapshot(position)
            wanted = self._wanted(position, files.tree)
            self._owners[position] = self._users.owner(step)
        else:
            landed, wanted = part
        wanted, changes, refusal = await self._compared(
            position, files, takes, landed, wanted, full=full
        )
        touched = (*changes.written, *changes.deleted)
        if await self._ways.is_replaced(position, self._landed[position].items, touched):
            raise EntangledError(position)
        self._landed.doubt(position, changes)
        clearing = await cleared(position, changes.deleted, wanted, self._landed, self._beneath)
        uploaded = [p for p, item in changes.written.items() if item.entry.kind != "dir"]
        later = await self._beneath.above(position, (*uploaded, *changes.deleted))
        self._outdated |= clearing.outdated | later
        refusal = await self._clear(position, clearing) or refusal
        made: Mapping[str, Item] = {}
        # A later command may have removed what nobody writes to now.
        if full or changes.written or wanted.made != landed.made:
            before = self._landed[position].made
            made = await self._standing.to_make(
                position, wanted, before, full=full, repeated=full and self._is_repeated(position)
            )
        sent = await self._upload(changes.written, made, files)
        self._landed.settle(position, landed, wanted, changes, sent, part=part is not None)
        self._standing.believe(wanted.made)
        news = {p: made[p] for p in made if landed.made.get(p) != wanted.made.get(p)}
        self._account(on_behalf_of, clearing, {**news, **doubts.changed(landed, sent)})
        if refusal:
            raise UnsupportedError(f"{step.text} {refusal}", line=step.line)
        unsent = changes.written.keys() - sent.keys()
        return frozenset(changes.written[path].source for path in unsent)

    def _is_behind_command(self, position: int) -> bool:
        return any(isinstance(step, Run) for step in self.stage.steps[:position])

    def _is_repeated(self, position: int) -> bool:
        """Whether a command before the step has run again in this container."""
        return any(ran < position for ran in self._ran)

    def acknowledge(self, position: int) -> Landing:
        """All that has landed on behalf of a step since the last call, also where it then failed.

        Whoever asks is to remember it: what changed makes the steps behind it due.
        """
        return self._done.pop(position, Landing())

    async def run(self, step: Run, output: OutputSink, *, grace: float) -> int:
        """Runs the command as its step says and returns its exit status."""
        position = self.stage.steps.index(step)
        self._standing.forget()
        self._users.doubt()
        self._journal.ran()
        self._ran.add(position)
        self._outdated.discard(position)
        env = tuple(f"{name}={value}" for name, value in step.env)
        command = Command(step.argv, env, step.user, step.workdir)
        restarts = self.restarts(position)
        return await self._engine.run(self.id, command, output, grace=grace, restarts=restarts)

    async def make(self, step: MakeDir) -> bool:
        """Makes the step's directory where it is missing or, if it is its own, somebody else's.

        Whether it was. Raises `Conflict`.
        """
        await self._users.learn()
        position = self.stage.steps.index(step)
        made, before = self._wanted_by(step), self._made.get(position, {})
        missing = await self._standing.to_make(
            position, Manifest(made=made), before, repeated=self._is_repeated(position)
        )
        await self._upload({}, missing, NoFiles())
        self._made[position] = made
        return bool(missing)

    def _written_below(self) -> list[str]:
        """The paths at or below which the steps write."""
        copies = [self._destinations[position].path for position in self._copies()]
        return copies + [step.path for step in self._steps if isinstance(step, MakeDir)]

    def _wanted_by(self, step: MakeDir) -> Mapping[str, Entry]:
        uid, gid = self._users.number(step.user)
        return dict.fromkeys(ancestry(step.path), replace(_MADE, uid=uid, gid=gid))

    def _copies(self) -> dict[int, Copy]:
        return {i: s for i, s in enumerate(self.stage.steps) if isinstance(s, Copy)}

    def _wanted(self, position: int, tree: Tree) -> Manifest:
        step = self._copies()[position]
        return manifest(step, tree, self._destinations[position], self._users.owner(step))

    def _part(
        self, position: int, tree: Tree, takes: frozenset[str]
    ) -> tuple[Manifest, Manifest] | None:
        """What the copy has written from `takes`, and what it writes from them now.

        None where that may not be all that differs. Saves of plain files are most of all changes,
        and a context may be large.
        """
        step, landed = self._copies()[position], self._landed[position]
        owner = self._users.owner(step)
        if step.origin is not None or self._owners.get(position, owner) != owner:
            return None
        before = self._landed.written_from(position, takes)
        after = saved_again(step, tree, before, owner) if before else None
        if before is None or after is None:
            return None
        return replace(landed, items=before), replace(landed, items=after)

    async def _compared(
        self,
        position: int,
        files: Files,
        takes: frozenset[str],
        landed: Manifest,
        wanted: Manifest,
        *,
        full: bool,
    ) -> tuple[Manifest, Delta, str]:
        """What the copy writes now, what that changes, and why not all of it can be had."""
        step = self._copies()[position]
        conflict = self._landed.conflict(position, wanted)
        if conflict is not None and not step.legacy:
            raise Conflict(conflict)
        for later, path in self._landed.later_clashes(position, wanted):
            other = self._copies()[later]
            if step.legacy:
                continue
            # What it holds may be about to change just like that, which no stage tells yet.
            if other.origin is not None:
                raise EntangledError(later)
            now = self._wanted(later, files.tree)
            if path not in set(clashes(wanted, now)):
                continue
            if path == self._destinations[later].path and not other.dest_is_dir:
                raise EntangledError(later)
            raise Conflict(path)
        doubtful = doubts.doubtful(wanted, takes)
        closer = doubts.may_be_equal(wanted, landed, doubtful)
        if closer:
            wanted = await anyio.to_thread.run_sync(doubts.with_digests, wanted, closer, files)
        news = delta(landed, wanted, doubtful)
        destination = self._destinations[position]
        lost = set(doubts.lost(step, destination, wanted, files.tree, takes))
        vanished = (path for path in takes if path and files.tree.get(path) is None)
        lost |= await self._standing.passed(step, destination, vanished)
        news = replace(news, deleted=tuple({*news.deleted, *lost}))
        behind = self._steps[position + 1 :]
        makes = [self._landed[index] for index in self._copies() if index > position]
        if entangled(behind, makes, self._ways.behind(position), landed, wanted, news):
            raise EntangledError(position)
        for path in contested(behind, makes, self._landed[position], wanted):
            if await self._beneath.at(position, path) is None:
                raise EntangledError(position)
        mount = await self._mounted.below(destination.path)
        refused = {mount(path) for path in (*news.written, *news.deleted)} - {""}
        written = wanted.items if full else news.written
        changes = Delta(
            {path: item for path, item in written.items() if not mount(path)},
            tuple(path for path in news.deleted if not mount(path)),
        )
        reason = f"changes what is mounted at {min(refused)}" if refused else ""
        changes = self._landed.unhidden(position, changes)
        if not step.legacy:
            await self._standing.refuse_clashes(position, changes.written)
        return wanted, changes, reason

    async def _clear(self, position: int, clearing: Clearing) -> str:
        """Carries a clearing out, and says why not all of it can be had."""
        trees, directories, refusal = clearing.trees, clearing.directories, ""
        self._note([*trees, *directories])
        if trees or directories:
            self._users.doubt()
        if trees or directories:
            self._standing.forget()  # before it: a cancelled deletion is carried out all the same
            restarts = self.restarts(position)
            try:
                await self._engine.delete(
                    self.id, trees, directories=directories, restarts=restarts
                )
            except NoShellError as error:
                refusal = f"deletes what only a build can: {error.message}"
        if clearing.restored:
            held = {path.lstrip("/"): each for path, each in clearing.restored.items()}
            files = await self._beneath.fetch(held)
            try:
                await self._upload({f"/{p}": Item(h.entry, p) for p, h in held.items()}, {}, files)
            finally:
                files.close()
        return refusal

    async def _upload(
        self, written: Mapping[str, Item], parents: Mapping[str, Item], files: Files
    ) -> dict[str, Item]:
        items = {**parents, **written}
        if not items:
            return {}
        self._note(items)
        self._users.touch(items)
        sent: dict[str, Item] = {}

        def note(one: Sent) -> None:
            sent[one.path] = one.item

        archive = pack(items.items(), files, note, attributes=True)
        await self._engine.put(self.id, _paced(archive, lambda: self._tell(len(sent), len(items))))
        return {path: item for path, item in sent.items() if path in written}

    def _note(self, paths: Collection[str]) -> None:
        self._touched.update(paths)
        self._journal.add(paths)

    def _account(self, position: int, clearing: Clearing, sent: Mapping[str, Item]) -> None:
        done = Landing(
            written=len(sent) + len(clearing.restored),
            deleted=len(clearing.trees) + len(clearing.directories),
            size=sum(item.entry.size for item in sent.values()),
        )
        self._done[position] = self._done.get(position, Landing()).plus(done)


async def _paced(
    pieces: AsyncGenerator[Piece, None], tell: Callable[[], None]
) -> AsyncGenerator[Piece, None]:
    """The same pieces; once a second, `tell` is called."""
    due = time.monotonic() + _PACE
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece
            if time.monotonic() >= due:
                tell()
                due = time.monotonic() + _PACE
