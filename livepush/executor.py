"""Plan -> engine verbs: carries out one action at a time in the containers of the stages.

The order of a plan is the gate: stages come before those that copy from them, the application's
own last, and its restart at the very end. Whoever runs the plan stops at the first action that
fails, so a failing build stage leaves the application as it was.

An action that was cut short, by a cancel or by the engine, can simply be carried out again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import anyio.to_thread

from livepush import events
from livepush.archive import Files
from livepush.archived import refuse_archive
from livepush.engine import Engine
from livepush.events import Event, Output
from livepush.image_files import ImageFiles
from livepush.manifest import Conflict, MissingSource
from livepush.model import Copy, Graph, MakeDir, Run
from livepush.origin import Bundle, fetch_sources
from livepush.plan import Action
from livepush.stage_container import StageContainer
from livepush.stages import SCRATCH
from livepush.tree import Tree

Emit = Callable[[Event], None]


class StepFailedError(Exception):
    """A step that would fail the build, too; the text is for people, with its line.

    `return_code` is the command's, None where the step is none.
    """

    def __init__(self, message: str, *, return_code: int | None = None) -> None:
        super().__init__(message)
        self.return_code = return_code


class Executor:
    """The containers that play the stages of one session.

    `containers` are their ids by stage; `context` gives the build context as it is on disk now,
    and `reread` is told paths of it that turned out to be gone.
    """

    def __init__(
        self,
        engine: Engine,
        graph: Graph,
        containers: Mapping[int, str],
        *,
        context: Callable[[], Files],
        reread: Callable[[frozenset[str]], Awaitable[object]],
        emit: Emit,
        labels: Mapping[str, str],
        grace: float,
        restart_grace: float,
    ) -> None:
        self._engine = engine
        self._context = context
        self._reread = reread
        self._emit = emit
        self._grace = grace
        self._restart_grace = restart_grace
        self._labels = labels
        self._images: dict[str, ImageFiles] = {}
        self._stages = {
            stage.index: StageContainer(
                engine, stage, containers[stage.index], self._image(stage.image)
            )
            for stage in graph.followed()
        }

    async def open(self, built_from: Mapping[int, Tree]) -> None:
        """Learns what only the containers know, and what is in them.

        A stage of `built_from` was built from that tree, with files that are not in the context;
        it is put right. The others are taken to hold what the context holds.
        """
        for index, stage in self._stages.items():
            await stage.open()
            for position, step in enumerate(stage.stage.steps):
                if isinstance(step, Copy):
                    tree = built_from.get(index, self._context().tree)
                    await self._believe(stage, position, step, tree)
                    if index in built_from and step.origin is None:
                        await stage.land(position, self._context(), on_behalf_of=position)
                        stage.acknowledge(position)

    def adopt(self, graph: Graph) -> None:
        """Follows the same steps with other build arguments from now on."""
        for stage in graph.followed():
            self._stages[stage.index].stage = stage

    async def perform(self, action: Action) -> bool:
        """Carries `action` out; whether it changed anything.

        Raises `StepFailedError` where a build would fail as well, `EngineError` where the engine
        does.
        """
        if action.verb == "restart":
            await self._restart(action)
            return True
        container = self._stages[action.stage]
        step = container.stage.steps[action.position]
        if isinstance(step, Run):
            await self._run(container, step)
            return True
        if isinstance(step, MakeDir):
            return await container.make(step)
        assert isinstance(step, Copy)  # noqa: S101  # no other step is ever planned
        return await self._copy(container, action, step)

    def _image(self, image: str) -> ImageFiles:
        name = "" if image == SCRATCH else image
        return self._images.setdefault(name, ImageFiles(self._engine, name, self._labels))

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
        except (MissingSource, Conflict):
            # The container was built from something that is no longer there. The next push that
            # reaches the step says so; until then nothing is known of what it wrote.
            return

    async def _fetch(self, step: Copy) -> Bundle:
        if isinstance(step.origin, int):
            container = self._stages[step.origin].id
        else:
            container = await self._image(str(step.origin)).container()
        return await fetch_sources(self._engine, container, step.sources)

    async def _copy(self, container: StageContainer, action: Action, step: Copy) -> bool:
        began = time.monotonic()
        try:
            await self._land(container, action, action.position)
        except Conflict as conflict:
            raise StepFailedError(
                f"line {step.line}: {step.text}: {str(conflict)!r} would be several things at once"
            ) from None
        except MissingSource as missing:
            origin = "the build context" if step.origin is None else f"{step.origin!r}"
            raise StepFailedError(
                f"line {step.line}: {step.text}: {str(missing)!r} is not in {origin}"
            ) from None
        except PermissionError as error:
            raise StepFailedError(
                f"line {step.line}: {step.text}: {error.filename!r} may not be read"
            ) from None
        done = container.acknowledge(action.position)
        if done:
            self._emit(
                events.FilesSynced(
                    stage_idx=action.stage,
                    written=done.written,
                    deleted=done.deleted,
                    bytes=done.size,
                    seconds=time.monotonic() - began,
                )
            )
        return bool(done)

    async def _land(self, container: StageContainer, action: Action, position: int) -> None:
        """Lands the copy at `position`: the action's own, or one that it has uncovered."""
        step = container.stage.steps[position]
        assert isinstance(step, Copy)  # noqa: S101  # only copies are landed
        itself = position == action.position
        land = partial(
            container.land,
            position,
            takes=action.takes if itself else frozenset(),
            full=action.full and itself,
            on_behalf_of=action.position,
        )
        if step.origin is None:
            await anyio.to_thread.run_sync(refuse_archive, step, self._context())
            while gone := await land(self._context()):
                await self._reread(gone)
        else:
            bundle = await self._fetch(step)
            try:
                await land(bundle)
            finally:
                bundle.close()
        if container.uncovered is not None:
            await self._land(container, action, container.uncovered)

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

    async def _restart(self, action: Action) -> None:
        container = self._stages[action.stage].id
        await self._engine.restart(container, grace=self._restart_grace)
        self._emit(events.ContainerRestart(container_id=container))
