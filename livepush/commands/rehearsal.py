"""A session with nothing behind it: changes become plans, and nothing is carried out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection

import anyio
import anyio.to_thread

from livepush.bus import Bus
from livepush.commands.inputs import Inputs
from livepush.context import Context
from livepush.engine import ContainerInfo
from livepush.executor import Executor, Performed
from livepush.leads import leads
from livepush.live import Dockerfile
from livepush.model import Changes
from livepush.plan import Action, StepRef
from livepush.push import Pushes
from livepush.tree import Tree


class Rehearsal:
    """What following and pushing need of a session, for `--dry-run`. No engine is asked."""

    def __init__(self, inputs: Inputs, container: str) -> None:
        """Reads the context. Raises as `Inputs.graph` does."""
        graph = inputs.graph()
        self.dockerfile = inputs.dockerfile
        self.context = inputs.context
        self.container = ContainerInfo(container, container, "", running=True)
        self.stages = len(graph.followed())
        self.graph = graph
        self.bus = Bus()
        self.tree: Tree = inputs.context.scan()
        self.pushes = Pushes(
            graph, _Idle(), self.bus, leads=lambda: leads(graph, self.tree), restarts=True
        )

    async def is_running(self) -> bool:
        """No engine is asked: it is taken to run."""
        return True

    async def look(self) -> ContainerInfo:
        """No engine is asked: it is taken to run."""
        return self.container

    async def happenings(self) -> AsyncGenerator[None, None]:
        """Nothing happens to it."""
        await anyio.sleep_forever()
        yield

    async def start(self) -> None:
        """Nothing is carried out."""

    def expect(self, edited: Dockerfile) -> None:
        """The plans stay those of the Dockerfile as it was."""

    async def reattach(self) -> None:
        """Nothing is carried out."""

    async def catch_up(self) -> bool:
        """No engine is asked: the container is taken to hold what a build would."""
        return False

    async def reread(self, hints: Collection[str]) -> Changes:
        """As `Livepush.reread`."""
        self.tree, changes = await anyio.to_thread.run_sync(self.context.rescan, self.tree, hints)
        return changes

    async def reopen(self) -> Changes:
        """As `Livepush.reopen`."""
        root, dockerfile = self.context.root, self.context.dockerfile
        self.context = await anyio.to_thread.run_sync(
            lambda: Context.open(root, dockerfile=dockerfile)
        )
        return await self.reread({""})

    async def aclose(self) -> None:
        """Ends the running push and all streams."""
        await self.pushes.cancel()
        await self.bus.aclose()


class _Idle(Executor):
    """Takes every action, and changes nothing."""

    def __init__(self) -> None:
        """Without containers there is nothing to know."""

    def outdated(self, index: int) -> StepRef | None:
        return None

    async def perform(self, action: Action) -> Performed:
        return Performed(changed=False)
