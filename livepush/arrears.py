"""What a container lacks of its build context when a session begins with it.

It lacks nothing where it was left so by the last session, or its image is newer than the context,
or a build out of the cache gives its image again. What has been done in it otherwise is unknown,
unless it is bare: begun from the base image, it lacks every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import anyio.to_thread

from livepush.engine import ContainerInfo, Engine, ImageConfig
from livepush.executor import Executor
from livepush.freshness import is_bare, is_of_stage, may_be_newer
from livepush.journal import Journal, state_of
from livepush.knowledge import Knowledge
from livepush.opening import Request
from livepush.plan import Plan, anew, replayed
from livepush.tree import Tree


@dataclass(frozen=True, slots=True)
class Arrears:
    """Of the application's container `info`, whose stages have their base images in `images`."""

    engine: Engine
    request: Request
    known: Knowledge
    info: ContainerInfo
    images: Mapping[str, ImageConfig]
    journal: Journal
    executor: Executor

    async def are_none(self) -> bool:
        """Whether the container lacks nothing. Raises `EngineError` and `BuildFailedError`."""
        context, tree = self.known.context, self.known.files.tree
        if self.journal.settled == await anyio.to_thread.run_sync(self.state, tree):
            return True
        image = await self.engine.image(self.info.image)
        if not self.journal.touched and not await anyio.to_thread.run_sync(
            may_be_newer, context, tree, image
        ):
            return True
        target = self.known.graph.target
        base = self.images.get(target.image)
        if image is not None and base is not None and not is_of_stage(target, image, base):
            return False
        return await self.executor.is_built()

    async def plan(self) -> Plan:
        """What brings the container what it lacks. Raises `EngineError`."""
        graph, image = self.known.graph, await self.engine.image(self.info.image)
        base = self.images.get(graph.target.image)
        if image is not None and base is not None and is_bare(image, base):
            steps = replayed(graph)
            # Commands that have run are not run again just to find out.
            if steps is not None and not (self.journal.touched and steps.runs):
                await self.executor.examine()
                return steps
        given = [] if self.request.stage_images is None else graph.stages[:-1]
        broken_off = bool(self.journal.touched) and not self.journal.settled
        stages = {graph.target.index, *(stage.index for stage in given)}
        return anew(graph, stages, broken_off=broken_off)

    def state(self, tree: Tree) -> str:
        """A digest of all that what is in the container depends on, of the context `tree`."""
        live = self.request.dockerfile.generate_live_dockerfile()
        args = repr(sorted(self.request.build_args.items()))
        return state_of(tree, self.info.image, live, args, self.request.target)
