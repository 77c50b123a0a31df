"""The images of build stages: an engine builds each from the live Dockerfile, out of its cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from livepush.archive import Files, NoFiles
from livepush.buildcontext import DOCKERFILE, BuildContext, build_context, written
from livepush.dockerfile import parse
from livepush.engine import Engine, ImageConfig, Tell
from livepush.errors import EngineError
from livepush.model import Stage


@dataclass(frozen=True, slots=True)
class StageImage:
    """A stage's image, and what was `sent` for it where livepush had it built."""

    id: str
    sent: BuildContext | None = None


@dataclass(frozen=True, slots=True)
class StageBuilder:
    """Has the stages of the Dockerfile `text` built; it stands at `dockerfile` in the context.

    `labels` gives those of a stage's image. `legacy` is whether the builder is the engine's own, as
    it must be for the application's image, or BuildKit.
    """

    engine: Engine
    text: str
    dockerfile: str
    build_args: Mapping[str, str] = field(repr=False)
    labels: Callable[[Stage], Mapping[str, str]]
    legacy: bool

    async def build(self, stage: Stage, files: Files, tell: Tell | None = None) -> StageImage:
        """The stage's image, with the context as it is now.

        Raises `BuildFailedError` for a step that failed, and `EngineError`.
        """
        text, target = targeted(self.text, stage)
        context = build_context(text, files, self.dockerfile, legacy=self.legacy)
        image = await self.engine.build(
            context,
            target=target,
            build_args=self.build_args,
            labels=self.labels(stage),
            legacy=self.legacy,
            tell=tell,
        )
        return StageImage(image, context)


async def base_image(
    engine: Engine, name: str, labels: Mapping[str, str], *, legacy: bool
) -> ImageConfig | None:
    """The configuration of a base image, which the builder may hold without a name.

    None where the engine cannot have it at all.
    """
    known = await engine.image(name)
    if known is not None:
        return known
    text = f"FROM {name}\n".encode()
    context = BuildContext({DOCKERFILE: written(text)}, NoFiles(), DOCKERFILE, text)
    try:
        built = await engine.build(context, labels=labels, legacy=legacy)
    except EngineError:
        return None
    return await engine.image(built)


def targeted(text: str, stage: Stage) -> tuple[str, str]:
    """The Dockerfile `text`, and what a build of it calls `stage`: engines know no numbers.

    A stage without a name is given one, which loses no cache, unless it is the last one.
    """
    if stage.name:
        return text, stage.name
    source = parse(text)
    every = [each for each in source.instructions if each.keyword == "FROM"]
    if stage.index == len(every) - 1:
        return text, ""
    instruction, name = every[stage.index], f"livepush-stage-{stage.index}"
    flags = "".join(f"--{flag.name}={flag.value} " for flag in instruction.flags)
    lines = list(source.lines)
    lines[instruction.line - 1 : instruction.end_line] = [
        f"FROM {flags}{instruction.operands} AS {name}",
        *[""] * (instruction.end_line - instruction.line),
    ]
    return "\n".join(lines) + "\n", name
