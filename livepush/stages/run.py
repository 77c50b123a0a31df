"""`RUN`: a command, with exactly the environment that the builder would give it."""

from __future__ import annotations

import re

from livepush.model import Fixed, Heredoc, Instruction, Run, Scope
from livepush.stages.reference import origin
from livepush.tree import clean
from livepush.words import expand, json_form

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_ONLY_HEREDOC = re.compile(r"<<-?(['\"]?)\w+\1\s*")
# Flags that leave a command what it is by itself.
_HARMLESS = {("network", "default"), ("security", "sandbox")}


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Run | Fixed]:
    refusal = _refusal(instruction)
    if refusal:
        sources, origins = _mounted(instruction, scope)
        text = str(instruction)
        return scope, Fixed(instruction.line, text, refusal, sources, True, origins)
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
    for flag in instruction.flags:
        if flag.name != "mount":
            continue
        mount = dict(part.partition("=")[::2] for part in (flag.value or "").split(","))
        stage = origin(mount.get("from"), scope)
        if isinstance(stage, int):
            stages.append(stage)
        elif stage is None and mount.get("type", "bind") == "bind":
            path = mount.get("source") or mount.get("src") or ""
            sources.append(clean(expand(path, scope.env, scope.escape)))
    return tuple(sources), tuple(stages)


def _is_script(instruction: Instruction) -> bool:
    return bool(instruction.heredocs) and bool(_ONLY_HEREDOC.fullmatch(instruction.operands))


def _with_bodies(instruction: Instruction) -> str:
    if _is_script(instruction):
        return instruction.heredocs[0].body
    return "\n".join([instruction.operands, *map(_as_written, instruction.heredocs)])


def _as_written(heredoc: Heredoc) -> str:
    return f"{heredoc.body}{heredoc.name}"


def _environment(scope: Scope) -> dict[str, str]:
    # Builders hand the proxies of the build arguments to every RUN, BuildKit in both spellings.
    proxies = {
        spelling: value
        for name, value in scope.arguments.given.items()
        if name.upper() in _PROXIES
        for spelling in ((name,) if scope.legacy else (name.upper(), name.lower()))
    }
    return {**proxies, **scope.env}
