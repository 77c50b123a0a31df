"""A session: the front that embedders, the command line and the watcher hold.

It opens the containers, and hands what changes in the build context to the pushes.

- A session is of one container at a time. What is known of that changes all at once or not at all.
- The Dockerfile is that of the container: one that has changed counts once the container is made
  anew from another image, which is taken to be built from it.
- Nothing is taken to be in the container but what it was built from, what landed in it, and what
  a look at it has shown. That all has landed is noted for the next session only where that look was
  taken, and nothing is owed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import anyio
import anyio.to_thread

from livepush import events
from livepush.arrears import Arrears
from livepush.bus import Bus, EventStream, Listener
from livepush.context import Context
from livepush.engine import ContainerInfo, Engine
from livepush.errors import BuildFailedError, EngineError, InvalidArgumentError
from livepush.events import Event
from livepush.executor import Executor, Played
from livepush.follow import Following, follow
from livepush.journal import Journal
from livepush.knowledge import Knowledge
from livepush.live import Dockerfile
from livepush.model import Changes, Fixed, Graph, Replay
from livepush.opening import (
    GRACE,
    Request,
    existing,
    images_of,
    open_stages,
    remove_labelled,
    remove_leftovers,
)
from livepush.plan import anew, make_plan
from livepush.push import Pushes, PushResult
from livepush.rearguing import with_commands
from livepush.repetition import unsafe_steps
from livepush.stage_image import StageBuilder, StageImage
from livepush.tree import Tree

if TYPE_CHECKING:
    from livepush.docker import Client

RESTART_GRACE = 1.0  # seconds for the application to end by itself, unless it asks for its own


class Livepush:
    """Keeps a running container as a fresh build of its Dockerfile and context would be.

    Made by `init`; an async context manager that ends with `aclose`.
    """

    def __init__(
        self,
        engine: Engine,
        request: Request,
        context: Context,
        stack: AsyncExitStack,
        *,
        restarts: bool,
    ) -> None:
        """For `init` alone: a session is of use only once it is open."""
        self._restarts = restarts
        self._serial = 0
        self._info: ContainerInfo
        self._pushes: Pushes
        self._engine = engine
        self._request = request
        self._known = Knowledge(context, self._adopt)
        self._stack = stack
        self._bus = Bus()
        self._journal = Journal()
        self._edited: Dockerfile | None = None  # what the Dockerfile says by now
        self._closing = anyio.Lock()
        self._closed = False
        self._current = False  # whether all that the container lacks is owed

    @classmethod
    async def init(
        cls,
        *,
        context: Path | str,
        container_id: str,
        dockerfile: Dockerfile | None = None,
        dockerfile_content: str | bytes | None = None,
        dockerfile_path: Path | str = "Dockerfile",
        stage_images: Sequence[str] | None = None,
        docker: Client | None = None,
        engine: Engine | None = None,
        skip_container_restart: bool = False,
        build_args: Mapping[str, str] | None = None,
        target: str = "",
        replay: Replay = "in-place",
        journals: Path | None = None,
        grace: float = GRACE,
    ) -> Self:
        """Opens a session on the container `container_id`, built from `context`.

        One that does not run gets the files, and is started by the restart that follows.

        `stage_images` are the images of all stages but the last, in order; None builds them, out
        of the engine's cache. `docker` is an `aiodocker.Docker`, by default one that is made from
        the environment and closed with the session; `engine` is any other `Engine` instead.
        `dockerfile_path` says where the Dockerfile stands, relative to the context. `replay` says
        how commands come again: in place, or clean, by a build out of the engine's cache, whose
        difference is carried over, so that also commands end right that are not safe to repeat.
        `journals` is the folder in which what is done in containers is noted, so that a later
        session knows of it; the command line has `livepush.journal.journals`.
        A command that is overtaken has `grace` seconds from TERM to KILL.

        Raises `DockerfileParseError`, `InvalidArgumentError` (no such context, a wrong number of
        stage images, no such target, a grace that does not fit), `ContainerNotRunningError` where
        there is no such container, and `EngineError`.
        """
        if (dockerfile is None) == (dockerfile_content is None):
            raise InvalidArgumentError("give either dockerfile or dockerfile_content")
        if dockerfile is None:
            dockerfile = Dockerfile(dockerfile_content or "")
        place = await anyio.to_thread.run_sync(
            lambda: Context.open(context, dockerfile=dockerfile_path)
        )
        request = Request(
            dockerfile=dockerfile,
            container=container_id,
            stage_images=stage_images,
            build_args=dict(build_args or {}),
            target=target,
            session=uuid.uuid4().hex[:12],
            grace=grace,
            replay=replay,
            journals=journals,
        )
        stack = AsyncExitStack()
        try:
            port = engine if engine is not None else _connected(docker, stack)
            self = cls(port, request, place, stack, restarts=not skip_container_restart)
            with self._bus.keeping():
                await self._open()
        except BaseException:  # a cancel as well: nothing may stay on the engine
            with anyio.CancelScope(shield=True):
                await stack.aclose()
            raise
        return self

    def on(self, name: str, listener: Listener) -> None:
        """Calls `listener` with each event of that name; a coroutine function is awaited."""
        self._bus.on(name, listener)

    def once(self, name: str, listener: Listener) -> None:
        """Calls `listener` with the next event of that name only."""
        self._bus.once(name, listener)

    def off(self, name: str, listener: Listener) -> None:
        """Ends what `on` or `once` began."""
        self._bus.off(name, listener)

    def events(self) -> EventStream:
        """All events from now on, as an async iterator that ends with the session."""
        return self._bus.stream()

    def livepush_needed(
        self, added_or_updated: Collection[str], deleted: Collection[str] = ()
    ) -> bool:
        """Whether those changes would lead to anything. Raises `InvalidArgumentError`."""
        changes = self._known.changes(added_or_updated, deleted)
        return bool(
            make_plan(self._known.graph, changes.changed, changes.deleted, self._known.leads)
        )

    async def perform_livepush(
        self, added_or_updated: Collection[str], deleted: Collection[str] = ()
    ) -> PushResult:
        """Brings changed paths, relative to the context, and all that is owed into the container.

        Whether a path is written or removed, the disk decides. Overtaken by a later call, it
        returns with the status `cancelled`, and that call's push lands both. A failing command is
        a status, not an exception. Raises `InvalidArgumentError` for a path outside the context,
        and `EngineError` where the engine fails; then everything is still owed.
        """
        since = time.monotonic()
        changes = self._known.changes(added_or_updated, deleted)
        # Who tells of files alone, as version control does, tells of no directory that went.
        gone = await anyio.to_thread.run_sync(self.context.gone_above, changes.deleted)
        changes = changes.then(Changes(deleted=gone))
        if self._known.rules & set(map(self.context.relative, (*added_or_updated, *deleted))):
            found = await self.reopen()
        else:
            found = await self.reread(changes.changed | changes.deleted)
        # What was found besides is known from now on, and nobody else will be told of it.
        self._pushes.note(changes.then(found), since=since)
        return await self._pushes.push()

    async def watch(self, following: Following | None = None) -> None:
        """Follows the context until it is cancelled.

        `ready` is told once no later save can be missed. Errors are events: the session goes on,
        and pushes by itself what an engine that failed has kept from landing.
        """
        await follow(self, following or Following())

    async def cancel(self) -> None:
        """Ends the running push, its command included; what it owed is still owed."""
        await self._pushes.cancel()

    def set_build_args(self, build_args: Mapping[str, str]) -> None:
        """Gives later commands other build arguments.

        Raises `InvalidArgumentError` where they change anything but commands, and
        `DockerfileParseError`; then all is as before.
        """
        request = replace(self._request, build_args=dict(build_args))
        graph = with_commands(self._known.graph, self._planned(request))
        self._request = request
        self._adopt(graph)

    async def cleanup_intermediate_containers(self) -> None:
        """Removes the containers of the build stages; after it, only `aclose` is of use."""
        with anyio.CancelScope(shield=True):
            await remove_labelled(self._engine, self._request.session)

    async def aclose(self) -> None:
        """Ends the running push and removes all that the session made on the engine.

        Called again, it waits until that is done, and does nothing.
        """
        with anyio.CancelScope(shield=True):
            async with self._closing:
                closed, self._closed = self._closed, True
                if not closed:
                    await self._close()

    async def _close(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._clean_up_early)
            await self.cancel()
        if self._current and self._pushes.settled:
            arrears, tree = self._arrears, self._known.files.tree  # of what is settled, not later
            await anyio.to_thread.run_sync(lambda: self._journal.settle(arrears.state(tree)))
        await self._stack.aclose()

    async def _clean_up_early(self) -> None:
        """Ending a command and removing a container each take their time."""
        with suppress(EngineError):  # it is done once more, in the end
            await self.cleanup_intermediate_containers()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def dockerfile(self) -> Dockerfile:
        return self._request.dockerfile

    @property
    def context(self) -> Context:
        """The build context on disk."""
        return self._known.context

    @property
    def tree(self) -> Tree:
        """The build context as it was read last."""
        return self._known.files.tree

    @property
    def pushes(self) -> Pushes:
        """What runs the pushes, for who notes changes as they come."""
        return self._pushes

    @property
    def container(self) -> ContainerInfo:
        """The application's container, as it was when the session opened."""
        return self._info

    @property
    def stages(self) -> int:
        """How many stages are followed, the application's own among them."""
        return len(self._known.graph.followed())

    async def is_running(self) -> bool:
        """Whether the application's container runs now, and not paused. Raises `EngineError`."""
        info = await self._engine.container(self._info.id)
        return info is not None and info.running and not info.paused

    async def look(self) -> ContainerInfo | None:
        """The application's container as it is now, or the one that has its name since it is gone.

        Raises `EngineError`.
        """
        info = await self._engine.container(self._info.id)
        return info or await self._engine.container(self._info.name)

    def happenings(self) -> AsyncGenerator[None, None]:
        """What `look` may have news of, as `Engine.happenings` tells it."""
        return self._engine.happenings(self._info.id, self._info.name)

    async def start(self) -> None:
        """Starts the application's container, which ended, unless that is never to be done.

        Raises `EngineError`.
        """
        if self._restarts:
            await self._engine.restart(self._info.id, grace=RESTART_GRACE)

    def expect(self, edited: Dockerfile) -> None:
        """Takes a container of that name to be built from `edited`, if its image is another one."""
        self._edited = edited

    async def reattach(self) -> None:
        """Goes on with the container that has the name of one that is gone.

        From another image it is taken to be built from the Dockerfile as it was expected.

        What is owed is forgotten: `catch_up` owes what the new one lacks. Raises `EngineError`, and
        `ContainerNotRunningError` where it is gone by now; then the same call may be tried again.
        """
        await self.cancel()
        await self._engine.leave(self._info.id)
        self._serial, self._current = self._pushes.serial, False
        await self.cleanup_intermediate_containers()
        before, image = self._request, self._info.image
        info = await existing(self._engine, self._info.name)
        edited = self._edited if info.image != image else None
        if edited is not None and edited.meaning != self.dockerfile.meaning:
            self._request = replace(before, dockerfile=edited)
        try:
            await self._attach(self._info.name)
        except BaseException:
            self._request = before
            raise
        if self._request.dockerfile is not before.dockerfile:
            self._warn(f"{self.context.dockerfile} is followed as it is now, as its image is new")

    async def catch_up(self) -> bool:
        """Owes what the container may lack of the context as it is; whether there is anything.

        Where no engine could find that out, it is told, and nothing is owed. Raises `EngineError`
        where this one could not; then nothing is owed either.
        """
        try:
            self._current = await self._arrears.are_none()
        except BuildFailedError as error:
            self._warn(f"what the container lacks cannot be found out: {error.message}")
            return False
        if self._current:
            self._executor.trust()
            return False
        for stage in self._known.graph.followed():
            for step in stage.steps:
                if isinstance(step, Fixed) and not step.buildable:
                    reason = f"{step.text} {step.reason}, and the context may be newer"
                    self._emit(events.RebuildNeeded(reason=reason, line=step.line))
                    return False
        self._pushes.owe(await self._arrears.plan())
        self._current = True
        self._executor.trust()
        return True

    @property
    def _arrears(self) -> Arrears:
        return Arrears(
            self._engine,
            self._request,
            self._known,
            self._info,
            self._images,
            self._journal,
            self._executor,
        )

    async def reread(self, hints: Collection[str]) -> Changes:
        """Reads the context anew where `hints` point; what differs from what was known.

        Raises `InvalidArgumentError` where it cannot be read.
        """
        return await self._known.reread(hints)

    async def reopen(self) -> Changes:
        """Reads the ignore file anew and all of the context; what differs from what was known."""
        await self._known.reopen(legacy=self._request.legacy)
        return await self.reread({""})

    async def _open(self) -> None:
        self._stack.push_async_callback(self._bus.aclose)
        info = await existing(self._engine, self._request.container)
        # However it was named: what a session with it leaves behind is found by its name.
        self._request = replace(self._request, container=info.name)
        await remove_leftovers(self._engine, self._request.container)
        self._stack.push_async_callback(self.cleanup_intermediate_containers)
        await self._attach(self._request.container)

    async def _attach(self, name: str) -> None:
        """Begins with that container; where that fails, all is as before but for what was read."""
        async with self._known.reading:  # what comes meanwhile is a change of what is read here
            info = await existing(self._engine, name)
            image = await self._engine.image(info.image)
            if image is not None:
                self._request = replace(self._request, legacy=image.legacy, platform=image.platform)
            await self._known.open(legacy=self._request.legacy)
            self._images = await images_of(self._engine, self._request, self._warn)
            await self._known.begin_with(self._planned(self._request))
            folder = self._request.journals
            journal = await anyio.to_thread.run_sync(Journal, folder, info.id)
            executor = await self._executed_in(info, journal)
            self._info, self._journal, self._executor = info, journal, executor
            self._pushes = Pushes(
                self._known.graph,
                executor,
                self._bus,
                leads=lambda: self._known.leads,
                restarts=self._restarts,
                serial=self._serial,
                away=not info.running or info.paused,
            )
            unbuilt = executor.unbuilt
            if unbuilt:
                target = self._known.graph.target.index
                self._pushes.owe(anew(self._known.graph, {*unbuilt, target}))
        for step, reason in unsafe_steps(self._known.graph):
            self._emit(
                events.Notice(
                    message=f"this RUN {reason}",
                    line=step.line,
                    hint="With --replay clean commands come again in clean builds.",
                )
            )

    async def _executed_in(self, info: ContainerInfo, journal: Journal) -> Executor:
        """An open executor, with that container for the application's."""
        graph, builder = self._known.graph, self._builder()
        played = await open_stages(
            self._engine, self._request, graph, builder, self._known.files, stand_in=info.image
        )
        executor = Executor(
            self._engine,
            graph,
            {**played, graph.target.index: Played(info.id, StageImage(info.image))},
            builder=builder,
            mounts=info.mounts,
            journal=journal,
            context=lambda: self._known.files,
            reread=self._find_gone,
            emit=self._emit,
            labels=self._request.labels,
            grace=self._request.grace,
            restart_grace=info.stop_timeout or RESTART_GRACE,
            restarts=self._restarts,
        )
        self._stack.push_async_callback(self._engine.leave, info.id)
        await executor.open()
        return executor

    def _planned(self, request: Request) -> Graph:
        """The stages, as far as the Dockerfile's text and the base images tell."""
        graph = request.dockerfile.graph(
            build_args=request.build_args,
            images=self._images,
            target=request.target,
            legacy=request.legacy,
            platform=request.platform,
        )
        return replace(graph, replay=request.replay)

    def _builder(self) -> StageBuilder:
        return StageBuilder(
            self._engine,
            self._request.dockerfile.generate_live_dockerfile(),
            self.context.dockerfile,
            self._request.build_args,
            self._request.labels,
            self._request.legacy,
        )

    def _adopt(self, graph: Graph) -> None:
        self._known.graph = self._pushes.graph = graph
        self._executor.adopt(graph, self._builder())

    async def _find_gone(self, paths: Collection[str]) -> None:
        # Other steps may hold them as well, and nobody else will be told of it again: it joins the
        # push that found it out.
        self._pushes.note(await self.reread(paths), overtakes=False)

    def _emit(self, event: Event) -> None:
        self._pushes.emit(event)

    def _warn(self, message: str, line: int | None = None) -> None:
        self._bus.emit(events.Notice(message=message, line=line))


def _connected(docker: Client | None, stack: AsyncExitStack) -> Engine:
    """The engine behind a client, or one of the session's own; its library is slow to load."""
    from livepush.docker import DockerEngine

    if docker is not None:
        return DockerEngine(docker)
    engine = DockerEngine.connect()
    stack.push_async_callback(engine.aclose)
    return engine
