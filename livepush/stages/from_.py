"""`FROM`: a stage begins, with an image, or with all that an earlier stage has come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError
from livepush.model import Instruction, Scope, Stage, Step
from livepush.stages import proxy
from livepush.words import expand, split

# What BuildKit gives to every step, `COPY` included, of a stage whose image has none.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_UNKNOWN = ImageConfig(id="")


def begin(
    instruction: Instruction,
    stages: Sequence[Stage],
    start: Scope,
    images: Mapping[str, ImageConfig],
) -> Stage:
    """The stage that a `FROM` after `stages` opens; its scope's triggers are still to be run.

    `start` is what the lines before the first `FROM` declare, `images` what is known of images.
    Raises `DockerfileParseError` where no image is named.
    """
    words = split(instruction.operands)
    reference = _reference(words[0], instruction, start)
    known = {stage.name: stage.index for stage in stages if stage.name}
    numbers = {str(stage.index): stage.index for stage in stages}
    name = words[2].lower() if len(words) == 3 else ""
    parent = known.get(reference.lower())
    base: str | int
    steps: tuple[Step, ...]
    if parent is None:
        scope = _of_image(start, images.get(reference, _UNKNOWN))
        base, image, steps = reference, reference, ()
    else:
        scope = _of_stage(stages[parent].scope)
        base, image, steps = parent, stages[parent].image, stages[parent].steps
    scope = replace(scope, stages={**numbers, **known}, arguments=start.arguments)
    return Stage(len(stages), name, instruction.line, base, image, steps, scope)


def _reference(word: str, instruction: Instruction, start: Scope) -> str:
    reference = expand(word, start.arguments.defaults, start.escape)
    if not reference:
        raise DockerfileParseError(
            f"FROM {word} names no image once its build arguments are filled in",
            line=instruction.line,
            hint="Give the ARG a default, or pass --build-arg.",
        )
    return reference


def _of_stage(parent: Scope) -> Scope:
    # An `ENV` that an `ARG` hid is itself again.
    seen = proxy.as_given(parent.arguments) if parent.legacy else parent.env
    return replace(parent, env={**seen, **parent.kept})


def _of_image(start: Scope, image: ImageConfig) -> Scope:
    pairs = (variable.partition("=") for variable in image.env)
    env = {"PATH": _DEFAULT_PATH, **{name: value for name, _, value in pairs}}
    seen = proxy.as_given(start.arguments) if start.legacy else {}
    return replace(
        start,
        env={**seen, **env},
        kept=env,
        workdir=image.workdir or "/",
        user=image.user,
        shell=image.shell or start.shell,
        onbuild=image.onbuild,
    )
