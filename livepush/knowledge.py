"""What a session knows of its build context: the files as they were read last, and their links.

All is read under one lock, and what differs from what was known is told once, to whoever asked:
who asks owes it. The stages belong to it, because what is in an archive decides how it is added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import anyio
import anyio.to_thread

from livepush.archived import without_archives
from livepush.context import Context
from livepush.leads import Leads, leads
from livepush.model import Changes, Graph
from livepush.plan import StepRef
from livepush.snapshot import Snapshot
from livepush.tree import Tree


class Knowledge:
    """Of the context `context`; `adopt` is told of a graph whose steps its files have changed.

    `files` and `graph` are as they were read last. Who holds `reading` may `open` it.
    """

    def __init__(self, context: Context, adopt: Callable[[Graph], None]) -> None:
        self.context = context
        self.files = Snapshot(context, Tree({}))
        self.graph: Graph
        self.reading = anyio.Lock()
        self._adopt = adopt
        self._led: Leads = {}
        self._led_before: Leads = {}

    async def open(self, *, legacy: bool) -> None:
        """Reads all of it, as the engine's own builder does (`legacy`) or as BuildKit.

        Raises `InvalidArgumentError` where it cannot be read, and `DockerfileParseError` of its
        ignore file.
        """
        await self.reopen(legacy=legacy)
        self.files = Snapshot(self.context, await anyio.to_thread.run_sync(self.context.scan))

    async def begin_with(self, planned: Graph) -> None:
        """Takes the stages to be `planned`, which are as the text of the Dockerfile has them."""
        self.graph = await anyio.to_thread.run_sync(without_archives, planned, self.files)
        self._led = self._led_before = leads(self.graph, self.files.tree)

    async def reread(self, hints: Collection[str]) -> Changes:
        """Reads it anew where `hints` point; what differs from what was known.

        Raises `InvalidArgumentError` where it cannot be read.
        """
        # Two at once would begin with the same tree, and the later would undo the earlier.
        async with self.reading:
            before = self.graph
            files, changes, graph = await anyio.to_thread.run_sync(
                _read_anew, self.files, self.context, hints, before
            )
            while self.graph is not before:  # it was given other commands meanwhile
                before = self.graph
                graph = await anyio.to_thread.run_sync(without_archives, before, files)
            # All or nothing: what is known once is told only once.
            self.files = files
            if graph != self.graph:
                self.graph = graph
                self._adopt(graph)
            led = leads(graph, files.tree)
            if led != self._led:
                self._led_before, self._led = self._led, led
            return changes

    async def reopen(self, *, legacy: bool) -> None:
        """Reads the ignore file anew, and raises as `open` does; `reread` all of it then."""
        root, dockerfile = self.context.root, self.context.dockerfile
        self.context = await anyio.to_thread.run_sync(
            lambda: Context.open(root, dockerfile=dockerfile, legacy=legacy)
        )

    @property
    def rules(self) -> frozenset[str]:
        """Where the ignore file is, or would be if somebody made one."""
        return frozenset(self.context.control_files) - {self.context.dockerfile}

    @property
    def leads(self) -> Leads:
        """Where links lead the sources now, and where they did before.

        That is of interest as well: it may be what is gone.
        """
        nowhere: frozenset[StepRef] = frozenset()
        return {
            path: self._led_before.get(path, nowhere) | self._led.get(path, nowhere)
            for path in self._led_before.keys() | self._led.keys()
        }

    def changes(self, changed: Collection[str], deleted: Collection[str]) -> Changes:
        """Those of the paths that are not ignored. Raises `InvalidArgumentError` for others."""

        def kept(paths: Collection[str]) -> frozenset[str]:
            relative = map(self.context.relative, paths)
            return frozenset(path for path in relative if not self.context.skips(path))

        return Changes(kept(changed), kept(deleted))


def _read_anew(
    known: Snapshot, context: Context, hints: Collection[str], graph: Graph
) -> tuple[Snapshot, Changes, Graph]:
    tree, changes = context.rescan(known.tree, hints)
    files = Snapshot(context, tree)
    return files, changes, without_archives(graph, files)
