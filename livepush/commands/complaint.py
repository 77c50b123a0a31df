"""What the command line says, and with which code it ends, when something is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from livepush.directives import Warning_
from livepush.errors import (
    ContainerNotRunningError,
    DockerfileParseError,
    InvalidArgumentError,
    LivepushError,
    UnsupportedError,
)
from livepush.legible import visible

FAILED, BAD_INPUT = 1, 2

_INPUT = (
    ContainerNotRunningError,
    DockerfileParseError,
    InvalidArgumentError,
    UnsupportedError,
)


def exit_code(error: LivepushError) -> int:
    """2 for what the user named or wrote, 1 for what the engine or the machine refused."""
    return BAD_INPUT if isinstance(error, _INPUT) else FAILED


def sentence(error: LivepushError, dockerfile: str) -> str:
    """The error for people; its line, where it has one, is of `dockerfile`."""
    place = ""
    if isinstance(error, DockerfileParseError | UnsupportedError):
        place = f"{dockerfile}:{error.line}: "
    said = f"{place}{error.message}"
    return _shown(f"{said}\n{error.hint}" if error.hint else said)


def warning(found: Warning_, dockerfile: str) -> str:
    """A warning of a Dockerfile for people."""
    return _shown(f"{dockerfile}:{found.line}: warning: {found.message}")


def tell(*lines: str) -> None:
    """Lines for people, on standard error."""
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def tell_warnings(warnings: Iterable[Warning_], dockerfile: str) -> None:
    """All warnings of a Dockerfile, on standard error."""
    for found in warnings:
        tell(warning(found, dockerfile))


def _shown(text: str) -> str:
    # What an engine says may have several lines.
    return "livepush: " + "\n  ".join(map(visible, text.splitlines()))
