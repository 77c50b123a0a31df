"""What sessions leave on an engine: whose it is, whether they are over, and its removal.

All that livepush makes is labelled with the process that made it. A process is known by its id
and when it began, on a machine between two starts of that; so another one that has come to the
same id is not taken for it.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from livepush.engine import LABEL, Engine, Owned
from livepush.errors import EngineError, EngineUnreachableError

Fate = Literal["over", "running", "elsewhere"]
"""Of a session; `elsewhere` is another machine or container, into which nobody sees from here."""

# The engine's own builder makes an image of every label, in the order of their names: that of the
# session comes first, so that by it all of them are found.
CONTAINER = f"{LABEL}.session.container"
_PROCESS = f"{LABEL}.session.process"
_PROC = Path("/proc")
_BEGAN = 19  # the place of the start time in `/proc/PID/stat`, behind the name; the state is first


def labels(session: str, container: str) -> dict[str, str]:
    """The labels of what this process makes for a session with that container."""
    return {
        f"{LABEL}.session": session,
        CONTAINER: container,
        _PROCESS: f"{_place()}.{os.getpid()}.{_began(str(os.getpid()))}",
    }


def fate(owned: Owned) -> Fate:
    """What has become of the session that made it; without a label, it is over."""
    label = dict(owned.labels).get(_PROCESS)
    if label is None:
        return "over"
    place, _, process = label.partition(".")
    pid, _, began = process.partition(".")
    if place != _place():
        return "elsewhere"
    return "running" if _began(pid) == began else "over"


async def remove(engine: Engine, found: Iterable[Owned]) -> None:
    """Removes all of `found`, containers first as they come; images in use stay.

    Raises the first `EngineError` once the rest is removed, and at once where nothing answers.
    """
    errors: list[EngineError] = []
    for owned in found:
        try:
            await (engine.remove if owned.kind == "container" else engine.remove_image)(owned.id)
        except EngineUnreachableError:
            raise
        except EngineError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _place() -> str:
    """A name for this machine, and for this container where it is one; it reveals neither."""
    parts = socket.gethostname(), _line(Path("/etc/machine-id")), _namespace()
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _namespace() -> str:
    """The space that process ids are counted in."""
    try:
        return os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""


def _began(pid: str) -> str:
    """When a process began, since which start of the machine; empty where none runs."""
    fields = _line(_PROC / pid / "stat").rpartition(") ")[2].split()
    boot = _line(_PROC / "sys/kernel/random/boot_id")[:8]
    return f"{boot}-{fields[_BEGAN]}" if fields and fields[0] not in "ZX" else ""


def _line(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
