"""Writes the live Dockerfile: the one to develop with, from the one to ship.

Every directive becomes its instruction in its place. With a live command, the other `CMD`s of its
stage go, so do the `RUN`s after it that no directive wrote, and the next `FROM` ends the file.
Every other line stays as it is, comments and parser directives included. A directive is one file
here, `dev_NAME.py`; nothing else lists them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from livepush.directives.reading import Warning_, read
from livepush.dockerfile import Source
from livepush.model import Instruction
from livepush.words import json_form

__all__ = ["Live", "Warning_", "preprocess"]


@dataclass(frozen=True, slots=True)
class Live:
    """The live Dockerfile.

    `instructions` carry the line numbers of the Dockerfile they come from. `live_point` is the
    index of the live command among them and `live_line` the line of its directive; both are None
    without one. `warnings` are in line order.
    """

    text: str
    instructions: tuple[Instruction, ...]
    live_point: int | None
    live_line: int | None
    warnings: tuple[Warning_, ...]


@dataclass(frozen=True, slots=True)
class _Stage:
    """The live command, and the lines between which its stage lies."""

    live: Instruction
    start: int
    end: float

    def drops(self, instruction: Instruction) -> bool:
        if instruction.line >= self.end:
            return True
        if instruction.keyword == "CMD":
            return self.start < instruction.line and instruction != self.live
        replayed = bool(instruction.directive)
        return instruction.keyword == "RUN" and instruction.line > self.live.line and not replayed


def preprocess(source: Source) -> Live:
    """The live Dockerfile of `source`; without directives, the same lines.

    Raises DockerfileParseError for a directive in a wrong place or with a value that its
    instruction does not take, and for two live commands.
    """
    reading = read(source)
    every = sorted((*source.instructions, *reading.written), key=lambda each: each.line)
    if reading.live is None:
        text = _text(source, reading.written, [], math.inf)
        return Live(text, tuple(every), None, None, reading.warnings)
    stage = _stage(reading.live, source)
    dropped = [each for each in every if stage.drops(each)]
    kept = tuple(each for each in every if not stage.drops(each))
    warnings = (*reading.warnings, *_obstacles(kept, stage))
    return Live(
        _text(source, reading.written, dropped, stage.end),
        kept,
        kept.index(reading.live),
        reading.live.line,
        tuple(sorted(warnings, key=lambda each: each.line)),
    )


def _stage(live: Instruction, source: Source) -> _Stage:
    starts = [each.line for each in source.instructions if each.keyword == "FROM"]
    start = max(line for line in starts if line < live.line)
    return _Stage(live, start, min((line for line in starts if line > live.line), default=math.inf))


def _text(
    source: Source,
    written: tuple[Instruction, ...],
    dropped: list[Instruction],
    end: float,
) -> str:
    lines = {number: line for number, line in enumerate(source.lines, start=1) if number < end}
    lines |= {each.line: f"{each.keyword} {each.text}" for each in written if each.line < end}
    gone = {number for each in dropped for number in range(each.line, each.end_line + 1)}
    return "".join(f"{line}\n" for number, line in lines.items() if number not in gone)


def _obstacles(kept: tuple[Instruction, ...], stage: _Stage) -> list[Warning_]:
    last = {each.keyword: each for each in kept if each.line > stage.start}
    warnings: list[Warning_] = []
    entrypoint = last.get("ENTRYPOINT")
    if entrypoint and json_form(entrypoint.operands) != ():
        message = "the ENTRYPOINT runs, and gets the live command as its arguments only"
        warnings.append(Warning_(entrypoint.line, message))
    healthcheck = last.get("HEALTHCHECK")
    if healthcheck and healthcheck.operands.upper() != "NONE":
        message = "the HEALTHCHECK goes on probing what the live command runs"
        warnings.append(Warning_(healthcheck.line, message))
    return warnings
