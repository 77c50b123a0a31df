"""Rows of changes, in an event loop whose clock the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livepush import burst as burst_module
from livepush.burst import Burst


class Clock:
    """The running loop's clock, and what it is to call."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None], Timer]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        timer = Timer()
        self.timers.append((self.now + delay, call, timer))
        return timer

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, call, timer in due:
            if not timer.cancelled:
                call()


class Timer:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    running: Any = lambda: clock  # noqa: E731  # shorter than a function of its own
    monkeypatch.setattr(asyncio, "get_running_loop", running)
    return clock


def counted() -> tuple[Burst, list[str]]:
    doubts: list[str] = []
    return Burst(lambda: doubts.append("doubt")), doubts


def test_a_row_of_many_is_doubted_once_it_has_ended(clock: Clock) -> None:
    burst, doubts = counted()
    for _ in range(15):
        burst.add(100)
        clock.pass_by(0.1)
    assert doubts == []
    clock.pass_by(0.3)
    assert doubts == ["doubt"]
    clock.pass_by(10)
    assert doubts == ["doubt"]


def test_few_changes_are_no_reason_to_doubt(clock: Clock) -> None:
    burst, doubts = counted()
    for _ in range(100):
        burst.add(100)
        clock.pass_by(1)
    assert doubts == []


def test_a_file_that_is_written_all_the_time_does_not_put_off_the_doubt(clock: Clock) -> None:
    burst, doubts = counted()
    burst.add(5000)
    for _ in range(60):
        clock.pass_by(0.05)
        burst.add(1)
    assert doubts == ["doubt"]


def test_what_is_closed_doubts_nothing(clock: Clock) -> None:
    burst, doubts = counted()
    burst.add(5000)
    burst.close()
    clock.pass_by(10)
    assert doubts == []


def test_where_the_kernel_s_queue_is_short_few_changes_are_many(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "limit").write_text("160\n")
    monkeypatch.setattr(burst_module, "_QUEUE", tmp_path / "limit")
    burst, doubts = counted()
    burst.add(10)
    clock.pass_by(1)
    assert doubts == ["doubt"]
