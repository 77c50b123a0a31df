"""`livepush plan`: what changes would lead to, and why."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from livepush.commands.complaint import tell, tell_warnings
from livepush.commands.inputs import Inputs
from livepush.leads import leads
from livepush.legible import visible
from livepush.model import Fixed
from livepush.plan import make_plan


def plan(inputs: Inputs, *, changed: Sequence[str], deleted: Sequence[str]) -> int:
    """Prints the plan of those changes on standard output, and why a rebuild is needed on error.

    Asks no engine, and returns 0. Raises `InvalidArgumentError` for a file outside of the context.
    """
    tell_warnings(inputs.dockerfile.warnings, inputs.shown)
    graph = inputs.graph()
    led = leads(graph, inputs.context.scan())
    planned = make_plan(graph, inputs.kept(changed), inputs.kept(deleted), led)
    print(*map(visible, planned.lines()), sep="\n", flush=True)
    sys.stdout.flush()
    for action in planned.actions:
        step = (
            graph.stages[action.stage].steps[action.position] if action.verb == "refuse" else None
        )
        if isinstance(step, Fixed):
            reason = f"{inputs.shown}:{step.line}: {step.text} {step.reason}"
            tell(f"livepush: {visible(reason)}; rebuild the image")
    return 0
