"""Instructions to stages: one small module an instruction, folded line by line.

Each module has `apply(instruction, scope)`, which returns the scope that the next line sees and
the step that the instruction is, or None for one that only changes the scope. Instructions that
are not named here (`CMD`, `LABEL`, `EXPOSE` …) leave no trace in files. `FROM` alone opens a stage,
with the scope and the steps of its parent where that is a stage too.

What only an engine knows, the configuration of the base images, comes in as `images`; without it
a base image is taken to have the defaults, which is what a plan without an engine can know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Literal

from livepush.dockerfile import parse_instruction
from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.model import Arguments, Copy, Fixed, Graph, Instruction, Scope, Stage, Step
from livepush.pattern import has_wildcard, literal_part
from livepush.stages import add, arg, copy, env, from_, onbuild, run, shell, user, workdir

SCRATCH = "scratch"

_MODULES: Mapping[str, ModuleType] = {
    "ADD": add,
    "ARG": arg,
    "COPY": copy,
    "ENV": env,
    "ONBUILD": onbuild,
    "RUN": run,
    "SHELL": shell,
    "USER": user,
    "WORKDIR": workdir,
}


def build_graph(
    instructions: Sequence[Instruction],
    *,
    live_point: int | None = None,
    arguments: Mapping[str, str] | None = None,
    images: Mapping[str, ImageConfig] | None = None,
    target: str = "",
    escape: str = "\\",
    legacy: bool = False,
    platform: str = "",
) -> Graph:
    """The stages of a live Dockerfile up to `target`, by default its last stage.

    `live_point` is the index of the live command among `instructions`. With `legacy` the rules are
    those of the engine's own builder, where they are not BuildKit's. `platform`, such as
    `linux/amd64`, is that of the image. Raises `DockerfileParseError` for what no builder takes,
    `InvalidArgumentError` for a `target` that no stage is called.
    """
    given = dict(arguments or {})
    known = arg.declared_by_itself(platform, given) if platform and not legacy else {}
    start = Scope(
        escape=escape,
        legacy=legacy,
        buildkit="" if legacy else _age_of_buildkit(images or {}),
        arguments=Arguments(given, known),
    )
    fold = _Fold(start, images or {})
    for index, instruction in enumerate(instructions):
        fold.take(instruction)
        if index == live_point:
            fold.mark_live_point()
    graph = Graph(_up_to(fold.stages, target))
    return graph if legacy else _with_neighbours(graph)


def _with_neighbours(graph: Graph) -> Graph:
    """Has copies know of each other whose wildcards stand below a name, which may be a file's."""
    steps = [step for stage in graph.followed() for step in stage.steps]
    sources = tuple(dict.fromkeys(source for step in steps for source in _of_context(step)))

    def told(step: Step) -> Step:
        mine = _of_context(step)
        if not (isinstance(step, Copy) and any(has_wildcard(s) and literal_part(s) for s in mine)):
            return step
        return replace(step, beside=tuple(source for source in sources if source not in mine))

    stages = (replace(stage, steps=tuple(map(told, stage.steps))) for stage in graph.stages)
    return replace(graph, stages=tuple(stages))


def _of_context(step: Step) -> tuple[str, ...]:
    if isinstance(step, Fixed):
        return step.sources
    return step.sources if isinstance(step, Copy) and step.origin is None else ()


def _age_of_buildkit(images: Mapping[str, ImageConfig]) -> Literal["", "old", "new"]:
    if not images:
        return ""
    return "old" if any(image.old_buildkit for image in images.values()) else "new"


def base_images(
    instructions: Sequence[Instruction], arguments: Mapping[str, str], escape: str = "\\"
) -> tuple[str, ...]:
    """The names of the images that the stages start from, in order, each once."""
    graph = build_graph(instructions, arguments=arguments, escape=escape)
    names = [stage.image for stage in graph.stages if stage.image != SCRATCH]
    return tuple(dict.fromkeys(names))


@dataclass(slots=True)
class _Fold:
    """What the lines so far come to; `start` is the scope that a stage of an image begins with."""

    start: Scope
    images: Mapping[str, ImageConfig]
    stages: list[Stage] = field(default_factory=list)

    def take(self, instruction: Instruction) -> None:
        try:
            self._take(instruction)
        except InvalidArgumentError as error:
            raise DockerfileParseError(
                error.message, line=instruction.line, hint=error.hint
            ) from error

    def mark_live_point(self) -> None:
        last = self.stages[-1]
        self.stages[-1] = replace(last, live_from=len(last.steps))

    def _take(self, instruction: Instruction) -> None:
        if instruction.keyword == "FROM":
            stage = from_.begin(instruction, self.stages, self.start, self.images)
            self.stages.append(_triggered(stage))
        elif self.stages:
            self.stages[-1] = _extended(self.stages[-1], instruction)
        else:
            self.start = arg.declare(instruction, self.start)


def _triggered(stage: Stage) -> Stage:
    """A new stage after the triggers that it inherits, which are not its own to hand on."""
    triggers = stage.scope.onbuild
    stage = replace(stage, scope=replace(stage.scope, onbuild=()))
    for text in triggers:
        stage = _extended(stage, parse_instruction(text, line=stage.line))
    return stage


def _extended(stage: Stage, instruction: Instruction) -> Stage:
    module = _MODULES.get(instruction.keyword)
    if module is None:
        return stage
    scope: Scope
    step: Step | None
    scope, step = module.apply(instruction, stage.scope)
    return replace(stage, scope=scope, steps=(*stage.steps, step) if step else stage.steps)


def _up_to(stages: Sequence[Stage], target: str) -> tuple[Stage, ...]:
    if not target:
        return tuple(stages)
    for stage in reversed(stages):
        if target.lower() in (stage.name, str(stage.index)):
            return tuple(stages[: stage.index + 1])
    named = ", ".join(stage.name for stage in stages if stage.name) or "none has a name"
    raise InvalidArgumentError(
        f"no stage of the live Dockerfile is called {target!r} (stages: {named})",
        hint="Name one with FROM … AS NAME; a live command drops the stages after its own.",
    )
