"""The rounds: each changes a context and watches its container.

They return seconds, CPU seconds or megabytes by the key of a measure, or raise `MissedError`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks.change import Change, place
from benchmarks.contenders import Running
from benchmarks.costs import cpu_seconds, forget_peak, resident_mb
from benchmarks.scenes import Scene
from benchmarks.sight import MissedError, now, seen

PROBE = "app/probe.txt"
MANY, LARGE = 1000, 256  # files, and MB of one
OUT = "cp package.json out"
SLOW = f"cp package.json begun; if grep -q slow package.json; then sleep 30; fi; {OUT}"
_BLOCK = 1 << 20
_SOON, _LONG = 20, 60  # seconds until a change is given up
_SLEPT = 45  # likewise, after which an older `sleep 30` is over, too
_AFTERWARDS = 0.3  # seconds in which nothing that has come may go again
_REST = 2  # seconds between what a start does and what idling costs


class Seat(Protocol):
    """What a round is given; `idle` is how many seconds of idling count."""

    scene: Scene
    running: Running
    idle: float

    def begin(self) -> None:
        """Starts the contender, as `running`, which is stopped at the end at the latest."""


def _in_place(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def safely(path: Path, content: bytes) -> None:
    """As many editors save."""
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _anew(path: Path, content: bytes) -> None:
    """As git checks out."""
    path.unlink()
    path.write_bytes(content)


def _stamp(number: int, word: str = "") -> bytes:
    return b"%d %d %s\n" % (number, time.time_ns(), word.encode())


def _told(seat: Seat, change: Change, write: Callable[[], object]) -> float:
    """Changes the context, and returns when that was done."""
    seat.running.prepare(change)
    write()
    done = now()
    seat.running.go()
    return done


def _until(seat: Seat, seconds: float, what: str, *conditions: Callable[[], bool]) -> float:
    return seen(list(conditions), seconds, seat.running.broken, what)


def probe(seat: Seat) -> None:
    """A save that does not count: whoever is ready takes it."""
    content = _stamp(0)
    _told(seat, Change((PROBE,)), lambda: _in_place(seat.scene.context / PROBE, content))
    _until(seat, _SOON, "probe", lambda: seat.scene.sight.holds(place(PROBE), content))
    seat.running.settle()


def one(
    seat: Seat,
    number: int,
    change: Change = Change(("app/main.txt",)),  # noqa: B008 - it is frozen
    write: Callable[[Path, bytes], None] = _in_place,
    shown: str = "/app/main.txt",
    settled: str = "",
) -> dict[str, float]:
    """One file, until `shown` has its content; and `settled`, before anything else is measured."""
    content, sight = _stamp(number), seat.scene.sight
    began = _told(seat, change, lambda: write(seat.scene.context / change.saved[0], content))
    visible = _until(seat, _SOON, shown, lambda: sight.holds(shown, content))
    if settled:
        _until(seat, _SOON, settled, lambda: sight.holds(settled, content))
    seat.running.settle()
    return {"": visible - began}


def file_name(number: int) -> str:
    return f"app/many/{number // 100:02}/{number % 100:02}.txt"


def body(number: int, version: int) -> bytes:
    """Its size tells the version, so that a look at it costs little."""
    return (b"%d %d\n" % (number, version)).ljust(600 + number * 37 % 900 + version, b".")


def changed(seat: Seat, number: int) -> dict[str, float]:
    sight, version = seat.scene.sight, number + 1
    files = {file_name(n): body(n, version) for n in range(MANY)}

    def write() -> None:
        for name, content in files.items():
            _anew(seat.scene.context / name, content)

    began = _told(seat, Change(tuple(files)), write)
    sizes = [partial(sight.sized, place(name), len(content)) for name, content in files.items()]
    ended = _until(seat, _LONG, "files", *sizes)
    seat.running.settle()
    time.sleep(_AFTERWARDS)  # a late undoing tells nobody: only time shows that none comes
    _all(sight.holds(place(name), content) for name, content in files.items())
    return {"": ended - began}


def doomed_name(round_: int, number: int) -> str:
    return f"app/gone{round_}/{number:04}.txt"


def deleted(seat: Seat, number: int) -> dict[str, float]:
    sight = seat.scene.sight
    names = [doomed_name(number, n) for n in range(MANY)]

    def delete() -> None:
        for name in names:
            (seat.scene.context / name).unlink()

    began = _told(seat, Change(deleted=tuple(names)), delete)
    ended = _until(seat, _LONG, "deletions", *(partial(sight.gone, place(n)) for n in names))
    seat.running.settle()
    time.sleep(_AFTERWARDS)  # a late undoing tells nobody: only time shows that none comes
    _all(sight.gone(place(name)) for name in names)
    return {"": ended - began}


def _all(right: Iterable[bool]) -> None:
    if wrong := sum(not one for one in right):
        raise MissedError(f"{wrong} wrong in the end")


def large(seat: Seat, number: int) -> dict[str, float]:
    name, sight, end = "app/large.bin", seat.scene.sight, _stamp(number)
    beside, block = seat.scene.folder / "large", os.urandom(_BLOCK)
    with beside.open("wb") as file:
        for n in range(LARGE):
            file.write(b"%08d" % n + block[8:])
        file.write(end)
        file.flush()
        os.fsync(file.fileno())
    size = beside.stat().st_size
    forget_peak(seat.running.pid)
    path = seat.scene.context / name
    began = _told(seat, Change((name,)), lambda: beside.rename(path))
    ended = _until(seat, _LONG, name, lambda: sight.ends(place(name), size, end))
    peak = resident_mb(seat.running.pid, "VmHWM")
    seat.running.settle()
    with path.open("rb") as ours, sight.file(place(name)).open("rb") as theirs:
        _all(ours.read(_BLOCK) == theirs.read(_BLOCK) for _ in range(LARGE + 1))
    return {"": ended - began, "peak": peak}


def overtaken(seat: Seat, number: int) -> dict[str, float]:
    name, sight = "package.json", seat.scene.sight
    path, slow, fast = seat.scene.context / name, _stamp(number, "slow"), _stamp(number)
    older = Change((name,), command=SLOW, restarts=True, lasts=True)
    newer = Change((name,), command=SLOW, restarts=True, overtakes=True)
    _told(seat, older, lambda: _in_place(path, slow))
    _until(seat, _SOON, "the RUN begins", lambda: sight.holds("/app/begun", slow))
    seat.running.settle()
    began = _told(seat, newer, lambda: _in_place(path, fast))
    ended = _until(seat, _SLEPT, "the newer RUN", lambda: sight.holds("/app/out", fast))
    _until(seat, _SOON, "the restart", lambda: sight.holds("/ran", fast))
    seat.running.settle()
    return {"": ended - began}


def start(seat: Seat, _: int) -> dict[str, float]:
    """Twice: what it finds out about an image that is just built, it may remember."""
    first = _started(seat)
    seat.running.stop()
    again = _started(seat)
    time.sleep(_REST)  # what the start still does is no idling
    before = cpu_seconds(seat.running.pid)
    time.sleep(seat.idle)  # the span that is measured
    idle = (cpu_seconds(seat.running.pid) - before) * 30 / seat.idle
    resident = resident_mb(seat.running.pid)
    if reason := seat.running.broken():
        raise MissedError(reason)
    return {"first": first, "": again, "idle": idle, "resident": resident}


def _started(seat: Seat) -> float:
    seat.begin()
    return seat.running.ready() - seat.running.began
