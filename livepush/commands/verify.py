"""`livepush verify`: the proof that a container holds what a fresh build would have put there."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable

from livepush.commands import interrupt
from livepush.commands.complaint import tell
from livepush.commands.connection import Connection, connect
from livepush.commands.inputs import Inputs
from livepush.commands.showing import closing
from livepush.difference import Comparison, Difference
from livepush.engine import LABEL, BuildOutput, BuildProgress, BuildStep, BuildStepDone
from livepush.journal import journals
from livepush.legible import output_line, visible
from livepush.lines import Lines
from livepush.opening import Request
from livepush.verification import verify as compare_with_build

_OWN_STEP = f"LABEL {LABEL}."
_SHOWN = 20  # paths that the application wrote, for people


def verify(
    inputs: Inputs, connection: Connection, *, container: str, cached: bool, as_json: bool
) -> int:
    """Builds, compares and prints; returns 0, or 1 where they differ. Raises `LivepushError`."""

    async def work() -> int:
        engine = connect(connection)
        async with closing(engine):
            comparison = await compare_with_build(
                engine,
                _request(inputs, container),
                inputs.context,
                cached=cached,
                tell=_Build().show,
            )
        print(_as_json(comparison) if as_json else _as_text(comparison, container), flush=True)
        return 1 if comparison.differences else 0

    return interrupt.run(work, stopping=lambda: tell("livepush: stopping"))


def _request(inputs: Inputs, container: str) -> Request:
    return Request(
        dockerfile=inputs.dockerfile,
        container=container,
        stage_images=None,
        build_args=inputs.build_args,
        target=inputs.target,
        session=uuid.uuid4().hex[:12],
        journals=journals(os.environ),
    )


class _Build:
    """Shows on standard error what a build does: its steps, and their output below them."""

    def __init__(self) -> None:
        self._lines = Lines()

    def show(self, progress: BuildProgress) -> None:
        match progress:
            case BuildStep() if not progress.text.startswith(_OWN_STEP):
                tell(visible(progress.text))
            case BuildOutput():
                stream = progress.number, progress.is_stderr
                _tell_output(self._lines.feed(stream, progress.data))
            case BuildStepDone():
                _tell_output(self._lines.rest())


def _tell_output(lines: Iterable[bytes]) -> None:
    for line in lines:
        tell(f"  │ {output_line(line)}".rstrip())


def _as_json(comparison: Comparison) -> str:
    return json.dumps(
        {
            "equal": not comparison.differences,
            "differences": [
                {
                    "path": _readable(each.path),
                    "what": _readable(each.what),
                    "line": each.step.line if each.step else None,
                    "step": _readable(each.step.text) if each.step else None,
                }
                for each in comparison.differences
            ],
            "notBuilt": [_readable(path) for path in comparison.not_built],
        }
    )


def _readable(text: str) -> str:
    """Text that readers of JSON take, which refuse bytes that are not UTF-8."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _as_text(comparison: Comparison, container: str) -> str:
    name = visible(container)
    lines = [f"{name} holds what a fresh build does"]
    if comparison.differences:
        count = len(comparison.differences)
        lines = [f"{name} differs from a fresh build in {count} path{'s' * (count > 1)}:"]
        lines += map(_described, comparison.differences)
    if comparison.not_built:
        lines.append(f"not built, written by the application: {len(comparison.not_built)}")
        lines += [f"  {visible(path)}" for path in comparison.not_built[:_SHOWN]]
        if len(comparison.not_built) > _SHOWN:
            lines.append(f"  and {len(comparison.not_built) - _SHOWN} more")
    return "\n".join(lines)


def _described(difference: Difference) -> str:
    step = difference.step
    origin = f"  (line {step.line}: {' '.join(step.text.split())})" if step else ""
    return visible(f"  {difference.path}: {difference.what}{origin}")
