"""`WORKDIR`: later relative paths start here, and the directory exists."""

from __future__ import annotations

from dataclasses import replace

from livepush.model import Instruction, MakeDir, Scope
from livepush.stages.path import absolute
from livepush.words import expand


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, MakeDir]:
    path = absolute(scope.workdir, expand(instruction.operands, scope.env, scope.escape))
    owner = "" if scope.legacy else scope.user
    step = MakeDir(instruction.line, str(instruction), path, owner)
    return replace(scope, workdir=path), step
