"""What a measurement rests on: the machine, its load, the engine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from benchmarks.wire import Wire


def load() -> float:
    return os.getloadavg()[0]


def facts(wire: Wire) -> list[str]:
    """A few words each: cores, memory, kernel, Python, engine and its storage."""
    engine, info = wire.json("GET", "/version"), wire.json("GET", "/info")
    return [*computer(), f"Docker Engine {engine['Version']} ({info['Driver']})"]


def computer() -> list[str]:
    """The same without an engine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{os.cpu_count()} cores of {_processor()}",
        f"{memory:.0f} GB",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
    ]


def _processor() -> str:
    names = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return next(names, platform.machine())
