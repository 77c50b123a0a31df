"""Instructions to stages: one small module an instruction, folded line by line.

Each module has `apply(instruction, scope)`, which returns the scope that the next line sees and
the step that the instruction is, or None for one that only changes the scope. Instructions that
are not named here (`CMD`, `LABEL`, `EXPOSE` …) leave no trace in files. `FROM` is the fold's own:
it opens a stage, with the scope and the steps of its parent where that is a stage too.

What only an engine knows, the configuration of the base images, comes in as `images`; without it
a base image is taken to have the defaults, which is what a plan without an engine can know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType

from livepush.dockerfile import parse_instruction
from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.model import Arguments, Graph, Instruction, Scope, Stage, Step
from livepush.stages import add, arg, copy, env, run, shell, user, workdir
from livepush.words import expand, split

SCRATCH = "scratch"
# What BuildKit gives to every step, `COPY` included, of a stage whose image has none.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_MODULES: Mapping[str, ModuleType] = {
    "ADD": add,
    "ARG": arg,
    "COPY": copy,
    "ENV": env,
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
    `linux/amd64`, is that of the image. Raises
    `DockerfileParseError` for what no builder takes, `InvalidArgumentError` for a `target` that
    no stage is called.
    """
    known = {} if legacy or not platform else arg.of_platform(platform)
    start = Scope(
        escape=escape,
        legacy=legacy,
        arguments=Arguments(given=dict(arguments or {}), defaults=known),
    )
    stages: list[Stage] = []
    for index, instruction in enumerate(instructions):
        try:
            if instruction.keyword == "FROM":
                stages.append(_open(instruction, stages, start, images or {}))
            elif stages:
                stages[-1] = _extended(stages[-1], instruction)
            else:
                declared = arg.declare(instruction, start.arguments, escape)
                start = replace(start, arguments=declared)
        except InvalidArgumentError as error:
            raise DockerfileParseError(
                error.message, line=instruction.line, hint=error.hint
            ) from error
        if index == live_point:
            stages[-1] = replace(stages[-1], live_from=len(stages[-1].steps))
    return Graph(_up_to(stages, target))


def base_images(
    instructions: Sequence[Instruction], arguments: Mapping[str, str], escape: str = "\\"
) -> tuple[str, ...]:
    """The names of the images that the stages start from, in order, each once."""
    graph = build_graph(instructions, arguments=arguments, escape=escape)
    names = [stage.image for stage in graph.stages if stage.image != SCRATCH]
    return tuple(dict.fromkeys(names))


def _open(
    instruction: Instruction,
    stages: Sequence[Stage],
    start: Scope,
    images: Mapping[str, ImageConfig],
) -> Stage:
    words = split(instruction.operands)
    reference = expand(words[0], start.arguments.defaults, start.escape)
    if not reference:
        raise DockerfileParseError(
            f"FROM {words[0]} names no image once its build arguments are filled in",
            line=instruction.line,
            hint="Give the ARG a default, or pass --build-arg.",
        )
    name = words[2].lower() if len(words) == 3 else ""
    known = {stage.name: stage.index for stage in stages if stage.name}
    numbers = {str(stage.index): stage.index for stage in stages}
    parent = known.get(reference.lower())
    scope = (
        _inherited(stages[parent].scope)
        if parent is not None
        else _image_scope(start, images.get(reference))
    )
    stage = Stage(
        index=len(stages),
        name=name,
        line=instruction.line,
        base=reference if parent is None else parent,
        image=reference if parent is None else stages[parent].image,
        steps=() if parent is None else stages[parent].steps,
        scope=replace(scope, stages={**numbers, **known}, arguments=start.arguments),
    )
    triggers = _triggers(parent, stages, images.get(reference))
    for text in triggers:
        stage = _extended(stage, parse_instruction(text, line=instruction.line))
    return stage


def _inherited(parent: Scope) -> Scope:
    env = parent.env
    if parent.legacy:
        env = {name: value for name, value in env.items() if name in parent.kept}
    return replace(parent, env=env, onbuild=())


def _triggers(
    parent: int | None, stages: Sequence[Stage], image: ImageConfig | None
) -> tuple[str, ...]:
    if parent is not None:
        return stages[parent].scope.onbuild
    return image.onbuild if image else ()


def _image_scope(start: Scope, image: ImageConfig | None) -> Scope:
    if image is None:
        return replace(start, env={"PATH": _DEFAULT_PATH}, kept=frozenset({"PATH"}))
    pairs = (variable.partition("=") for variable in image.env)
    env = {"PATH": _DEFAULT_PATH, **{name: value for name, _, value in pairs}}
    return replace(
        start,
        env=env,
        kept=frozenset(env),
        workdir=image.workdir or "/",
        user=image.user,
        shell=image.shell or start.shell,
    )


def _extended(stage: Stage, instruction: Instruction) -> Stage:
    if instruction.keyword == "ONBUILD":
        triggers = (*stage.scope.onbuild, instruction.text)
        return replace(stage, scope=replace(stage.scope, onbuild=triggers))
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
