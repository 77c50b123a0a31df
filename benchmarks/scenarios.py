"""What is measured: what a context and its Dockerfile are like, which round, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks.change import Change
from benchmarks.rounds import (
    LARGE,
    MANY,
    OUT,
    PROBE,
    SLOW,
    Seat,
    body,
    changed,
    deleted,
    doomed_name,
    file_name,
    large,
    one,
    overtaken,
    safely,
    start,
)
from benchmarks.scenes import Setting
from benchmarks.tally import Measure

IMAGE = "livepush-base/debian:12"
_START = 10_000  # files

# Live, the application reloads by itself; else it is restarted, and shows what it started with.
_LIVE = f"FROM {IMAGE}\nWORKDIR /app\n#dev-cmd-live=sleep 1000000\nCOPY app ./\n"
_APPLICATION = (
    "trap 'exit 0' TERM; cp main.txt /started; cp out /ran; while :; do sleep 3600 & wait $!; done"
)
_CMD = f'CMD ["sh", "-c", "{_APPLICATION}"]\n'
_COLD = f"FROM {IMAGE}\nWORKDIR /app\nCOPY app ./\n{_CMD}"
_RUN = f"FROM {IMAGE}\nWORKDIR /app\nCOPY app ./\nCOPY package.json ./\nRUN {{command}}\n{_CMD}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`begun` is whether a round finds the contender ready; else each has a scene that is new."""

    name: str
    measures: tuple[Measure, ...]
    setting: Callable[[int], Setting]
    round: Callable[[Seat, int], Mapping[str, float]]
    runs: int
    begun: bool = True


def _probed(dockerfile: str, restarts: bool, *more: tuple[str, bytes]) -> Setting:
    files = {f"app/src/{n:02}.txt": b"%d\n" % n * 40 for n in range(50)}
    files |= {PROBE: b"", "app/main.txt": b"0\n", "package.json": b"{}\n"}
    return Setting(dockerfile, files | dict(more), restarts)


def _live(_: int) -> Setting:
    return _probed(_LIVE, restarts=False)


def _settings_of_run(command: str) -> Callable[[int], Setting]:
    return lambda _: _probed(_RUN.format(command=command), restarts=True)


def _with(files: Callable[[int], Iterable[tuple[str, bytes]]]) -> Callable[[int], Setting]:
    return lambda runs: _probed(_LIVE, False, *files(runs))


def _many(count: int) -> Iterable[tuple[str, bytes]]:
    return ((file_name(n), body(n, 0)) for n in range(count))


def _doomed(runs: int) -> Iterable[tuple[str, bytes]]:
    return ((doomed_name(run, n), body(n, 0)) for run in range(runs) for n in range(MANY))


def _measure(name: str, title: str, key: str = "", unit: str = "s") -> Measure:
    return Measure(name, key, title, unit)


_PACKAGE = Change(("package.json",), command=OUT, restarts=True)
_RESTART = Change(("app/main.txt",), restarts=True)

SCENARIOS = (
    Scenario("save", (_measure("save", "a save → visible"),), _live, one, 50),
    Scenario(
        "safe-save",
        (_measure("safe-save", "a safe save (temporary file, fsync, rename) → visible"),),
        _live,
        partial(one, write=safely),
        50,
    ),
    Scenario(
        "restart",
        (_measure("restart", "a save → the restarted application has read it"),),
        lambda _: _probed(_COLD, restarts=True),
        partial(one, change=_RESTART, shown="/started"),
        20,
    ),
    Scenario(
        "changed",
        (_measure("changed", "1,000 changed files → all visible"),),
        _with(lambda _: _many(MANY)),
        changed,
        10,
    ),
    Scenario(
        "deleted",
        (_measure("deleted", "1,000 deleted files → all gone"),),
        _with(_doomed),
        deleted,
        5,
    ),
    Scenario(
        "run",
        (_measure("run", "a save → its RUN's output"),),
        _settings_of_run(OUT),
        partial(one, change=_PACKAGE, shown="/app/out", settled="/ran"),
        20,
    ),
    Scenario(
        "large",
        (
            _measure("large", f"a file of {LARGE} MB → complete"),
            _measure("large", "the most memory meanwhile", "peak", "MB"),
        ),
        _live,
        large,
        5,
    ),
    Scenario(
        "overtaken",
        (_measure("overtaken", "a newer save while `RUN sleep 30` runs → its output"),),
        _settings_of_run(SLOW),
        overtaken,
        5,
    ),
    Scenario(
        "start",
        (
            _measure("start", "first start after a build, 10,000 files → ready", "first"),
            _measure("start", "start again → ready"),
            _measure("start", "CPU in 30 s idle", "idle", "CPU s"),
            _measure("start", "memory", "resident", "MB"),
        ),
        _with(lambda _: _many(_START)),
        start,
        3,
        begun=False,
    ),
)
