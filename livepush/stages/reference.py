"""`--from` and `from=`: which stage or image a step takes files from."""

from __future__ import annotations

from livepush.model import Scope


def origin(reference: str | None, scope: Scope) -> int | str | None:
    """The stage or image of a reference; names are compared as Docker does, without their case."""
    if not reference:
        return None
    if reference.isdigit() and int(reference) in scope.stages.values():
        return int(reference)
    return scope.stages.get(reference.lower(), reference)
