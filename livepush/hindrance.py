"""What keeps an engine from writing into a container, read off its words. Pure.

Trying again does not help there: somebody has to make room, or start the container otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What is in the way, and what to do about it."""

    reason: str
    hint: str


_FULL = Hindrance(
    "there is no space left on the engine's disk",
    "Make room, as with `docker system prune`, and save once more.",
)
_READ_ONLY = Hindrance(
    "the container's file system is read-only",
    "Start the container without --read-only, or rebuild the image.",
)
_WORDS = {
    "no space left on device": _FULL,
    "disk quota exceeded": _FULL,
    "rootfs is marked read-only": _READ_ONLY,
    "read-only file system": _READ_ONLY,
}


def hindrance(message: str) -> Hindrance | None:
    """What an engine's `message` says is in the way; None for anything else."""
    said = message.lower()
    return next((found for words, found in _WORDS.items() if words in said), None)
