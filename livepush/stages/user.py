"""`USER`: later `RUN`s are this user's."""

from __future__ import annotations

from dataclasses import replace

from livepush.model import Instruction, Scope
from livepush.words import expand


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, None]:
    return replace(scope, user=expand(instruction.operands, scope.env, scope.escape)), None
