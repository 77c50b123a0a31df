"""`livepush dockerfile`: the live Dockerfile."""

from __future__ import annotations

import sys

from livepush.commands.complaint import tell_warnings
from livepush.commands.inputs import Inputs


def dockerfile(inputs: Inputs) -> int:
    """Prints the live Dockerfile on standard output, its warnings on standard error; returns 0."""
    tell_warnings(inputs.dockerfile.warnings, inputs.shown)
    text = inputs.dockerfile.generate_live_dockerfile()
    sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
    sys.stdout.buffer.flush()
    return 0
