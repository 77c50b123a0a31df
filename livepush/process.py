"""A process, named so that others can tell what has become of it.

It is known by its id and when it began, on a machine between two starts of that; so another one
that has come to the same id is not taken for it.
"""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import Literal

Fate = Literal["over", "running", "elsewhere"]
"""Of a process; `elsewhere` is another machine or container, into which nobody sees from here."""

_PROC = Path("/proc")
_BEGAN = 19  # the place of the start time in `/proc/PID/stat`, behind the name; the state is first


def stamp() -> str:
    """The name of this process: letters, digits, dots and dashes."""
    return _stamp_of(os.getpid())


def fate(stamp: str) -> Fate:
    """What has become of the process of that name."""
    place, _, process = stamp.partition(".")
    pid, _, began = process.partition(".")
    if place != _place():
        return "elsewhere"
    now = _began(pid)
    if now == began:
        return "running"
    return "elsewhere" if not now and _is_hidden(pid) else "over"


@cache  # asked for with everything that is made
def _stamp_of(pid: int) -> str:
    return f"{_place()}.{pid}.{_began(str(pid))}"


def _is_hidden(pid: str) -> bool:
    """Whether there is a process of that id which only its owner may look at."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError, OverflowError):
        pass  # there is none
    return False


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
