"""Plan -> engine verbs: carries out one action at a time in the container of a stage.

Those of several stages may be carried out at once, where none copies from another. Whoever runs the
plan sees to that, has the application's own come last, with its restart at the very end, and stops
at the first action that fails, so a failing build stage leaves the application as it was.

An action that was cut short, by a cancel or by the engine, can simply be carried out again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import anyio

from livepush import events
from livepush.additions import as_theirs, corrected, reaches
from livepush.archive import Files
from livepush.buildcontext import BuildContext
from livepush.building import Commands
from livepush.cause import ungrouped
from livepush.engine import BuildOutput, BuildProgress, BuildStep, Engine
from livepush.errors import (
    BuildFailedError,
    ContainerNotRunningError,
    EngineError,
    EngineUnreachableError,
    NoShellError,
    UnsupportedError,
)
from livepush.events import Event, Output
from livepush.hindrance import hindrance
from livepush.image_files import ImageFiles
from livepush.journal import Journal, Touched
from livepush.manifest import Conflict
from livepush.model import Copy, Graph, MakeDir, Run, Stage
from livepush.origin import Bundle, fetch_copied
from livepush.owner import UnknownOwner
from livepush.plan import Action, StepRef
from livepush.renewal import Renewal
from livepush.selection import MissingSource
from livepush.stage_container import EntangledError, Landing, StageContainer
from livepush.stage_image import StageBuilder, StageImage
from livepush.stages import SCRATCH
from livepush.tree import Tree

_AT_ODDS = (UnsupportedError, MissingSource, Conflict, UnknownOwner, EntangledError)

Emit = Callable[[Event], None]
Labels = Callable[[Stage | None], Mapping[str, str]]
"""The labels of what is made for a stage, or for all of the session."""


class StepFailedError(Exception):
    """A step that would fail the build, too; the text is for people, with its line.

    `return_code` is the command's, None where the step is none; `hint` says what to do. What is not
    the step's own fault `may_pass`.
    """

    def __init__(
        self,
        message: str,
        *,
        return_code: int | None = None,
        hint: str = "The next save tries it again.",
        may_pass: bool = False,
    ) -> None:
        super().__init__(message)
        self.return_code = return_code
        self.hint = hint
        self.may_pass = may_pass


class _NotCached(Exception):  # noqa: N818  # a verdict, not a fault
    """A step is not in the builder's cache."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What an action did: whether it `changed` anything, and why not all of it can be had live.

    Where its stage was `built` for it, all commands of the stage have come with that.
    """

    changed: bool
    refusal: str = ""
    built: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """The container that plays a stage, and the image that it was made from, or like.

    One that is not `built` has none of the stage's steps: one of them fails.
    """

    container: str
    image: StageImage
    built: bool = True


class Executor:
    """The containers that play the stages of one session.

    `played` are they by stage; what is below `mounts` in the application's is not its own.
    `context` gives the build context as it is on disk now, and `reread` is told paths of it that
    turned out to be gone.
    """

    def __init__(
        self,
        engine: Engine,
        graph: Graph,
        played: Mapping[int, Played],
        *,
        builder: StageBuilder,
        mounts: Collection[str],
        journal: Journal,
        context: Callable[[], Files],
        reread: Callable[[frozenset[str]], Awaitable[object]],
        emit: Emit,
        labels: Labels,
        grace: float,
        restart_grace: float,
        restarts: bool = True,
    ) -> None:
        self._engine = engine
        self._builder = builder
        self._context = context
        self._reread = reread
        self._emit = emit
        self._grace = grace
        self._restart_grace = restart_grace
        self._restarts = restarts
        self._labels = labels
        self._target = graph.target.index
        self._played = dict(played)
        self._adopted: dict[int, Stage] = {}
        self._carries = False  # whether the application's container has been changed by a build
        self._images: dict[str, ImageFiles] = {}
        self._given: set[int] = set()  # stages whose builds may hold what only livepush was sent
        self._building = anyio.Lock()
        self._mounts = tuple(mounts)
        self._journal = journal
        self._stages = {
            stage.index: self._playing(stage, played[stage.index], journal.touched)
            for stage in graph.followed()
        }
        application = played[self._target]
        self._renewal = Renewal(
            engine,
            application.container,
            application.image.id,
            mounts=mounts,
            labels=labels(graph.target),
        )

    async def open(self) -> None:
        """Learns what only the containers know, and what is in them."""
        with ungrouped():
            async with anyio.create_task_group() as attending:
                for index, stage in self._stages.items():
                    attending.start_soon(self._engine.attend, stage.id)
                    played = self._played[index]
                    await (self._begin(stage, played.image.sent) if played.built else stage.open())

    def trust(self) -> None:
        """The application's container is, or will be, what was built from the context as it is."""
        self._stages[self._target].trust()

    def adopt(self, graph: Graph, builder: StageBuilder) -> None:
        """Follows the same steps with other build arguments from now on."""
        self._builder = builder
        self._adopted = {stage.index: stage for stage in graph.followed()}

    def _take_over(self, index: int) -> None:
        """Goes over to the steps of a stage that were adopted, between two actions."""
        if index in self._adopted:
            self._stages[index].stage = self._adopted.pop(index)

    async def is_built(self) -> bool:
        """Whether the application's container is what a build would make of its stage now.

        It asks the builder's cache, and takes what is not in it for a difference. The engine's own
        builder tells of every step, but has output only where it is carried out. Raises
        `EngineError` where the engine cannot build the stage at all.
        """

        def tell(progress: BuildProgress) -> None:
            if isinstance(progress, BuildOutput):
                uncached = progress.number > 0
            else:
                uncached = isinstance(progress, BuildStep) and not self._builder.legacy
            if uncached:
                raise _NotCached

        self._take_over(self._target)
        container = self._stages[self._target]
        try:
            built = await self._builder.build(container.stage, self._context(), tell)
        except _NotCached:
            return False
        except BuildFailedError as failure:
            if failure.is_of_base:
                raise
            return False
        return not await self._renewal.needed(built.id, container.touched)

    async def examine(self) -> None:
        """Looks at what is in the application's container, which the steps have not built.

        Raises `EngineError`.
        """
        container = self._stages[self._target]
        left = container.left
        for position, step in enumerate(container.stage.steps):
            if isinstance(step, Run):
                return  # behind it all is written anyway
            if isinstance(step, Copy) and step.origin is None:
                with contextlib.suppress(*_AT_ODDS):
                    await container.examine(position, left)

    @property
    def unbuilt(self) -> frozenset[int]:
        """The stages that are still to be built, as a step of theirs has failed."""
        return frozenset(index for index, each in self._played.items() if not each.built)

    @property
    def application(self) -> str:
        """The id of the application's container."""
        return self._stages[self._target].id

    async def runs(self) -> bool:
        """Whether the application's container runs, or is not there. Raises `EngineError`."""
        info = await self._engine.container(self.application)
        return info is None or info.running

    def outdated(self, index: int) -> StepRef | None:
        """The command of a stage that has to run again although nothing before it has changed."""
        position = self._stages[index].outdated
        return None if position is None else (index, position)

    async def perform(self, action: Action) -> Performed:
        """Carries `action` out.

        What asks for a container that runs is built where it does not: of a container that
        somebody stopped, or whose application ended, the files can be had all the same. Raises
        `StepFailedError` where a build would fail as well, `EngineError` where the engine does, and
        `ContainerNotRunningError` where the application's container is gone or paused.
        """
        self._take_over(action.stage)
        is_own = action.stage != self._target  # a container of livepush's, which may be made anew
        try:
            return await self._performed(action)
        except ContainerNotRunningError:
            if action.verb == "restart" or not (is_own or await self._has_ended()):
                raise
        except EngineError as error:
            if is_own or action.verb in ("restart", "build") or _says_why(error):
                raise
            # Of what was under way in a container as it ended, an engine says this and that.
            if not await self._has_ended():
                raise
            # Some of it may have landed already.
            return replace(await self._build(action), changed=True)
        return await self._build(action)

    async def _has_ended(self) -> bool:
        """Whether the application's container is there and does not run."""
        info = await self._engine.container(self.application)
        return info is not None and not info.running

    async def _performed(self, action: Action) -> Performed:
        if action.verb == "restart":
            await self._restart(action)
            return Performed(changed=True)
        if action.verb == "build":
            return await self._build(action)
        try:
            return await self._step(action)
        except ContainerNotRunningError:
            if action.stage == self._target:
                raise
            # It is livepush's own, and ends with the engine: nobody else will start it.
            if await self._engine.container(self._stages[action.stage].id) is None:
                return await self._build(action)
            await self._engine.restart(self._stages[action.stage].id, grace=0)
            return await self._step(action)

    async def _step(self, action: Action) -> Performed:
        container = self._stages[action.stage]
        step = container.stage.steps[action.position]
        if isinstance(step, Run):
            await self._run(container, step)
            return Performed(changed=True)
        if isinstance(step, MakeDir):
            return Performed(await container.make(step))
        if not isinstance(step, Copy):
            return await self._build(action)  # of what was a file as it was planned, and an archive
        try:
            performed = await self._copy(container, action, step)
        except EntangledError:
            return await self._build(action)
        if performed.refusal and action.stage != self._target:
            # Nothing runs in it that has to go on, so that it can be made anew.
            return await self._build(action)
        return performed

    def _image(self, image: str) -> ImageFiles:
        name = "" if image == SCRATCH else image
        labels = self._labels(None)
        return self._images.setdefault(name, ImageFiles(self._engine, name, labels))

    def _playing(
        self, stage: Stage, played: Played, touched: Touched | None = None
    ) -> StageContainer:
        ours = stage.index != self._target
        return StageContainer(
            self._engine,
            stage,
            played.container,
            self._image(stage.image),
            image=played.image.id,
            mounts=() if ours else self._mounts,
            journal=None if ours else self._journal,
            touched=Touched() if ours or touched is None else touched,
            restarts=self._restarts,
            tell=partial(self._tell_syncing, stage.index),
        )

    async def _begin(
        self,
        stage: StageContainer,
        sent: BuildContext | None,
        older: StageContainer | None = None,
    ) -> bool:
        """Learns what is in a container; what was `sent` for its build alone is put right.

        `older` played the stage before. Whether the builder had to be put right.
        """
        await stage.open()
        if sent is not None:
            await self._correct(stage, sent)
        copies = [(i, step) for i, step in enumerate(stage.stage.steps) if isinstance(step, Copy)]
        tree = self._context().tree if sent is None else sent.files.tree
        for position, step in copies:
            await self._believe(stage, position, step, tree)
        stale = False
        for position, step in copies:
            if older is None or step.origin is not None or step.legacy:
                continue
            if await stage.doubt_stale_modes(position, older):
                stale = True
                # What is newer than the build and at odds with the step is owed anyway.
                with contextlib.suppress(*_AT_ODDS):
                    await stage.land(position, self._context(), on_behalf_of=position)
                stage.acknowledge(position)
        return stale

    async def _correct(self, stage: StageContainer, sent: BuildContext) -> None:
        """Puts right what livepush alone was sent for, in a container that was built from it."""
        index = stage.stage.index
        if any(reaches(step, sent, self._given) for step in stage.stage.steps):
            self._given.add(index)
            if index != self._target:
                await corrected(self._engine, stage.id, sent)
        else:
            self._given.discard(index)

    async def _believe(self, stage: StageContainer, position: int, step: Copy, tree: Tree) -> None:
        try:
            if step.origin is None:
                stage.believe(position, tree)
                return
            bundle = await self._fetch(step)
            try:
                await stage.compare(position, bundle.tree)
            finally:
                bundle.close()
        except (MissingSource, Conflict, UnknownOwner):
            # The container was built from something that is no longer there. The next push that
            # reaches the step says so; until then nothing is known of what it wrote.
            return

    async def _fetch(self, step: Copy) -> Bundle:
        if isinstance(step.origin, int):
            container = self._stages[step.origin].id
        else:
            container = await self._image(str(step.origin)).container()
        return await fetch_copied(self._engine, container, step)

    async def _copy(self, container: StageContainer, action: Action, step: Copy) -> Performed:
        began = time.monotonic()
        try:
            refusal = await self._land(container, action, action.position)
        except Conflict as conflict:
            raise _failed(step, conflict, "would be several things at once") from None
        except UnknownOwner as unknown:
            raise _failed(step, unknown, "is not known in the container") from None
        except MissingSource as missing:
            origin = "the build context" if step.origin is None else f"{step.origin!r}"
            raise _failed(step, missing, f"is not in {origin}") from None
        except PermissionError as error:
            raise StepFailedError(
                f"line {step.line}: {step.text}: {error.filename!r} may not be read"
            ) from None
        done = container.acknowledge(action.position)
        self._tell_synced(action.stage, done, began)
        return Performed(bool(done), refusal)

    def _tell_syncing(self, stage: int, written: int, of: int) -> None:
        self._emit(events.FilesSyncing(stage_idx=stage, written=written, of=of))

    def _tell_synced(self, stage: int, done: Landing, began: float) -> None:
        if done:
            self._emit(
                events.FilesSynced(
                    stage_idx=stage,
                    written=done.written,
                    deleted=done.deleted,
                    bytes=done.size,
                    seconds=time.monotonic() - began,
                )
            )

    async def _land(self, container: StageContainer, action: Action, position: int) -> str:
        """Lands the copy at `position`: the action's own, or one that it has uncovered.

        Returns why not all of it can be had live.
        """
        step = container.stage.steps[position]
        assert isinstance(step, Copy)  # noqa: S101  # only copies are landed
        itself = position == action.position
        land = partial(container.land, position, on_behalf_of=action.position)
        takes = action.takes if itself else frozenset()
        full = action.full and itself
        refusal = ""
        try:
            if step.origin is None:
                while gone := await land(self._context(), takes=takes, full=full):
                    await self._reread(gone)
                    takes, full = gone, False  # all else is there by now
            else:
                bundle = await self._fetch(step)
                try:
                    await land(bundle, takes=takes, full=full)
                finally:
                    bundle.close()
        except UnsupportedError as error:
            refusal = error.message
        if container.uncovered is not None:
            refusal = await self._land(container, action, container.uncovered) or refusal
        return refusal

    async def _run(self, container: StageContainer, step: Run) -> None:
        stage = container.stage.index
        self._emit(events.CommandExecute(stage_idx=stage, command=step.command))

        def output(piece: bytes, is_stderr: bool) -> None:
            self._emit(events.CommandOutput(stage_idx=stage, output=Output(piece, is_stderr)))

        code = await container.run(step, output, grace=self._grace)
        self._emit(events.CommandReturn(stage_idx=stage, command=step.command, return_code=code))
        if code != 0:
            raise StepFailedError(
                f"line {step.line}: {step.text} ended with {code}", return_code=code
            )

    async def _build(self, action: Action) -> Performed:
        """Has a stage built; its container is then, or is made like, one of the new image."""
        if not self._builder.legacy:
            return await self._build_now(action)
        # It builds the stages before as well, out of images that another build may remove.
        async with self._building:
            return await self._build_now(action)

    async def _build_now(self, action: Action) -> Performed:
        old = self._stages[action.stage]
        built = await self._built(old.stage)
        older = self._played[action.stage].image
        async with contextlib.AsyncExitStack() as unowned:
            if action.stage == self._target:
                container, performed = old.id, await self._renew(old, built, action)
            else:
                container = await self._engine.create(
                    built.id, labels=self._labels(old.stage), start=old.stage.image != SCRATCH
                )
                if built.id != older.id:
                    unowned.push_async_callback(self._remove_image, built.id)
                unowned.push_async_callback(self._remove, container)
                performed = Performed(built.id != older.id or bool(old.touched))
            played = Played(container, built)
            fresh = self._playing(old.stage, played)
            await self._engine.attend(container)
            stale = await self._begin(fresh, built.sent, old)
            unowned.pop_all()
        fresh.trust()
        self._stages[action.stage], self._played[action.stage] = fresh, played
        if container != old.id:
            await self._remove(old.id)
        if older.sent is not None and older.id != built.id:
            await self._remove_image(older.id)
        carried = action.stage == self._target and self._carries
        self._carries = self._carries and action.stage != self._target
        changed = performed.changed or stale or carried
        return replace(performed, changed=changed, built=True)

    async def _remove(self, container: str) -> None:
        """Removes a container of a stage, or leaves it to the end of the session."""
        with anyio.CancelScope(shield=True), contextlib.suppress(EngineError):
            await self._engine.remove(container)

    async def _remove_image(self, image: str) -> None:
        """Removes an image of a stage, or leaves it to the end of the session."""
        with anyio.CancelScope(shield=True), contextlib.suppress(EngineError):
            await self._engine.remove_image(image)

    async def _built(self, stage: Stage) -> StageImage:
        commands = Commands(stage.index, self._emit)
        try:
            return await self._builder.build(stage, self._context(), commands.tell)
        except BuildFailedError as failure:
            raise StepFailedError(failure.message, return_code=failure.return_code) from failure

    async def _renew(self, stage: StageContainer, built: StageImage, action: Action) -> Performed:
        """Carries over into the application's container what a new image of it holds."""
        if not await self._renewal.needed(built.id, stage.touched):
            return Performed(changed=False)
        began = time.monotonic()
        sent = built.sent
        assert sent is not None  # noqa: S101  # it has just been built
        theirs = partial(as_theirs, sent=sent, files=sent.files)
        delta, files = await self._renewal.changes(built.id, stage.touched, theirs)
        refusal = ""
        self._carries = self._carries or bool(delta)
        try:
            stage.touch([*delta.written, *delta.deleted])
            await self._renewal.carry(delta, files, restarts=stage.restarts(action.begins))
        except NoShellError as error:
            refusal = f"{action.text} deletes what only a build can: {error.message}"
        finally:
            files.close()
        self._renewal.became(built.id, files.tree)
        size = sum(item.entry.size for item in delta.written.values())
        done = Landing(len(delta.written), len(delta.deleted), size)
        self._tell_synced(action.stage, done, began)
        return Performed(bool(delta), refusal)

    async def _restart(self, action: Action) -> None:
        container = self._stages[action.stage].id
        await self._engine.restart(container, grace=self._restart_grace)
        self._emit(events.ContainerRestart(container_id=container))


def _says_why(error: EngineError) -> bool:
    """Whether it is known what failed, which is not that the container has ended."""
    known = isinstance(error, EngineUnreachableError | BuildFailedError | NoShellError)
    return known or hindrance(error.message) is not None


def _failed(step: Copy, name: Exception, why: str) -> StepFailedError:
    """What is wrong with a name; it is not told where it may be the value of a build argument."""
    is_written = "$" not in step.text or str(name) in step.text
    what = repr(str(name)) if is_written else "what its variables stand for"
    return StepFailedError(f"line {step.line}: {step.text}: {what} {why}")
