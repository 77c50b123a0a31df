"""Opens a session, or its rehearsal, for a command, with its events on a display."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.abc

from livepush.commands.complaint import tell_warnings
from livepush.commands.connection import Connection, connect
from livepush.commands.inputs import Inputs
from livepush.commands.rehearsal import Rehearsal
from livepush.commands.showing import closing, showing
from livepush.events import Event
from livepush.journal import journals
from livepush.narration import Line, Narrator, Subject
from livepush.opening import GRACE
from livepush.render import Display, Progress, display_for
from livepush.session import Livepush

_STOPPING = Line("stopping; once more to stop at once", "dim")


@dataclass(frozen=True, slots=True)
class Options:
    """What `watch` and `push` share; `stage_images` None has them built."""

    container: str
    connection: Connection
    stage_images: tuple[str, ...] | None = None
    restarts: bool = True
    grace: float = GRACE
    progress: Progress = "auto"
    verbose: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One `watch` or `push`: what was asked for, and where it is shown."""

    inputs: Inputs
    options: Options
    narrator: Narrator
    display: Display

    def stopping(self) -> None:
        """Tells people that the command is about to end."""
        self.display.say(_STOPPING)


def make_job(inputs: Inputs, options: Options, *, again: str) -> Job:
    """A job, with the Dockerfile's warnings told.

    `again` is how what failed is tried again, as in "the next save tries it again"; empty where
    it is not. Raises what `Dockerfile.graph` raises.
    """
    subject = Subject(
        context=inputs.path,
        container=options.container,
        dockerfile=inputs.shown,
        again=again,
        rehearsed=options.dry_run,
    )
    graph = inputs.dockerfile.graph(build_args=inputs.build_args, target=inputs.target)
    narrator = Narrator(subject, graph, verbose=options.verbose)
    display = display_for(options.progress, narrator)
    if options.progress != "quiet":
        tell_warnings(inputs.dockerfile.warnings, inputs.shown)
    return Job(inputs, options, narrator, display)


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Livepush]:
    """A session, closed and shown to its end whatever happens. Raises as `Livepush.init`."""
    inputs, options = job.inputs, job.options
    async with showing(job.display) as show:
        engine = connect(options.connection)
        async with closing(engine):
            show.say_busy(f"opening {options.container}")
            session = await Livepush.init(
                engine=engine,
                context=inputs.path,
                dockerfile=inputs.dockerfile,
                dockerfile_path=inputs.place,
                container_id=options.container,
                stage_images=options.stage_images,
                skip_container_restart=not options.restarts,
                build_args=inputs.build_args,
                target=inputs.target,
                replay=inputs.replay,
                journals=journals(os.environ),
                grace=options.grace,
            )
            show.say_busy()
            _narrated(job.narrator, session)
            async with _closing_meanwhile(session):
                show.follow(session.events())
                yield session


def _narrated(narrator: Narrator, session: Livepush) -> None:
    """Has it speak of the stages that each push is of: a container that is made anew has others."""

    def follow(_: Event | None) -> None:
        narrator.graph = session.pushes.graph

    follow(None)
    session.on("livepushStart", follow)


@asynccontextmanager
async def _closing_meanwhile(session: Livepush) -> AsyncIterator[None]:
    """As `closing`; where the block is cancelled, at once, while it comes to its own end."""

    async def closed(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with closing(session):
            task_status.started()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        await tasks.start(closed)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def rehearsed(job: Job) -> AsyncIterator[Rehearsal]:
    """The same for `--dry-run`: no engine is asked, and nothing is carried out."""
    async with showing(job.display) as show:
        rehearsal = Rehearsal(job.inputs, job.options.container)
        job.narrator.graph = rehearsal.graph
        async with closing(rehearsal):
            show.follow(rehearsal.bus.stream())
            yield rehearsal
