"""Other build arguments in a session that runs: commands may change by them, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from livepush.errors import InvalidArgumentError
from livepush.model import Copy, Fixed, Graph, Run, Stage, Step


def with_commands(graph: Graph, other: Graph) -> Graph:
    """`graph` with the commands of `other`, which is of the same Dockerfile.

    Raises `InvalidArgumentError` where anything else differs: only another image is like that.
    """
    if len(graph.stages) != len(other.stages):
        raise _refusal("the stages", graph.target.line)
    return replace(graph, stages=tuple(map(_stage, graph.stages, other.stages)))


def _stage(stage: Stage, other: Stage) -> Stage:
    if replace(stage, steps=(), scope=other.scope) != replace(other, steps=()):
        raise _refusal("what FROM names", other.line)
    if len(stage.steps) != len(other.steps):
        raise _refusal("what the image of FROM triggers", other.line)
    return replace(stage, steps=tuple(map(_step, stage.steps, other.steps)), scope=other.scope)


def _step(step: Step, other: Step) -> Step:
    if isinstance(step, Run) and isinstance(other, Run) and step.line == other.line:
        return other
    unpacks = isinstance(step, Fixed) and isinstance(other, Copy) and step.sources == other.sources
    if step == other or (unpacks and step.line == other.line):
        return step
    raise _refusal(other.text, other.line)


def _refusal(what: str, line: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"line {line}: {what} differs with those build arguments",
        hint="Rebuild the image with them; commands alone can get others while a session runs.",
    )
