"""`ONBUILD`: an instruction for the stages and images that start from this one."""

from __future__ import annotations

from dataclasses import replace

from livepush.model import Instruction, Scope


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, None]:
    bodies = "".join(f"\n{each.body}{each.name}" for each in instruction.heredocs)
    return replace(scope, onbuild=(*scope.onbuild, instruction.text + bodies)), None
