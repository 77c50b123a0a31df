"""`livepush verify`: the proof that a container holds what a fresh build would have put there."""

from __future__ import annotations

import json
import uuid

from livepush.commands import interrupt
from livepush.commands.complaint import tell
from livepush.commands.connection import Connection, connect
from livepush.commands.inputs import Inputs
from livepush.commands.showing import closing
from livepush.difference import Comparison, Difference
from livepush.legible import output_line, visible
from livepush.snapshot import Snapshot
from livepush.verification import verify as compare_with_build

_SHOWN = 20  # paths that the application wrote, for people


def verify(
    inputs: Inputs, connection: Connection, *, container: str, cached: bool, as_json: bool
) -> int:
    """Builds, compares and prints; returns 0, or 1 where they differ. Raises `LivepushError`."""

    def show_build(piece: bytes, _: bool) -> None:
        for line in piece.splitlines():
            tell(output_line(line))

    async def work() -> int:
        engine = connect(connection)
        async with closing(engine):
            comparison = await compare_with_build(
                engine,
                inputs.dockerfile,
                Snapshot(inputs.context, inputs.context.scan()),
                container=container,
                build_args=inputs.build_args,
                target=inputs.target,
                cached=cached,
                session=uuid.uuid4().hex[:12],
                output=show_build,
            )
        print(_as_json(comparison) if as_json else _as_text(comparison, container), flush=True)
        return 1 if comparison.differences else 0

    return interrupt.run(work, stopping=lambda: tell("livepush: stopping"))


def _as_json(comparison: Comparison) -> str:
    return json.dumps(
        {
            "equal": not comparison.differences,
            "differences": [
                {
                    "path": each.path,
                    "what": each.what,
                    "line": each.step.line if each.step else None,
                    "step": each.step.text if each.step else None,
                }
                for each in comparison.differences
            ],
            "notBuilt": list(comparison.not_built),
        }
    )


def _as_text(comparison: Comparison, container: str) -> str:
    lines = [f"{container} holds what a fresh build does"]
    if comparison.differences:
        count = len(comparison.differences)
        lines = [f"{container} differs from a fresh build in {count} path{'s' * (count > 1)}:"]
        lines += map(_described, comparison.differences)
    if comparison.not_built:
        lines.append(f"not built, written by the application: {len(comparison.not_built)}")
        lines += [f"  {visible(path)}" for path in comparison.not_built[:_SHOWN]]
        if len(comparison.not_built) > _SHOWN:
            lines.append(f"  and {len(comparison.not_built) - _SHOWN} more")
    return "\n".join(lines)


def _described(difference: Difference) -> str:
    step = difference.step
    origin = f"  (line {step.line}: {visible(step.text)})" if step else ""
    return f"  {visible(difference.path)}: {difference.what}{origin}"
