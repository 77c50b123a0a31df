"""What a process and its children cost, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """What all of them have used since each began."""
    total = 0
    for folder in _family(process):
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def resident_mb(process: int, field: str = "VmRSS") -> float:
    """Their memory now, or with `VmHWM` the most that it was since `forget_peak`."""
    total = 0
    for folder in _family(process):
        lines = (folder / "status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return total / 1024


def forget_peak(process: int) -> None:
    for folder in _family(process):
        (folder / "clear_refs").write_text("5")


def _family(process: int) -> Iterator[Path]:
    folder = Path(f"/proc/{process}")
    yield folder
    with suppress(FileNotFoundError, ProcessLookupError):
        for children in folder.glob("task/*/children"):
            for child in children.read_text().split():
                yield from _family(int(child))
