"""Opens a session: from a Dockerfile and a running container to a container for every stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livepush import leftovers
from livepush.archive import Files
from livepush.engine import LABEL, ContainerInfo, Engine, ImageConfig
from livepush.errors import BuildFailedError, ContainerNotRunningError, InvalidArgumentError
from livepush.executor import Played
from livepush.live import Dockerfile
from livepush.model import Fixed, Graph, Replay, Stage
from livepush.stage_image import StageBuilder, StageImage, base_image
from livepush.stages import SCRATCH

GRACE = 0.08  # seconds between TERM and KILL for a command that was overtaken
_LONGEST = 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller asked for; `stage_images` None means that they are built.

    A command that is overtaken has `grace` seconds. `replay` is how commands come again. `legacy`
    is whether the engine's own builder built the container's image, and not BuildKit; `platform`
    is that image's. Raises `InvalidArgumentError` for a grace below none or above an hour.
    """

    dockerfile: Dockerfile
    container: str
    stage_images: Sequence[str] | None
    build_args: Mapping[str, str] = field(repr=False)
    target: str
    session: str
    grace: float = GRACE
    replay: Replay = "in-place"
    journals: Path | None = None
    legacy: bool = False
    platform: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.grace <= _LONGEST:
            raise InvalidArgumentError(
                f"a grace of {self.grace} seconds does not fit: 0 to {_LONGEST:.0f} do"
            )

    def labels(self, stage: Stage | None = None) -> dict[str, str]:
        """The labels of what livepush makes on the engine."""
        named = leftovers.labels(self.session, self.container)
        return named if stage is None else {**named, f"{LABEL}.stage": str(stage.index)}


async def existing(engine: Engine, container: str) -> ContainerInfo:
    """The container, which need not run. Raises `ContainerNotRunningError` where there is none."""
    info = await engine.container(container)
    if info is None:
        raise ContainerNotRunningError(
            f"there is no container {container!r} on this engine",
            hint="See `docker ps --all` for the names of those that there are.",
        )
    return info


async def images_of(
    engine: Engine, request: Request, warn: Callable[[str, int], None]
) -> Mapping[str, ImageConfig]:
    """What the engine knows of the images that the stages start from, by name.

    `warn` is told of one that cannot be had, and its line: its name may have a build argument's
    value in it, which is told to nobody.
    """
    images, args = {}, request.build_args
    lines = {stage.image: stage.line for stage in request.dockerfile.graph(build_args=args).stages}
    for name in request.dockerfile.base_images(args):
        image = await base_image(engine, name, request.labels(), legacy=request.legacy)
        if image is None:
            what = "the base image cannot be had: its ENV, USER and WORKDIR are not known"
            warn(what, lines[name])
        else:
            images[name] = image
    return images


async def open_stages(
    engine: Engine,
    request: Request,
    graph: Graph,
    builder: StageBuilder,
    files: Files,
    *,
    stand_in: str,
) -> dict[int, Played]:
    """Gives each followed stage but the last a container.

    Where a step of a stage fails, which a save may mend, it is one of the image `stand_in`.
    Failed or cancelled, what was made by then carries the session's label. Raises
    `InvalidArgumentError` for stage images that are too many, too few or not there, and
    `EngineError` where an image cannot be had or started.
    """
    stages = graph.stages[:-1]
    given = request.stage_images
    if given is not None and len(given) != len(stages):
        raise InvalidArgumentError(
            f"stage images: {len(given)} given, {len(stages)} needed, one for each stage of the "
            "live Dockerfile but its last",
            hint="Give one --stage-image a stage, in order, or none to have them built.",
        )
    for name in given or ():
        if await engine.image(name) is None:
            raise InvalidArgumentError(
                f"there is no image {name!r} on this engine",
                hint="See `docker images` for those that are, or give none to have them built.",
            )
    played = {}
    for stage in graph.followed():
        if stage.index == graph.target.index:
            continue
        built = True
        try:
            image = (
                await builder.build(stage, files)
                if given is None
                else StageImage(given[stage.index])
            )
        except BuildFailedError as error:
            if error.is_of_base or not all(map(_is_buildable, graph.followed())):
                raise
            # The engine's own builder builds, and fails with, those before it, too.
            built = not stage.steps
            image = StageImage(stage.image if built else stand_in)
        container = await engine.create(
            image.id,
            labels=request.labels(stage),
            start=built and stage.image != SCRATCH,
        )
        played[stage.index] = Played(container, image, built)
    return played


def _is_buildable(stage: Stage) -> bool:
    return all(step.buildable for step in stage.steps if isinstance(step, Fixed))


async def remove_leftovers(engine: Engine, container: str) -> None:
    """Removes what sessions with that container left on the engine that did not end themselves."""
    label = leftovers.CONTAINER, container
    found = [each for each in await engine.owned() if label in each.labels]
    await leftovers.remove(engine, [each for each in found if leftovers.fate(each) == "over"])


async def remove_labelled(engine: Engine, session: str) -> None:
    """Removes all that carries the label of a session, as `leftovers.remove` does.

    By the label, because a build that was cancelled may have come to its end all the same.
    """
    label = f"{LABEL}.session", session
    await leftovers.remove(engine, [each for each in await engine.owned() if label in each.labels])
