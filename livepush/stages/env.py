"""`ENV`: from here on, and in every container of the image, these variables are set."""

from __future__ import annotations

from dataclasses import replace

from livepush.model import Instruction, Scope
from livepush.words import env_pairs


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, None]:
    pairs = dict(env_pairs(instruction.operands, scope.env, scope.escape))
    return replace(scope, env={**scope.env, **pairs}, kept={**scope.kept, **pairs}), None
