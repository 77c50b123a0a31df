"""The proof: builds afresh, and compares the container's files with those of the build."""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from livepush.archive import fetch, pack
from livepush.difference import Comparison, StepOf, compare
from livepush.engine import LABEL, Engine, OutputSink
from livepush.errors import ContainerNotRunningError
from livepush.live import Dockerfile
from livepush.manifest import Conflict, Destination, Manifest, MissingSource, manifest
from livepush.model import Copy, Stage, Step
from livepush.opening import remove_labelled
from livepush.snapshot import Snapshot
from livepush.stage_image import DOCKERFILE, build_context
from livepush.tree import Tree


async def verify(
    engine: Engine,
    dockerfile: Dockerfile,
    files: Snapshot,
    *,
    container: str,
    build_args: Mapping[str, str],
    target: str,
    cached: bool,
    session: str,
    output: OutputSink,
) -> Comparison:
    """Compares `container` with a fresh build of the live Dockerfile in the context `files`.

    Without `cached` no step is taken from the builder's cache. The builder is the one that built
    the container's image. What is made on the engine carries the label `session` and is removed
    in the end. Raises `ContainerNotRunningError` for a container that is not there, and
    `EngineError`, also for a build that fails.
    """
    info = await engine.container(container)
    if info is None:
        raise ContainerNotRunningError(
            f"there is no container {container!r} on this engine",
            hint="See `docker ps --all` for the names of those that are.",
        )
    image = await engine.image(info.image)
    labels = {f"{LABEL}.session": session, f"{LABEL}.container": info.id}
    context = build_context(dockerfile.generate_live_dockerfile(), files, files.context.dockerfile)
    try:
        fresh = await engine.build(
            pack(context.items.items(), context.files, lambda _: None),
            dockerfile=context.dockerfile,
            target=target,
            build_args=build_args,
            labels=labels,
            legacy=image.legacy if image is not None else None,
            cached=cached,
            output=output,
        )
        wanted = await _files_of_image(engine, fresh, labels)
        began = await _files_of_image(engine, info.image, labels)
        here = await _files(engine, info.id)
    finally:
        with anyio.CancelScope(shield=True):
            await remove_labelled(engine, session)
    graph = dockerfile.graph(build_args=build_args, target=target)
    left_out = {mount.strip("/") for mount in info.mounts}
    if context.dockerfile == DOCKERFILE:
        # What was sent beside the context, or instead of its own.
        left_out |= {p for p, _ in wanted.walk() if p.endswith((DOCKERFILE, "/.dockerignore"))}
    return compare(
        here, wanted, began, but=left_out, step_of=steps_of(graph.target, files.tree, wanted)
    )


def steps_of(stage: Stage, context: Tree, built: Tree) -> StepOf:
    """Which copy of `stage` writes a path last, as far as the context and the build tell."""
    written = [(step, _manifest(step, context, built)) for step in stage.steps]

    def step_of(path: str) -> Step | None:
        for step, wanted in reversed(written):
            from_elsewhere = isinstance(step, Copy) and step.origin is not None
            if path in wanted.items or (from_elsewhere and _is_below(path, step)):
                return step
        return None

    return step_of


def _manifest(step: Step, context: Tree, built: Tree) -> Manifest:
    if not isinstance(step, Copy) or step.origin is not None:
        return Manifest()
    there = built.get(step.dest.strip("/"))
    is_dir = step.dest_is_dir or (there is not None and there.kind == "dir")
    try:
        return manifest(step, context, Destination(step.dest, is_dir), None)
    except (MissingSource, Conflict):
        return Manifest()


def _is_below(path: str, step: Step) -> bool:
    return isinstance(step, Copy) and f"{path}/".startswith(f"{step.dest.rstrip('/')}/")


async def _files_of_image(engine: Engine, image: str, labels: Mapping[str, str]) -> Tree:
    return await _files(engine, await engine.create(image, labels=labels, start=False))


async def _files(engine: Engine, container: str) -> Tree:
    fetched = await fetch(engine.export(container), prefix="")
    fetched.close()
    return fetched.tree
