"""The proof: builds afresh, and compares the container's files with those of the build."""

from __future__ import annotations

from contextlib import aclosing, closing
from dataclasses import replace

import anyio
import anyio.to_thread

from livepush.additions import as_theirs, without_dockers_line
from livepush.authorship import Author, author_of
from livepush.buildcontext import build_context
from livepush.context import Context
from livepush.difference import Comparison, compare
from livepush.engine import ContainerInfo, Engine, Tell
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.fetched import fetch
from livepush.journal import Journal
from livepush.layers import read_layers
from livepush.opening import Request, images_of, remove_labelled
from livepush.snapshot import Snapshot
from livepush.stage_image import targeted
from livepush.tree import Tree


async def verify(
    engine: Engine, request: Request, context: Context, *, cached: bool, tell: Tell
) -> Comparison:
    """Compares the container, which need not run, with a fresh build in `context`.

    Without `cached` no step is taken from the builder's cache. The builder is the one that built
    the container's image, and gets the context as its client sends it. What is made on the engine
    is removed in the end. Raises `ContainerNotRunningError` for a container that is not there,
    `BuildFailedError`, `EngineError`, and `InvalidArgumentError` for a target that is no stage and
    a context that cannot be read.
    """
    info = await engine.container(request.container)
    if info is None:
        raise ContainerNotRunningError(
            f"there is no container {request.container!r} on this engine",
            hint="See `docker ps --all` for the names of those that are.",
        )
    image = await engine.image(info.image)
    if image is None:
        raise EngineError(
            f"The image of the container {info.name} is gone: nothing tells any more what of its "
            "files was built."
        )
    request = replace(request, legacy=image.legacy, platform=image.platform)
    files = await anyio.to_thread.run_sync(_read, context, image.legacy)
    proof = _Proof(engine, request, files, info)
    try:
        return await proof.compared(cached=cached, tell=tell)
    finally:
        with anyio.CancelScope(shield=True):
            await remove_labelled(engine, request.session)


def _read(context: Context, legacy: bool) -> Snapshot:
    context = Context.open(context.root, dockerfile=context.dockerfile, legacy=legacy)
    return Snapshot(context, context.scan())


class _Proof:
    """One comparison; what it makes on the engine carries the request's labels."""

    def __init__(
        self, engine: Engine, request: Request, files: Snapshot, info: ContainerInfo
    ) -> None:
        self._engine = engine
        self._request = request
        self._files = files
        self._info = info

    async def compared(self, *, cached: bool, tell: Tell) -> Comparison:
        fresh, wanted = await self._built(cached=cached, tell=tell)
        began = await self._tree_of(self._info.image)
        mounts = {mount.strip("/") for mount in self._info.mounts}
        with closing(await fetch(self._engine.export(self._info.id), prefix="")) as container:
            here = await anyio.to_thread.run_sync(
                without_dockers_line, container, wanted, self._files
            )
        folder = self._request.journals
        journal = await anyio.to_thread.run_sync(Journal, folder, self._info.id)
        found = compare(here, wanted, began, pushed=journal.touched.paths, but=mounts)
        author = await self._author(fresh, found) if found.differences else None
        return found if author is None else found.attributed(author)

    async def _built(self, *, cached: bool, tell: Tell) -> tuple[str, Tree]:
        """The image of a fresh build, and its files."""
        request = self._request
        graph = request.dockerfile.graph(build_args=request.build_args, target=request.target)
        text, target = targeted(request.dockerfile.generate_live_dockerfile(), graph.target)
        context = build_context(
            text, self._files, self._files.context.dockerfile, legacy=request.legacy
        )
        image = await self._engine.build(
            context,
            target=target,
            build_args=request.build_args,
            labels=request.labels(),
            legacy=request.legacy,
            cached=cached,
            tell=tell,
        )
        tree = await self._tree_of(image)
        return image, await anyio.to_thread.run_sync(as_theirs, tree, context, self._files)

    async def _author(self, image: str, found: Comparison) -> Author | None:
        request = self._request
        graph = request.dockerfile.graph(
            build_args=request.build_args,
            images=await images_of(self._engine, request, lambda *_: None),
            target=request.target,
            legacy=request.legacy,
            platform=request.platform,
        )
        paths = {difference.path.lstrip("/") for difference in found.differences}
        async with aclosing(self._engine.save(image)) as saved:
            layers = await read_layers(saved, paths.__contains__)
        return None if layers is None else author_of(layers, graph.target.steps)

    async def _tree_of(self, image: str) -> Tree:
        container = await self._engine.create(image, labels=self._request.labels(), start=False)
        with closing(await fetch(self._engine.export(container), prefix="")) as fetched:
            return fetched.tree
