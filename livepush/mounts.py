"""Whether a path is where something is mounted: what is there is not the container's own. Pure."""

from __future__ import annotations

from collections.abc import Iterable

ENGINES_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""What an engine mounts into every container that runs, whatever its image has there."""


def is_within(path: str, directory: str) -> bool:
    """Whether the absolute `path` is `directory`, or below it."""
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def over(path: str, mounts: Iterable[str]) -> str:
    """The mount that `path` is at or below; empty where there is none."""
    return next((mount for mount in mounts if is_within(path, mount)), "")


def touching(path: str, mounts: Iterable[str]) -> str:
    """A mount that `path` is at, below or above; empty where there is none."""
    found = (mount for mount in mounts if is_within(path, mount) or is_within(mount, path))
    return next(found, "")
