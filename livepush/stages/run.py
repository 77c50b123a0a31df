"""`RUN`: a command, with exactly the environment that the builder would give it."""

from __future__ import annotations

import csv

from livepush.citation import cite
from livepush.errors import InvalidArgumentError
from livepush.heredoc import delimiter
from livepush.model import Fixed, Heredoc, Instruction, Run, Scope
from livepush.stages import proxy
from livepush.stages.reference import origin
from livepush.tree import clean
from livepush.words import expand, json_form

# Mounts of what only the one who runs a build can lend to it.
_LENT = ("secret", "ssh")
# Flags that leave a command what it is by itself.
_HARMLESS = {("network", "default"), ("security", "sandbox")}


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Run | Fixed]:
    refusal = _refusal(instruction)
    if refusal:
        sources, origins = _mounted(instruction, scope)
        return scope, Fixed(
            line=instruction.line,
            text=str(instruction),
            reason=refusal,
            sources=sources,
            is_command=True,
            origins=origins,
            buildable=not any(mount["type"] in _LENT for mount in _mounts(instruction)),
        )
    command = _with_bodies(instruction)
    argv = json_form(instruction.operands) if not instruction.heredocs else None
    return scope, Run(
        line=instruction.line,
        text=str(instruction),
        command=command,
        argv=argv or (*scope.shell, command),
        env=tuple(_environment(scope).items()),
        user=scope.user,
        workdir=scope.workdir,
    )


def _refusal(instruction: Instruction) -> str:
    for flag in instruction.flags:
        if (flag.name, flag.value) not in _HARMLESS:
            return f"uses --{flag.name}, which only a build can give to a command"
    if _is_script(instruction) and instruction.heredocs[0].body.startswith("#!"):
        return "is a script with an interpreter of its own, which only a build can start"
    return ""


def _mounted(instruction: Instruction, scope: Scope) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """What the mounts show to the command: paths of the build context, and stages."""
    sources: list[str] = []
    stages: list[int] = []
    for mount in _mounts(instruction):
        stage = origin(mount.get("from"), scope)
        if isinstance(stage, int):
            stages.append(stage)
        elif stage is None and mount["type"] == "bind":
            path = mount.get("source") or mount.get("src") or ""
            sources.append(clean(expand(path, scope.env, scope.escape)))
    return tuple(sources), tuple(stages)


def _mounts(instruction: Instruction) -> list[dict[str, str]]:
    """The fields of each `--mount`. Raises `InvalidArgumentError` where they cannot be parted."""
    values = [flag.value or "" for flag in instruction.flags if flag.name == "mount"]
    return [
        {"type": "bind", **dict(field.partition("=")[::2] for field in _fields(value))}
        for value in values
    ]


def _fields(value: str) -> list[str]:
    try:
        return next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise InvalidArgumentError(f"--mount={cite(value)} is no line of CSV: {error}") from error


def _is_script(instruction: Instruction) -> bool:
    return bool(instruction.heredocs) and delimiter(instruction.operands) is not None


def _with_bodies(instruction: Instruction) -> str:
    if _is_script(instruction):
        return instruction.heredocs[0].body
    return "\n".join([instruction.operands, *map(_as_written, instruction.heredocs)])


def _as_written(heredoc: Heredoc) -> str:
    return f"{heredoc.body}{heredoc.name}"


def _environment(scope: Scope) -> dict[str, str]:
    return {**scope.env, **({} if scope.legacy else proxy.in_both_spellings(scope.arguments))}
