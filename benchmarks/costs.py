"""What a process and its children cost, from /proc. Those that have ended cost nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """What all of them have used since each began."""
    fields = [text.rpartition(")")[2].split() for text in _texts(process, "stat")]
    return sum(int(each[11]) + int(each[12]) for each in fields) / _TICKS


def resident_mb(process: int, field: str = "VmRSS") -> float:
    """Their memory now, or with `VmHWM` the most that it was since `forget_peak`."""
    lines = [line for text in _texts(process, "status") for line in text.splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def forget_peak(process: int) -> None:
    for each in _family(process):
        with suppress(FileNotFoundError, ProcessLookupError):
            Path(f"/proc/{each}/clear_refs").write_text("5")


def _texts(process: int, name: str) -> Iterator[str]:
    for each in _family(process):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield Path(f"/proc/{each}/{name}").read_text()


def _family(process: int) -> list[int]:
    children: list[int] = []
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, file.read_text().split())
    return [process, *(each for child in children for each in _family(child))]
