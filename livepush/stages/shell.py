"""`SHELL`: later `RUN`s in shell form are given to this command."""

from __future__ import annotations

from dataclasses import replace

from livepush.errors import DockerfileParseError
from livepush.model import Instruction, Scope
from livepush.words import json_form


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, None]:
    shell = json_form(instruction.operands)
    if not shell:
        raise DockerfileParseError(
            f"SHELL takes a JSON array of strings, not {instruction.operands!r}",
            line=instruction.line,
            hint='Write it as SHELL ["/bin/bash", "-c"].',
        )
    return replace(scope, shell=shell), None
