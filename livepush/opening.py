"""Opens a session: from a Dockerfile and a running container to a container for every stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from livepush.engine import LABEL, ContainerInfo, Engine, ImageConfig
from livepush.errors import ContainerNotRunningError, InvalidArgumentError
from livepush.live import Dockerfile
from livepush.model import Graph, Stage
from livepush.snapshot import Snapshot
from livepush.stage_image import base_image, build_context, build_stage, with_stage_names
from livepush.stages import SCRATCH
from livepush.tree import Tree


@dataclass(slots=True)
class Opened:
    """What a session has made on the engine: the containers of the stages.

    `built_from` are the trees that the stages were built from which livepush built itself.
    """

    stages: dict[int, str] = field(default_factory=dict)
    built_from: dict[int, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller asked for; `stage_images` None means that they are built.

    `legacy` is whether the engine's own builder built the container's image, and not BuildKit;
    `platform` is that image's.
    """

    dockerfile: Dockerfile
    container: str
    stage_images: Sequence[str] | None
    build_args: Mapping[str, str]
    target: str
    session: str
    legacy: bool = False
    platform: str = ""

    def labels(self, stage: Stage | None = None) -> dict[str, str]:
        """The labels of what livepush makes on the engine."""
        named = {f"{LABEL}.session": self.session, f"{LABEL}.container": self.container}
        return named if stage is None else {**named, f"{LABEL}.stage": str(stage.index)}


async def running(engine: Engine, container: str) -> ContainerInfo:
    """The container, which must run. Raises `ContainerNotRunningError`."""
    info = await engine.container(container)
    if info is None:
        raise ContainerNotRunningError(
            f"there is no container {container!r} on this engine",
            hint="See `docker ps` for the names of those that run.",
        )
    if not info.running:
        raise ContainerNotRunningError(
            f"the container {container!r} is not running",
            hint=f"Start it with `docker start {container}`.",
        )
    return info


async def images_of(
    engine: Engine, request: Request, warn: Callable[[str], None]
) -> Mapping[str, ImageConfig]:
    """What the engine knows of the images that the stages start from, by name."""
    images = {}
    for name in request.dockerfile.base_images(request.build_args):
        image = await base_image(engine, name, request.labels(), legacy=request.legacy)
        if image is None:
            warn(f"the base image {name} cannot be had: its ENV, USER and WORKDIR are not known")
        else:
            images[name] = image
    return images


async def open_stages(engine: Engine, request: Request, graph: Graph, files: Snapshot) -> Opened:
    """Gives each followed stage but the last a container.

    Failed or cancelled, what was made by then carries the session's label. Raises
    `InvalidArgumentError` for a wrong number of stage images, `EngineError` where an image cannot
    be built or started.
    """
    stages = graph.stages[:-1]
    given = request.stage_images
    if given is not None and len(given) != len(stages):
        raise InvalidArgumentError(
            f"stage images: {len(given)} given, {len(stages)} needed, one for each stage of the "
            "live Dockerfile but its last",
            hint="Give one --stage-image a stage, in order, or none to have them built.",
        )
    opened = Opened()
    followed = [stage for stage in graph.followed() if stage.index != graph.target.index]
    for stage in followed:
        if given is not None:
            image = given[stage.index]
        else:
            image = await _built(engine, request, stage, files, opened)
        opened.stages[stage.index] = await engine.create(
            image, labels=request.labels(stage), start=stage.image != SCRATCH
        )
    return opened


async def _built(
    engine: Engine, request: Request, stage: Stage, files: Snapshot, opened: Opened
) -> str:
    text = with_stage_names(request.dockerfile.generate_live_dockerfile())
    context = build_context(text, files, files.context.dockerfile)
    image = await build_stage(
        engine,
        context,
        stage,
        build_args=request.build_args,
        labels=request.labels(stage),
        legacy=request.legacy,
    )
    opened.built_from[stage.index] = context.tree
    return image


async def remove_labelled(engine: Engine, session: str) -> None:
    """Removes all that carries the label of a session.

    By the label, because a build that was cancelled may have come to its end all the same.
    """
    for owned in await engine.owned():
        if (f"{LABEL}.session", session) in owned.labels:
            await (engine.remove if owned.kind == "container" else engine.remove_image)(owned.id)
