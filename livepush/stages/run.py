"""`RUN`: a command, with exactly the environment that the builder would give it."""

from __future__ import annotations

import re

from livepush.words import json_form
from livepush.model import Fixed, Heredoc, Instruction, Run, Scope

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_ONLY_HEREDOC = re.compile(r"<<-?(['\"]?)\w+\1\s*")
# Flags that leave a command what it is by itself.
_HARMLESS = {("network", "default"), ("security", "sandbox")}


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Run | Fixed]:
    refusal = _refusal(instruction)
    if refusal:
        return scope, Fixed(instruction.line, str(instruction), refusal, is_command=True)
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


def _is_script(instruction: Instruction) -> bool:
    return bool(instruction.heredocs) and bool(_ONLY_HEREDOC.fullmatch(instruction.operands))


def _with_bodies(instruction: Instruction) -> str:
    if _is_script(instruction):
        return instruction.heredocs[0].body
    return "\n".join([instruction.operands, *map(_as_written, instruction.heredocs)])


def _as_written(heredoc: Heredoc) -> str:
    return f"{heredoc.body}{heredoc.name}"


def _environment(scope: Scope) -> dict[str, str]:
    # BuildKit hands the proxies of the build arguments to every RUN, under both spellings.
    proxies = {
        spelling: value
        for name, value in scope.arguments.given.items()
        if name.upper() in _PROXIES
        for spelling in (name.upper(), name.lower())
    }
    return {"PATH": DEFAULT_PATH, **proxies, **scope.env}
